"""Optical flow on the crops of a clip, by the one solver that every input and descriptor of it reads."""

from functools import cache

from engines.flow import Flow, Solver, open_solver
from offline.preparation.clip import PreparedClip
from offline.preparation.interpolation import resampled


@cache
def solver(preset: str) -> Solver:
    """TV-L1 on the CPU."""
    return open_solver("cpu", preset)


def onset_to_apex(clip: PreparedClip) -> Flow:
    """The flow from the onset to the apex, in pixels of the crop."""
    return solver(clip.flow)(clip.crops[clip.onset], clip.crops[clip.apex])


def frame_to_frame(clip: PreparedClip, count: int) -> list[Flow]:
    """The ``count - 1`` flows between neighbouring frames of the clip resampled to ``count`` frames."""
    volume = list(resampled(clip, count))
    return solver(clip.flow).batch(volume[:-1], volume[1:])
