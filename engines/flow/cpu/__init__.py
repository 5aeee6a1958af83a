"""Backend ``cpu``: TV-L1 in numba, one thread a pair."""

import functools
import sys
import threading

import numpy as np

from engines.compiled import compiles
from engines.flow.backend import Solve, Solved
from engines.flow.cpu.compiled import Floats
from engines.flow.cpu.engine import solve
from engines.flow.cpu.workspace import Workspace
from engines.flow.light import normalise
from engines.flow.presets import Preset

# Seconds of compiling that pass without a word.
_PATIENCE = 2.5
# Image sizes whose buffers a thread keeps.
_KEPT = 4


def solver(preset: Preset) -> Solve:
    """A function that solves a pair. Compiles on first use on this machine, and says so."""
    run = _solver(preset)
    _compile(run)
    return run


def _solver(preset: Preset) -> Solve:
    own = threading.local()
    limit, tau_theta = preset.lam * preset.theta, preset.tau / preset.theta
    numbers = np.array([limit, tau_theta, preset.theta, preset.epsilon, preset.step], np.float32)
    rounds = np.array([preset.warps, preset.outer, preset.inner], np.int64)

    def workspace(height: int, width: int) -> Workspace:
        kept: dict[tuple[int, int], Workspace] = own.__dict__.setdefault("kept", {})
        if (height, width) not in kept:
            if len(kept) == _KEPT:
                kept.pop(next(iter(kept)))
            kept[height, width] = Workspace(height, width, preset)
        return kept[height, width]

    def run_pair(onset: Floats, apex: Floats) -> Solved:
        if preset.normalise:
            onset, apex = normalise(onset, apex)
        space = workspace(*onset.shape)
        space.fill(onset, apex)
        flow, quality, iterations = solve(
            space.onsets,
            space.apexes,
            space.sizes,
            space.starts,
            space.samples,
            space.state,
            space.mask,
            space.scratch,
            space.weights,
            space.wide_weights,
            numbers,
            rounds,
            preset.repeat_edges,
            preset.median,
        )
        return Solved(flow[0], flow[1], quality[0], quality[1], iterations)

    def run(onsets: Floats, apexes: Floats) -> list[Solved]:
        return [run_pair(onset, apex) for onset, apex in zip(onsets, apexes, strict=True)]

    return run


def _announce() -> None:
    """Says so once, unless it is this machine that is slow to load what it has."""
    if compiles():
        _say_compiling()


@functools.cache
def _say_compiling() -> None:
    print(
        "apexcam: compiling the flow engine for this processor, once, some seconds",
        file=sys.stderr,
        flush=True,
    )


def _compile(run: Solve) -> None:
    """Run once on a small pair, so that the first real one does not wait; say so if that takes long."""
    notice = threading.Timer(_PATIENCE, _announce)
    notice.daemon = True
    notice.start()
    try:
        blank = np.zeros((1, 16, 16), np.float32)
        run(blank, blank)
    finally:
        notice.cancel()
