"""Eyelids and gaze: what happens inside the eye's opening, where a smooth field is not enough."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

# outer corner, along the lid, inner corner, for the eye on the left half of the image
_UPPER: Final = [33, 246, 161, 160, 159, 158, 157, 173, 133]
_LOWER: Final = [33, 7, 163, 144, 145, 153, 154, 155, 133]
_EDGE_PX: Final = 1.2  # over this length the lid's edge hides what lies behind it


class Eye:
    """One eye of a face at rest: its opening as two curves over the line between its corners.

    landmarks: float (478, 2+), frame px. pairs: landmark on the other side, or None for the eye on the left half of the image.
    """

    def __init__(self, landmarks: Float32, pairs: npt.NDArray[np.int16] | None) -> None:
        upper, lower = list(_UPPER), list(_LOWER)
        if pairs is not None:
            upper, lower = [int(k) for k in pairs[upper]], [int(k) for k in pairs[lower]]
        flat = landmarks[:, :2].astype(np.float64)
        a, b = flat[upper[0]], flat[upper[-1]]
        if a[0] > b[0]:
            a, b = b, a
        self.centre = (a + b) / 2
        self.half = float(np.hypot(*(b - a)) / 2)
        self._axis = (b - a) / (2 * self.half)
        self._upper = self._curve(flat[upper])
        self._lower = self._curve(flat[lower])
        middle = np.polyval(self._lower, 0.0) - np.polyval(self._upper, 0.0)
        self.opening = float(middle) * self.half
        unit = float(np.hypot(*(flat[454] - flat[234]))) / 200
        self._lash = 0.8 * unit
        self._skin = max(9 * unit, 0.9 * self.opening)
        reach_x, reach_y = 1.1 * self.half + 4, 1.6 * self.opening + self._skin + 6
        self.box = (
            int(self.centre[0] - reach_x),
            int(self.centre[1] - reach_y),
            int(self.centre[0] + reach_x) + 1,
            int(self.centre[1] + reach_y) + 1,
        )

    def _curve(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        # over u in -1..1 between the corners; the corners themselves are held
        d = points - self.centre
        u = (d @ self._axis) / self.half
        v = (d @ np.array([-self._axis[1], self._axis[0]])) / self.half
        weight = np.ones(len(u))
        weight[[0, -1]] = 3
        return np.polyfit(u, v, 4, w=weight)

    def displacement(self, x: Float32, y: Float32, closure: float, gaze: tuple[float, float]) -> Float32:
        """Backward displacement (px) at points of the face at rest: float32 (..., 2).

        closure: 0 open to 1 shut; gaze: how far the iris moves, px. The upper lid's skin is drawn out over the eye; the eye
        behind it is hidden.
        """
        ax, ay = (np.float32(c) for c in self._axis)
        dx, dy = x - np.float32(self.centre[0]), y - np.float32(self.centre[1])
        u = (dx * ax + dy * ay) * np.float32(1 / self.half)
        v = dy * ax - dx * ay
        inside = np.clip(u, -1, 1)
        upper = _horner(self._upper, inside) * np.float32(self.half)
        lower = _horner(self._lower, inside) * np.float32(self.half)
        opening = np.maximum(lower - upper, 0)
        opening *= np.abs(u) < 1
        along = np.zeros_like(v)
        out = np.empty((*x.shape, 2), np.float32)
        shift_u = shift_v = np.float32(0)
        if gaze != (0.0, 0.0):
            radius = 0.42
            flat = np.clip((1 - np.abs(u)) / (1 - radius), 0, 1)
            flat = flat * flat * (3 - 2 * flat)
            edge = np.clip(np.minimum(v - upper - 0.3, lower - v - 0.3), 0, 1)
            flat *= edge
            shift_u = -np.float32(gaze[0]) * flat
            shift_v = -np.float32(gaze[1]) * flat
        if closure > 0:
            upper += np.minimum(np.float32(self._lash), 0.3 * opening)
            travel = np.float32(0.97 * closure) * np.maximum(lower - upper, 0)
            travel *= opening > 0
            top = upper - np.float32(self._skin)
            part = np.clip((v - top) / (travel + np.float32(self._skin)), 0, 1)
            behind = np.clip((v - upper - travel) * np.float32(1 / _EDGE_PX), 0, 1)
            along = -travel * part**1.3 * (1 - behind)
            shift_u = shift_u * behind
            shift_v = shift_v * behind
        along = along + shift_v
        out[..., 0] = shift_u * ax - along * ay
        out[..., 1] = shift_u * ay + along * ax
        return out


def _horner(coefficients: npt.NDArray[np.float64], u: Float32) -> Float32:
    value = np.full_like(u, coefficients[0])
    for c in coefficients[1:]:
        value *= u
        value += np.float32(c)
    return value
