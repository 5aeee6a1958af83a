"""One interface over the flow backends: what is here, which is best, and what all of them promise."""

import functools
import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.fallback import Fallback, Heard, Way, say
from engines.flow.presets import PRESETS, Preset

SMALLEST = 16
# A displacement, in pixels: where what is left unexplained could hide that much, confidence is a half.
HALF_TRUST = 0.5


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


# u, v, residual, confidence, each (H, W), and the number of iterations.
Solved = tuple[
    NDArray[np.float32], NDArray[np.float32], NDArray[np.float32] | None, NDArray[np.float32] | None, int
]
# From onsets and apexes, float32 (N, H, W) in grey levels 0..255, to the N answers.
Solve = Callable[[NDArray[np.float32], NDArray[np.float32]], list[Solved]]


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

        Args:
            onset: uint8 (H, W), or float in 0..1, at least 16x16.
            apex: the same shape and type.

        Raises:
            InputError: the images differ in size or type, are empty or too small, or hold NaN.
        """
        first, second = _pair(onset, apex)
        return self._flows(first[np.newaxis], second[np.newaxis])[0]

    def batch(self, onsets: Sequence[NDArray[np.uint8]], apexes: Sequence[NDArray[np.uint8]]) -> list[Flow]:
        """The flows of many pairs, each exactly what a single call gives; pairs of one size go together.

        Raises:
            InputError: as for a single call, or not as many apexes as onsets.
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


def _has_cuda() -> bool:
    if importlib.util.find_spec("engines.flow.cuda") is None:
        return False
    return bool(importlib.import_module("engines.flow.cuda").present())


def _has_cpu() -> bool:
    return (
        importlib.util.find_spec("engines.flow.cpu") is not None
        and importlib.util.find_spec("numba") is not None
    )


def _has_opencv() -> bool:
    import cv2

    return hasattr(getattr(cv2, "optflow", None), "DualTVL1OpticalFlow_create")


_PRESENT: dict[str, Callable[[], bool]] = {"cuda": _has_cuda, "cpu": _has_cpu, "opencv": _has_opencv}


@functools.cache
def _present() -> tuple[str, ...]:
    return tuple(name for name, here in _PRESENT.items() if here())


def backends() -> list[str]:
    """The backends that work on this machine, the best first: of cuda, cpu, opencv."""
    return list(_present())


def open_solver(
    backend: str = "auto", preset: str = "precise", *, or_next: bool = False, heard: Heard = say
) -> Solver:
    """Open a flow solver.

    Args:
        backend: "cuda", "cpu" or "opencv"; "auto" takes the best one present, and the next where it fails.
        preset: "precise" (ours, for small motion under changing light) or "opencv" (what the papers used).
        or_next: that a backend given by name hands over to the next too where it fails.
        heard: is told in one line of a backend that failed.

    Returns:
        A callable ``(onset, apex) -> Flow``, with ``.batch(onsets, apexes) -> list[Flow]``.

    Raises:
        InputError: an unknown backend or preset, or one that does not work on this machine.
    """
    if preset not in PRESETS:
        raise InputError(f"flow preset {preset!r} is unknown; choose one of {', '.join(PRESETS)}")
    if backend not in ("auto", *_PRESENT):
        raise InputError(f"flow backend {backend!r} is unknown; choose one of auto, {', '.join(_PRESENT)}")
    here = backends()
    if not here:
        raise InputError("no flow backend works here; install apexcam with its dependencies")
    if backend == "auto":
        return _open(here, preset, heard)
    if backend not in here:
        raise InputError(
            f"flow backend {backend!r} does not work on this machine; present: {', '.join(here)}"
        )
    return _open(here[here.index(backend) :] if or_next else [backend], preset, heard)


def _open(names: list[str], preset: str, heard: Heard) -> Solver:
    def way(name: str) -> Way[Solve]:
        # A GPU may be present and still refuse, with an old driver for example.
        make = importlib.import_module(f"engines.flow.{name}").solver
        return name, lambda: "", lambda: make(PRESETS[preset])

    return Solver(PRESETS[preset], Fallback("flow backend", [way(name) for name in names], heard))
