"""Times every runtime on this machine, network by network, against PyTorch, and compares what they answer."""

import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from engines.errors import InputError
from engines.inference import RUNTIMES, open_classifier, runtimes
from engines.inference.model_file import MAP_SHAPE
from engines.labels import CLASSES

SHIPPED: Final = "shipped"
BATCHES: Final = (1, 16)
_SEED: Final = 0
# Turns of each contender at one batch size: as many as fit into so many seconds, within these bounds.
_TURNS: Final = (5, 400)
_SECONDS: Final = 4.0

_Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Row:
    """One runtime on one network: times of a call in ms, throughput, how many times PyTorch's speed, and the
    largest difference of any probability from PyTorch's (from ONNX Runtime's on the CPU where torch is not).
    """

    model: str
    runtime: str
    precision: str
    batch: int
    ms_p50: float
    ms_p99: float
    maps_per_s: float
    ratio_to_torch: float | None
    max_abs_diff: float


def report(*, as_json: bool, quick: bool, models: Sequence[str]) -> None:
    """Run the benchmark and print it: a JSON list of rows, or a table. Progress goes to stderr."""
    rows = list(measure(_chosen(models, quick=quick), quick=quick))
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    table = Table(
        title=f"one thread on the CPU; weights and maps of seed {_SEED}", box=box.SIMPLE, padding=(0, 1, 0, 0)
    )
    for name in ("network", "runtime"):
        table.add_column(name, no_wrap=True)
    for name in ("batch", "ms p50", "p99", "maps/s", "x torch", "differs"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        ratio = "" if row.ratio_to_torch is None else f"{row.ratio_to_torch:.2f}"
        speed = f"{row.ms_p50:.3f}", f"{row.ms_p99:.3f}", f"{row.maps_per_s:.0f}"
        names = row.model, f"{row.runtime} {row.precision}", str(row.batch)
        table.add_row(*names, *speed, ratio, f"{row.max_abs_diff:.0e}")
    Console().print(table)


def known() -> list[str]:
    """The networks that can be timed here: the shipped one, and with PyTorch all of the benchmark."""
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("onnx") is None:
        return [SHIPPED]
    from engines.networks import names

    return [SHIPPED, *names()]


def _chosen(models: Sequence[str], *, quick: bool) -> list[str]:
    for model in models:
        if model not in known():
            raise InputError(f"unknown network {model!r}: choose of {', '.join(known())}")
    return list(models) or (known()[:2] if quick else known())


def measure(models: Sequence[str], *, quick: bool) -> Iterator[Row]:
    """Every runtime here on every one of these networks, taking turns in this process."""
    for model in models:
        print(model, file=sys.stderr, flush=True)
        contenders = _contenders(model)
        for batch in BATCHES:
            maps = np.random.default_rng(_SEED).random((batch, *MAP_SHAPE), np.float32)
            yield from _cell(model, contenders, maps, _SECONDS / 10 if quick else _SECONDS)


def _contenders(model: str) -> dict[tuple[str, str], _Run]:
    """By runtime and precision, the reference first."""
    found: dict[tuple[str, str], _Run] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = None
        if model != SHIPPED:
            path = Path(folder) / f"{model}.onnx"
            found = _in_torch(model, path)
        # The CPU first: without PyTorch it is what the others are compared with.
        for runtime in runtimes()[::-1]:
            for precision in RUNTIMES[runtime].precisions:
                try:
                    found[runtime, precision] = open_classifier(path, runtime, precision=precision)
                except Exception as error:
                    print(f"{model}: {runtime} {precision} does not start: {error}", file=sys.stderr)
    return found


def _in_torch(model: str, path: Path) -> dict[tuple[str, str], _Run]:
    """The network with fresh weights in PyTorch, eager; written to ``path`` for the others."""
    import torch

    from engines.networks import open_network
    from engines.networks.onnx_file import Probabilities, to_onnx

    torch.manual_seed(_SEED)
    network = Probabilities([open_network(model, len(CLASSES))]).eval()
    path.write_bytes(to_onnx(network, model, CLASSES))

    def on(device: str) -> _Run:
        there = network.to(device)

        def run(maps: NDArray[np.float32]) -> NDArray[np.float32]:
            threads = torch.get_num_threads()
            torch.set_num_threads(1)
            try:
                with torch.inference_mode():
                    answer: NDArray[Any] = there(torch.from_numpy(maps).to(device)).cpu().numpy()
            finally:
                torch.set_num_threads(threads)
            return answer

        return run

    if torch.cuda.is_available():
        return {("torch-cuda", "fp32"): on("cuda")}
    return {("torch", "fp32"): on("cpu")}


def _cell(
    model: str, contenders: dict[tuple[str, str], _Run], maps: NDArray[np.float32], seconds: float
) -> Iterator[Row]:
    answers = {kind: run(maps) for kind, run in contenders.items()}
    reference = next(iter(answers.values()))
    times: dict[tuple[str, str], list[float]] = {kind: [] for kind in contenders}
    began = time.perf_counter()
    for turn in range(_TURNS[1]):
        if turn >= _TURNS[0] and time.perf_counter() - began > seconds:
            break
        for kind, run in contenders.items():
            start = time.perf_counter()
            run(maps)
            times[kind].append((time.perf_counter() - start) * 1e3)
    first, _ = next(iter(contenders))
    eager = float(np.median(next(iter(times.values())))) if first.startswith("torch") else None
    for (runtime, precision), spent in times.items():
        p50, p99 = (float(value) for value in np.percentile(spent, (50, 99)))
        yield Row(
            model=model,
            runtime=runtime,
            precision=precision,
            batch=len(maps),
            ms_p50=round(p50, 4),
            ms_p99=round(p99, 4),
            maps_per_s=round(len(maps) / p50 * 1e3, 1),
            ratio_to_torch=None if eager is None else round(eager / p50, 2),
            max_abs_diff=float(np.abs(answers[runtime, precision] - reference).max()),
        )
