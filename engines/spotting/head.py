"""The head's own motion, separated from the face's: a small rigid motion fitted to all regions, robustly.

Six numbers in weak perspective: translation, scale, roll, and yaw and pitch acting through each region's depth.
An expression moves some regions and leaves the rest, so regions that disagree with the rigid motion lose their
weight (Geman & McClure 1987). What the fit leaves over is facial motion.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.compiled import compiled
from engines.spotting.motion import SURE
from engines.spotting.regions import RIGIDITY

# Roll, scale, yaw and pitch are expressed in pixels at this distance from the middle of the face.
_RADIUS_PX = 50.0
_ITERATIONS = 5
_OUTLIER_PX = 0.15
# What even the most rigid region moves by itself.
_UNRIGID_PX = 0.02


class HeadMotion:
    """Fits the rigid motion frame by frame. ``settle_s``: how slowly scale and the three turns may change."""

    def __init__(self, settle_s: float) -> None:
        self.settle_s = settle_s
        self._design: NDArray[np.float64] = np.zeros((0, 2, 6))
        self._pose: NDArray[np.float64] = np.zeros(6)

    def refer(self, centres: NDArray[np.int64], depths: NDArray[np.float64]) -> None:
        """Start from a new reference: region centres (R, 2) and depths (R,) in crop pixels."""
        self._design = design_of(centres, depths)
        self._pose = np.zeros(6)

    def remove(
        self,
        shift: NDArray[np.float64],
        match: NDArray[np.float64],
        noise: NDArray[np.float64],
        step_s: float,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What is left of ``shift`` (R, 2) without the head, and the head's pose (6,), both in crop pixels.

        ``match`` (R,) of the windows; ``noise`` (R, 2) standard deviations in pixels; ``step_s`` since the last frame.
        """
        low_pass = self.settle_s / max(step_s, 1e-3)
        self._pose = fit(self._design, shift, trust_in(match, noise), self._pose, low_pass)
        return shift - self._design @ self._pose, self._pose


def design_of(centres: NDArray[Any], depths: NDArray[np.float64]) -> NDArray[np.float64]:
    """How the six numbers of a head's pose move each region, (..., R, 2, 6).

    ``centres`` (..., R, 2) and ``depths`` (..., R) of one reference or many, crop pixels.
    """
    xy = (centres - np.average(centres, axis=-2, weights=RIGIDITY)[..., None, :]) / _RADIUS_PX
    z = (depths - np.average(depths, axis=-1, weights=RIGIDITY)[..., None]) / _RADIUS_PX
    found = np.zeros((*depths.shape, 2, 6))
    found[..., 0, 0] = found[..., 1, 1] = 1
    found[..., 0, 2], found[..., 1, 2] = xy[..., 0], xy[..., 1]
    found[..., 0, 3], found[..., 1, 3] = -xy[..., 1], xy[..., 0]
    found[..., 0, 4], found[..., 1, 5] = z, z
    return found


def trust_in(match: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (..., R, 2) of windows in the fit: ``match`` (..., R) with the reference, ``noise`` (R, 2) in pixels."""
    return np.asarray((RIGIDITY * (match > SURE))[..., None] / (noise**2 + _UNRIGID_PX**2))


@compiled()
def fit(design, shift, trust, previous, low_pass):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Pose (6,) of a head, from the last frame's: `design_of`, shift (R, 2), `trust_in`; ``low_pass`` in frames."""
    regions = design.shape[0]
    size = 6
    pose = previous.copy()
    for iteration in range(_ITERATIONS):
        normal = np.zeros((size, size))
        right = np.zeros(size)
        # Wide at first, so that a quick head motion is not taken for an expression of every region.
        width = _OUTLIER_PX * (4.0 if iteration == 0 else 2.0 if iteration == 1 else 1.0)
        for r in range(regions):
            rx, ry = shift[r, 0], shift[r, 1]
            for k in range(size):
                rx -= design[r, 0, k] * pose[k]
                ry -= design[r, 1, k] * pose[k]
            gone = (rx * rx + ry * ry) / (width * width)
            for axis in range(2):
                w = trust[r, axis] / ((1.0 + gone) * (1.0 + gone))
                for k in range(size):
                    right[k] += w * design[r, axis, k] * shift[r, axis]
                    for m in range(size):
                        normal[k, m] += w * design[r, axis, k] * design[r, axis, m]
        for k in range(size):
            hold = normal[k, k] * (low_pass if k >= 2 else 0.0) + 1e-9
            right[k] += hold * previous[k]
            normal[k, k] += hold
        # Gauss elimination; the matrix is symmetric and positive definite.
        for k in range(size):
            for row in range(k + 1, size):
                factor = normal[row, k] / normal[k, k]
                for column in range(k, size):
                    normal[row, column] -= factor * normal[k, column]
                right[row] -= factor * right[k]
        for k in range(size - 1, -1, -1):
            value = right[k]
            for column in range(k + 1, size):
                value -= normal[k, column] * pose[column]
            pose[k] = value / normal[k, k]
    return pose
