"""The inverse of a map of pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


def find(goal: Float64, offset: Float64) -> tuple[Float64, npt.NDArray[np.bool_]]:
    """Where a frame looks at the points `goal` of the resting face: at + offset(at) = goal. And whether it
    does so at all.

    goal: (..., 2). offset: (height, width, 2), bilinear between pixels. Fixed point: it converges where the
    map is smooth, and where it is not (the edge of a lid) there is mostly nothing to find.
    """
    from scipy.ndimage import map_coordinates

    height, width = offset.shape[:2]
    at = goal.copy()
    miss = np.zeros_like(at)
    for _ in range(40):
        for c in range(2):
            sampled = map_coordinates(offset[..., c], (at[..., 1], at[..., 0]), order=1, mode="nearest")
            miss[..., c] = goal[..., c] - at[..., c] - sampled
        if np.quantile(np.hypot(miss[..., 0], miss[..., 1]), 0.999) < 1e-3:
            break
        at += miss
    found = np.hypot(miss[..., 0], miss[..., 1]) < 0.05
    found &= (
        (at[..., 0] > -0.5) & (at[..., 0] < width - 0.5) & (at[..., 1] > -0.5) & (at[..., 1] < height - 0.5)
    )
    return at, found
