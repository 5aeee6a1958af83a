"""The inverse of a map of pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


def find(goal: Float64, offset: Float64) -> tuple[Float64, Bool]:
    """Where a frame looks at the points `goal` of the resting face: at + offset(at) = goal. And whether it
    does so at all.

    goal: float64 (..., 2), px. offset: float64 (height, width, 2), bilinear between pixels. Fixed point: it
    converges where the map is smooth, and where it is not (the edge of a lid) there is mostly nothing to find.
    """
    at = goal.copy()
    for _ in range(40):
        miss = _miss(goal, at, offset)
        if np.quantile(np.hypot(miss[..., 0], miss[..., 1]), 0.999) < 1e-3:
            break
        at += miss
    return at, found(goal, at, offset)


def found(goal: Float64, at: Float64, offset: Float64) -> Bool:
    """Whether a frame looks at the points `goal` from `at`, and these lie in the frame: bool (...)."""
    height, width = offset.shape[:2]
    miss = _miss(goal, at, offset)
    hit = np.hypot(miss[..., 0], miss[..., 1]) < 0.05
    hit &= (
        (at[..., 0] > -0.5) & (at[..., 0] < width - 0.5) & (at[..., 1] > -0.5) & (at[..., 1] < height - 0.5)
    )
    return np.asarray(hit)


def _miss(goal: Float64, at: Float64, offset: Float64) -> Float64:
    from scipy.ndimage import map_coordinates

    miss = np.empty_like(at)
    for c in range(2):
        sampled = map_coordinates(offset[..., c], (at[..., 1], at[..., 0]), order=1, mode="nearest")
        miss[..., c] = goal[..., c] - at[..., c] - sampled
    return miss
