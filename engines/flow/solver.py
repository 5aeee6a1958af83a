"""One interface over the flow backends: what all of them promise, and handing over where one fails."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.fallback import Fallback
from engines.flow import registry
from engines.flow.backend import Solve
from engines.flow.presets import PRESETS, Preset
from engines.notices import OnNotice, notify

SMALLEST = 16


@dataclass(frozen=True)
class Flow:
    """Where every pixel of the onset has gone by the apex.

    ``u`` (right) and ``v`` (down) are float32 (H, W) in pixels: onset(x, y) looks like apex(x + u, y + v).
    ``residual`` float32 (H, W) is the grey-level difference that the flow leaves unexplained, ``confidence``
    float32 (H, W) runs from 0 (a guess) to 1; both are None where the backend cannot tell. ``iterations``
    counts those of all scales and warps.
    """

    u: NDArray[np.float32]
    v: NDArray[np.float32]
    residual: NDArray[np.float32] | None
    confidence: NDArray[np.float32] | None
    iterations: int
    backend: str
    preset: str


class Solver:
    """A backend with a preset, ready to measure. Safe to call from several threads."""

    def __init__(self, preset: Preset, using: Fallback[Solve]):
        self.preset = preset
        self._using = using

    @property
    def backend(self) -> str:
        """The one in use: another one takes over where it fails."""
        return self._using.name

    @property
    def failures(self) -> list[str]:
        """Better backends that were tried and failed, one line each."""
        return self._using.failures

    def __call__(self, onset: NDArray[np.uint8], apex: NDArray[np.uint8]) -> Flow:
        """Flow from ``onset`` to ``apex``.

        ``onset``: uint8 (H, W), or float in 0..1, at least 16x16; ``apex``: the same shape and type.

        Raises InputError where the images differ in size or type, are empty or too small, or hold NaN.
        """
        first, second = _pair(onset, apex)
        return self._flows(first[np.newaxis], second[np.newaxis])[0]

    def batch(self, onsets: Sequence[NDArray[np.uint8]], apexes: Sequence[NDArray[np.uint8]]) -> list[Flow]:
        """The flows of many pairs, each exactly what a single call gives; pairs of one size go together.

        Raises InputError as a single call does, and for another number of apexes than of onsets.
        """
        if len(onsets) != len(apexes):
            raise InputError(f"apexes: {len(apexes)} images for {len(onsets)} onsets; give one for each")
        pairs = [_pair(onset, apex) for onset, apex in zip(onsets, apexes, strict=True)]
        if len({onset.shape for onset, _ in pairs}) > 1:
            return [self(onset, apex) for onset, apex in zip(onsets, apexes, strict=True)]
        if not pairs:
            return []
        return self._flows(np.stack([onset for onset, _ in pairs]), np.stack([apex for _, apex in pairs]))

    def _flows(self, onsets: NDArray[np.float32], apexes: NDArray[np.float32]) -> list[Flow]:
        def solve(backend: str, by: Solve) -> list[Flow]:
            return [Flow(*solved, backend, self.preset.name) for solved in by(onsets, apexes)]

        return self._using.run(solve)


def _pair(
    onset: NDArray[np.uint8], apex: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Check a pair and bring it to float32 grey levels 0..255."""
    first, second = _grey("onset", onset), _grey("apex", apex)
    if first.shape != second.shape:
        raise InputError(
            f"apex: {_size(second)} is not the size of onset, {_size(first)}; give two crops of one size"
        )
    return first, second


def _size(image: NDArray[np.float32]) -> str:
    return f"{image.shape[0]}x{image.shape[1]}"


def _grey(name: str, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Check one image and bring it to float32 grey levels 0..255."""
    image = np.asarray(image)
    if image.size == 0:
        raise InputError(f"{name}: empty image; give a grey image of at least {SMALLEST}x{SMALLEST}")
    if image.ndim != 2:
        raise InputError(f"{name}: shape {image.shape} is not a grey image; give (height, width)")
    if min(image.shape) < SMALLEST:
        raise InputError(
            f"{name}: {image.shape[0]}x{image.shape[1]} is too small; at least {SMALLEST}x{SMALLEST}"
        )
    if image.dtype == np.uint8:
        return image.astype(np.float32)
    if image.dtype not in (np.float32, np.float64):
        raise InputError(f"{name}: type {image.dtype}; give uint8, or float32 in 0..1")
    if not np.isfinite(image).all():
        raise InputError(f"{name}: holds NaN or infinity; give finite grey levels")
    if image.min() < 0 or image.max() > 1:
        raise InputError(f"{name}: float values from {image.min():g} to {image.max():g}; scale them to 0..1")
    return (image * 255).astype(np.float32)


def open_solver(
    backend: str = "auto", preset: str = "precise", *, or_next: bool = False, on_notice: OnNotice = notify
) -> Solver:
    """Open a flow solver.

    ``backend`` is one of `registry.names()`, or "auto": the best of ours that works here, and the next where it
    fails; with ``or_next`` one given by name hands over likewise. ``preset`` is "precise" (ours, for small motion
    under changing light) or "opencv" (what the papers used). ``on_notice`` gets a line
    when a backend fails.

    Raises InputError for an unknown backend or preset, and for one that does not work on this machine.
    """
    if preset not in PRESETS:
        raise InputError(f"flow preset {preset!r} is unknown; choose one of {', '.join(PRESETS)}")
    ours = registry.backends(plugged_in=False)
    if backend == "auto":
        names = ours
        if not names:
            raise InputError("no flow backend works here; install apexcam with its dependencies")
    else:
        row = registry.backend(backend)
        if reason := registry.missing(backend):
            raise InputError(
                f"flow backend {backend!r} does not work on this machine ({reason}); "
                f"present: {', '.join(registry.backends())}"
            )
        if preset not in row.presets:
            raise InputError(f"flow backend {backend!r} has no preset {preset!r}: {', '.join(row.presets)}")
        next_ones = ours[ours.index(backend) + 1 :] if backend in ours else ours
        names = [backend, *(next_ones if or_next else [])]
    ways = [(name, lambda: "", partial(registry.backend(name).open, PRESETS[preset])) for name in names]
    return Solver(PRESETS[preset], Fallback("flow backend", ways, on_notice))
