"""Openings of the face, eyes and mouth, where a smooth field of displacement is not enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# from the outer corner along the lid to the inner one, for the eye on the left half of the image
UPPER_LID: Final = (33, 246, 161, 160, 159, 158, 157, 173, 133)
LOWER_LID: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133)
UPPER_LIP: Final = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_LIP: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)

_OVERLAP: Final = 1.15  # a shut lid covers the eye and the edge of the lower lid
_EDGE_PX: Final = 0.4  # over this length the lid's edge hides what lies behind it


class Opening:
    """Two curves over the line between two corners: polynomials of degree 4 through the landmarks."""

    def __init__(self, landmarks: Float32 | Float64, upper: Sequence[int], lower: Sequence[int]) -> None:
        flat = landmarks[:, :2].astype(np.float64)
        a, b = flat[upper[0]], flat[upper[-1]]
        if a[0] > b[0]:
            a, b = b, a
        self.centre = (a + b) / 2
        self.half = float(np.hypot(*(b - a)) / 2)
        self.axis = (b - a) / (2 * self.half)
        self._upper = self._curve(flat[list(upper)])
        self._lower = self._curve(flat[list(lower)])
        self.height = self.half * float(np.polyval(self._lower, 0.0) - np.polyval(self._upper, 0.0))

    def _curve(self, points: Float64) -> Float64:
        d = points - self.centre
        u = (d @ self.axis) / self.half
        v = (d @ np.array([-self.axis[1], self.axis[0]])) / self.half
        # the corners are held, or the two curves would not meet there
        return np.asarray(np.polyfit(u, v, 4, w=np.where(np.abs(u) > 0.98, 3.0, 1.0)), np.float64)

    def curves(self, x: Float32, y: Float32) -> tuple[Float32, Float32, Float32, Float32]:
        """For points x, y (px): u along the opening, -1..1, v across it, and its two edges at u, px down."""
        ax, ay = (np.float32(c) for c in self.axis)
        dx, dy = x - np.float32(self.centre[0]), y - np.float32(self.centre[1])
        u = (dx * ax + dy * ay) * np.float32(1 / self.half)
        v = dy * ax - dx * ay
        inside = np.clip(u, -1, 1)
        upper = _horner(self._upper, inside) * np.float32(self.half)
        lower = _horner(self._lower, inside) * np.float32(self.half)
        return u, v, upper, np.maximum(lower, upper)

    def turned(self, along_u: Float32, along_v: Float32) -> Float32:
        """A displacement along and across the opening as one in x and y, px: float32 (..., 2)."""
        ax, ay = (np.float32(c) for c in self.axis)
        return np.stack([along_u * ax - along_v * ay, along_u * ay + along_v * ax], -1)


class Eye(Opening):
    """One eye of a face at rest.

    landmarks: (478, 2+), frame px. pairs: the landmark on the other side, or None for the eye on the left
    half of the image.
    """

    def __init__(self, landmarks: Float32, pairs: npt.NDArray[np.int16] | None) -> None:
        upper, lower = list(UPPER_LID), list(LOWER_LID)
        if pairs is not None:
            upper, lower = [int(k) for k in pairs[upper]], [int(k) for k in pairs[lower]]
        super().__init__(landmarks, upper, lower)
        unit = float(np.hypot(*(landmarks[454, :2] - landmarks[234, :2]))) / 200
        self._lash = 0.8 * unit
        self._skin = max(10 * unit, self.height)
        self.lid_travel = _OVERLAP * self.height - min(self._lash, 0.3 * self.height)
        reach = (1.1 * self.half + 4, 1.6 * self.height + self._skin + 6)
        self.box = (
            int(self.centre[0] - reach[0]),
            int(self.centre[1] - reach[1]),
            int(self.centre[0] + reach[0]) + 1,
            int(self.centre[1] + reach[1]) + 1,
        )

    def displacement(self, x: Float32, y: Float32, closure: float, gaze: tuple[float, float]) -> Float32:
        """Backward displacement (px) at points of the face at rest: float32 (..., 2).

        closure: 0 open to 1 shut; gaze: how far the iris moves, px. The upper lid's skin is drawn out over
        the eye; the eye behind it is hidden.
        """
        u, v, upper, lower = self.curves(x, y)
        opening = (lower - upper) * (np.abs(u) < 1)
        along_u, along_v = np.zeros_like(v), np.zeros_like(v)
        if gaze != (0.0, 0.0):
            # the iris moves whole, the corners stay
            whole = np.clip((1 - np.abs(u)) / 0.58, 0, 1)
            whole = whole * whole * (3 - 2 * whole)
            whole *= np.clip(np.minimum(v - upper, lower - v) - 0.3, 0, 1)
            along_u = -np.float32(gaze[0]) * whole
            along_v = -np.float32(gaze[1]) * whole
        if closure > 0:
            # the lashes belong to the lid, and a shut lid covers the lower one's edge
            edge = upper + np.minimum(np.float32(self._lash), 0.3 * opening)
            travel = np.float32(closure) * (_OVERLAP * opening - (edge - upper))
            part = np.clip((v - edge + np.float32(self._skin)) / (travel + np.float32(self._skin)), 0, 1)
            behind = np.clip((v - edge - travel) * np.float32(1 / _EDGE_PX), 0, 1)
            # the fold above the lid opens: most of the new skin comes from there
            lid = -travel * part * (1.6 - 0.6 * part) * (1 - behind)
            along_u = along_u * behind
            along_v = lid + along_v * behind
        return self.turned(along_u, along_v)

    def lid(self, x: Float32, y: Float32) -> tuple[Float32, Float32]:
        """The upper lid, which an open eye keeps folded in shadow: how much of the point at x, y (px) is lid,
        0..1, and how far up (px along the eye's own vertical) there is skin in the light.
        """
        u, v, upper, lower = self.curves(x, y)
        opening = lower - upper
        edge = upper + np.minimum(np.float32(self._lash), 0.3 * opening)
        above = edge - v
        inner = np.clip((1.12 - np.abs(u)) / 0.3, 0, 1) * np.clip(
            above / np.float32(0.9 * self._lash) - 3.5, 0, 1
        )
        outer = np.clip((np.float32(self._skin) - above) / np.float32(0.5 * self._skin), 0, 1)
        part = inner * outer
        return part * part * (3 - 2 * part), np.maximum(np.float32(0.95 * self._skin) - above, 0)


class Mouth(Opening):
    """The parted lips of a portrait, which can be closed."""

    def __init__(self, landmarks: Float32 | Float64) -> None:
        super().__init__(landmarks, UPPER_LIP, LOWER_LIP)
        self._unit = float(np.hypot(*(landmarks[454, :2] - landmarks[234, :2]))) / 200

    def _follow(self, away: Float32) -> Float32:
        # lips move whole, the skin beyond them less and less
        beyond = np.maximum(away - np.float32(9 * self._unit), 0) / np.float32(10 * self._unit)
        return np.exp(-0.5 * beyond * beyond)

    def closing(self, x: Float32, y: Float32, part: float) -> tuple[Float32, Float32]:
        """Backward displacement (px), float32 (..., 2), of closing the lips by a part 0..1, and how near each
        point is to the line where they meet, 0..1.
        """
        u, v, upper, lower = self.curves(x, y)
        way = np.float32(0.5 * part) * (lower - upper)
        middle = 0.5 * (upper + lower)
        above = v < middle
        edge = np.where(above, upper, lower)
        sign = np.where(above, np.float32(1), np.float32(-1))
        # v = source + sign · way · follow(distance of the source from its lip's edge)
        source = v - sign * way
        for _ in range(12):
            source = v - sign * way * self._follow(np.maximum(sign * (edge - source), 0))
        # between the lips: what is left of the opening is seen through
        rest = (lower - upper) * np.float32(1 - part)
        inside = np.abs(v - middle) < 0.5 * rest
        seen = np.clip((v - middle) / np.maximum(rest, np.float32(0.5)), -0.5, 0.5) * (lower - upper) + middle
        source = np.where(inside, seen, source)
        width = np.float32(1.1 * self._unit)
        line = np.exp(-0.5 * ((v - middle) / width) ** 2) * np.clip(
            (lower - upper) / np.float32(2 * self._unit), 0, 1
        )
        return self.turned(np.zeros_like(v), source - v), line * (np.abs(u) < 1)

    def closed(self, points: Float64, part: float) -> Float64:
        """Where points of the face come to lie when the lips close."""
        x, y = points[:, 0].astype(np.float32), points[:, 1].astype(np.float32)
        _, v, upper, lower = self.curves(x, y)
        way = np.float32(0.5 * part) * (lower - upper)
        above = v < 0.5 * (upper + lower)
        away = np.where(above, upper - v, v - lower)
        down = np.where(above, way, -way) * self._follow(np.maximum(away, 0))
        return np.asarray(points + self.turned(np.zeros_like(v), down), np.float64)


def _horner(coefficients: Float64, u: Float32) -> Float32:
    value = np.full_like(u, coefficients[0])
    for c in coefficients[1:]:
        value *= u
        value += np.float32(c)
    return value
