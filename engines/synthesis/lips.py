"""Lips that part: in recorded speech and laughter the mouth opens, and teeth and darkness are seen between the lips.

Lower lip and jaw pull at what lies below the line where the lips meet, the upper lip's raisers at what lies above
it; at the corners both pull at both. A pixel that neither lip reaches looks into the mouth, which keeps still
with the skull.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.synthesis.action_units import ACTION_UNITS, Pull, pulls
from engines.synthesis.face import MARGIN, SUPERSAMPLING, Face
from engines.synthesis.openings import LOWER_LIP, UPPER_LIP, Opening

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

# A lip that is free of the other moves more of the skin beyond it.
_LOWER: Final = Pull((17, 14, 84, 314), 0, -1, 24, 15, central=True)
_UPPER: Final = Pull((0, 13), 0, 0.3, 22, 9, central=True)
UNITS: Final[Mapping[int, tuple[Pull, ...]]] = {**ACTION_UNITS, 25: (_LOWER, _UPPER)}
"""The action units of faces whose lips part."""
_OF_LOWER: Final = {25: (_LOWER,), 26: ACTION_UNITS[26]}
_OF_UPPER: Final = {25: (_UPPER,), 10: ACTION_UNITS[10][:1]}
PARTING: Final = (10, 25, 26)
"""The action units that part the lips."""

_TEETH: Final = (172, 200, 220)  # BGR in full light
_DARK: Final = (26, 22, 44)


class Lips(Opening):
    """The mouth of a face at rest.

    box: x0, y0, x1, y1 of all that can be seen between the lips, frame px.
    """

    def __init__(self, landmarks: Float32) -> None:
        super().__init__(landmarks, UPPER_LIP, LOWER_LIP)
        self.unit = float(np.hypot(*(landmarks[454, :2] - landmarks[234, :2]))) / 200
        self._landmarks = landmarks
        x, y = self.centre
        wide = 1.25 * self.half
        self.box = (int(x - wide), int(y - 14 * self.unit), int(x + wide) + 1, int(y + 34 * self.unit) + 1)

    def cuts(
        self, x: Float32, y: Float32
    ) -> dict[int, tuple[tuple[Float32, Float32], tuple[Float32, Float32]]]:
        """For each of `PARTING` what the other lip does not follow: (left, right) of the lower lip's pulls and
        (left, right) of the upper lip's, as `pulls` gives them.
        """
        u = self.curves(x, y)[0]
        window = np.clip(1 - u * u, 0, 1)[..., None]
        none = np.zeros((*x.shape, 2), np.float32)
        lower, upper = (pulls(self._landmarks, x, y, units) for units in (_OF_LOWER, _OF_UPPER))

        def cut(found: dict[int, tuple[Float32, Float32]], au: int) -> tuple[Float32, Float32]:
            left, right = found.get(au, (none, none))
            return left * window, right * window

        return {au: (cut(lower, au), cut(upper, au)) for au in PARTING}

    def part(self, seen: Float32, lower: Float32, upper: Float32, side: int) -> tuple[Float32, Float32]:
        """Where pixels look that look at `seen` while the lips hold together, and how much of each is mouth, 0..1.

        seen: float32 (..., 2), px of the face at rest. lower, upper: (..., 2), what of the motion there is the
        lower lip's and the upper lip's alone, px. side: 0 for the lip that is seen, 1 for the lower, -1 for the
        upper one.
        """
        below, above = seen + upper, seen + lower
        # the lips part across the mouth: both lie at the same place along it
        u, v, top, bottom = self.curves(below[..., 0], below[..., 1])
        ax, ay = (np.float32(c) for c in self.axis)
        apart = above - below
        deep = v - bottom
        high = top - v - (apart[..., 1] * ax - apart[..., 0] * ay)
        mouth = np.clip(-np.maximum(deep, high), 0, 1)
        mouth *= np.clip((1 - np.abs(u)) * np.float32(self.half / 2), 0, 1)
        if side:
            return (below if side > 0 else above), mouth
        return np.where((deep > high)[..., None], below, above), mouth

    def below(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Whether points (..., 2) of the resting face, px, lie below the line where the lips meet."""
        flat = points.astype(np.float32)
        _, v, upper, lower = self.curves(flat[..., 0], flat[..., 1])
        return np.asarray(v > 0.5 * (upper + lower))

    def landmarks_below(self) -> npt.NDArray[np.bool_]:
        """Which landmarks lie below that line, bool (478,): on closed lips numbers know it better than places."""
        found = self.below(self._landmarks[:, :2].astype(np.float64))
        found[list(UPPER_LIP)], found[list(LOWER_LIP)] = False, True
        return found

    def inside(self, face: Face) -> UInt8:
        """The mouth behind the lips, uint8 (h, w, 3), BGR: `box` in texture px, with the portrait's own teeth where
        it shows them.
        """
        x0, y0, x1, y1 = self.box
        ys, xs = np.mgrid[: SUPERSAMPLING * (y1 - y0), : SUPERSAMPLING * (x1 - x0)].astype(np.float32)
        fx = ((xs + 0.5) / SUPERSAMPLING - 0.5 + x0).astype(np.float32)
        fy = ((ys + 0.5) / SUPERSAMPLING - 0.5 + y0).astype(np.float32)
        u, v, upper, lower = self.curves(fx, fy)
        px = np.float32(self.unit)
        # teeth hang from above the upper lip's edge; cheeks shade the outer ones
        end = upper + px * (7.5 - 4.5 * u * u + 0.35 * np.cos(17 * u))
        teeth = np.clip((end - v) / (1.2 * px), 0, 1)
        shade = np.clip(1.05 - 0.75 * u * u, 0.1, 1) * np.clip(0.75 + (v - upper) / (9 * px), 0.7, 1)
        deeper = np.clip((v - upper) / (30 * px), 0, 1)[..., None]
        dark = np.array(_DARK, np.float32) * (0.7 + 0.9 * deeper)
        left, top = x0 - face.box[0] + MARGIN, y0 - face.box[1] + MARGIN
        own = face.texture[
            SUPERSAMPLING * top : SUPERSAMPLING * top + xs.shape[0],
            SUPERSAMPLING * left : SUPERSAMPLING * left + xs.shape[1],
        ].astype(np.float32)
        light = np.clip(own[: own.shape[0] // 4].mean() / 150, 0.3, 1.0)
        image = dark + (np.array(_TEETH, np.float32) * shade[..., None] - dark) * teeth[..., None]
        image = cv2.GaussianBlur((light * image).astype(np.float32), (0, 0), 1.5)
        shown = np.clip(np.minimum(v - upper, lower - v) / px, 0, 1) * (np.abs(u) < 1)
        image += (own - image) * shown[..., None]
        return np.asarray(np.clip(np.round(image), 0, 255), np.uint8)
