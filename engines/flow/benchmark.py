"""Times every flow solver on this machine and scores it on pairs whose motion is known."""

import json
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from engines.errors import InputError
from engines.flow.peers import Measure, Peer, Picture, peers
from engines.flow.registry import backend, backends
from engines.flow.solver import Solver, open_solver
from engines.flow.warped import CONDITIONS, Pair, warped_pair

SIZES: Final = ((170, 140), (224, 224), (400, 400))
AMPLITUDES: Final = (0.2, 1.0, 2.0)
# What a terminal has room for; every amplitude and light is in the JSON.
_COLUMNS: Final = 6
_TURNS: Final = 3
# A solver that takes longer than this, in ms, has one turn a pair.
_SLOW: Final = 100.0


@dataclass(frozen=True)
class Row:
    """One solver on one kind of pair: median time, and mean end-point error in and outside the moving region."""

    backend: str
    preset: str
    height: int
    width: int
    threads: int
    amplitude_px: float
    condition: str
    ms_p50: float
    ratio_to_cv2: float
    epe_inside: float
    epe_outside: float


def report(*, as_json: bool, quick: bool) -> None:
    """Run the benchmark and print it: a JSON list of rows, or a table. Progress goes to stderr."""
    rows = list(measure(quick=quick))
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        _print(rows)


def measure(*, quick: bool) -> Iterator[Row]:
    """Every solver here on every kind of pair, interleaved in this process, one thread each.

    ``quick`` keeps to one pair of one size, amplitude and light.
    """
    sizes, amplitudes, conditions = (
        (SIZES[:1], (1.0,), ("none",)) if quick else (SIZES, AMPLITUDES, CONDITIONS)
    )
    contenders = [*peers(), *_ours()]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for height, width in sizes:
            warm = warped_pair(0, height=height, width=width)
            for contender in contenders:
                contender.measure(warm.onset, warm.apex)
            for amplitude in amplitudes:
                for condition in conditions:
                    print(
                        f"{height}x{width}, {amplitude} px, light: {condition}", file=sys.stderr, flush=True
                    )
                    pairs = [
                        warped_pair(
                            seed, height=height, width=width, amplitude=amplitude, condition=condition
                        )
                        for seed in range(1 if quick else 3)
                    ]
                    yield from _cell(contenders, pairs, amplitude, condition)
    finally:
        cv2.setNumThreads(threads)


def _ours() -> Iterator[Peer]:
    """The backends that work here, with each of their presets; OpenCV's is among the peers."""
    for name in backends():
        for preset in backend(name).presets if name != "opencv" else ():
            try:
                solver = open_solver(name, preset)
                blank = np.zeros(SIZES[0], np.uint8)
                solver(blank, blank)
            except InputError as error:
                print(error, file=sys.stderr)
            else:
                yield Peer(name, preset, _of_ours(solver))


def _of_ours(solver: Solver) -> Measure:
    def measure_ours(onset: Picture, apex: Picture) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        flow = solver(onset, apex)
        return flow.u, flow.v

    return measure_ours


def _cell(contenders: list[Peer], pairs: list[Pair], amplitude: float, condition: str) -> Iterator[Row]:
    """All contenders on pairs of one kind, taking turns, so that a busy moment of the machine hits all alike."""
    times: list[list[float]] = [[] for _ in contenders]
    errors: list[list[tuple[float, float]]] = [[] for _ in contenders]
    for pair in pairs:
        for turn in range(_TURNS):
            for contender, spent, found in zip(contenders, times, errors, strict=True):
                if turn > 0 and spent[-1] > _SLOW:
                    continue
                began = time.perf_counter()
                u, v = contender.measure(pair.onset, pair.apex)
                spent.append((time.perf_counter() - began) * 1e3)
                if turn == 0:
                    error = np.hypot(u - pair.u, v - pair.v)
                    found.append((float(error[pair.inside].mean()), float(error[pair.outside].mean())))
    height, width = pairs[0].onset.shape
    reference = statistics.median(times[0])
    for contender, spent, found in zip(contenders, times, errors, strict=True):
        milliseconds = statistics.median(spent)
        yield Row(
            backend=contender.backend,
            preset=contender.preset,
            height=height,
            width=width,
            threads=1,
            amplitude_px=amplitude,
            condition=condition,
            ms_p50=round(milliseconds, 3),
            ratio_to_cv2=round(reference / milliseconds, 2),
            epe_inside=round(statistics.fmean(inside for inside, _ in found), 4),
            epe_outside=round(statistics.fmean(outside for _, outside in found), 4),
        )


def _print(rows: list[Row]) -> None:
    """One table an image size: time, then error inside/outside by amplitude and light."""
    console = Console()
    kinds = list(dict.fromkeys((row.amplitude_px, row.condition) for row in rows))
    if len(kinds) > _COLUMNS:
        kinds = [(px, light) for px, light in kinds if px == 1 or light == "none"]
    for size in dict.fromkeys((row.height, row.width) for row in rows):
        here = [row for row in rows if (row.height, row.width) == size]
        table = Table(title=f"{size[0]}x{size[1]}, one thread, {_processor()}")
        table.add_column("solver")
        for name in ("ms", "times cv2"):
            table.add_column(name, justify="right")
        for amplitude, condition in kinds:
            light = "" if condition == "none" else f"\n{condition}"
            table.add_column(f"{amplitude:g} px{light}", justify="right")
        for solver in dict.fromkeys((row.backend, row.preset) for row in here):
            own = {(r.amplitude_px, r.condition): r for r in here if (r.backend, r.preset) == solver}
            milliseconds = statistics.median(row.ms_p50 for row in own.values())
            ratio = statistics.median(row.ratio_to_cv2 for row in own.values())
            cells = [f"{own[kind].epe_inside:.3f}/{own[kind].epe_outside:.3f}" for kind in kinds]
            table.add_row(" ".join(solver), f"{milliseconds:.2f}", f"{ratio:.1f}", *cells)
        console.print(table)
    console.print("Errors: mean end-point error in px, in the moving region / away from it.")


def _processor() -> str:
    """The name of this machine's processor."""
    known = Path("/proc/cpuinfo")
    if known.is_file():
        for line in known.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
