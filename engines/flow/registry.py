"""The flow backends: one row each, the best first; other packages add theirs as entry points of ``apexcam.flow``."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engines import cuda, plugins
from engines.errors import InputError, first_line
from engines.flow.backend import Backend, Solve, Solved
from engines.flow.presets import Preset

Made = TypeVar("Made")


def _open_cuda(preset: Preset) -> Solve:
    from engines.flow.cuda import solver

    return solver(preset)


def _open_cpu(preset: Preset) -> Solve:
    from engines.flow.cpu import solver

    return solver(preset)


def _open_opencv(preset: Preset) -> Solve:
    from engines.flow.opencv import solver

    return solver(preset)


def _missing_opencv() -> str:
    import cv2

    return "" if hasattr(getattr(cv2, "optflow", None), "DualTVL1OpticalFlow_create") else "no cv2.optflow"


BACKENDS = {
    row.name: row
    for row in (
        Backend("cuda", "TV-L1 on an NVIDIA GPU, one CUDA graph", _open_cuda, cuda.missing),
        Backend("cpu", "TV-L1 in Numba, one thread a pair", _open_cpu),
        Backend("opencv", "OpenCV's DualTVL1, the solver of the papers", _open_opencv, _missing_opencv),
    )
}


def names() -> list[str]:
    """Every backend there is: ours, the best first, then those of other packages. Imports none of them."""
    return [*BACKENDS, *(name for name in plugins.names("flow") if name not in BACKENDS)]


def backend(name: str) -> Backend:
    """The row of that name. Raises InputError for an unknown one, and for a plugin that cannot be loaded."""
    if name in BACKENDS:
        return BACKENDS[name]
    if name not in names():
        raise InputError(f"flow backend {name!r} is unknown; choose one of auto, {', '.join(names())}")
    row = plugins.row("flow", name, Backend)
    return replace(row, open=lambda preset: _guarded(name, row, preset))


def _guarded(name: str, row: Backend, preset: Preset) -> Solve:
    """A backend of another package, whose every failure is one line that names it."""

    def tried(what: str, work: Callable[[], Made]) -> Made:
        try:
            return work()
        except InputError:
            raise
        except Exception as error:  # whatever a stranger's module raises
            raise InputError(f"flow backend {name!r} {what} ({first_line(error)})") from None

    solve = tried("does not start", lambda: row.open(preset))

    def checked(onsets: NDArray[np.float32], apexes: NDArray[np.float32]) -> list[Solved]:
        answers = tried("failed", lambda: [Solved(*answer) for answer in solve(onsets, apexes)])
        planes = [plane for answer in answers for plane in answer[:4] if plane is not None]
        if len(answers) != len(onsets) or any(
            getattr(plane, "dtype", None) != np.float32 or plane.shape != onsets.shape[1:] for plane in planes
        ):
            raise InputError(
                f"flow backend {name!r} does not answer each pair with float32 planes of its size"
            )
        return answers

    return checked


def missing(name: str) -> str:
    """Why the backend does not work on this machine, in a few words; empty where it does."""
    try:
        return backend(name).missing()
    except Exception as error:  # of a plugin anything; harmless to whoever did not ask for it
        return first_line(error)


def backends(*, plugged_in: bool = True) -> list[str]:
    """The backends that work on this machine, the best first; ``plugged_in``: those of other packages too."""
    return [name for name in (names() if plugged_in else BACKENDS) if not missing(name)]
