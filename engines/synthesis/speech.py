"""Recorded speech and laughter on a rendered face: its fields of displacement, and the mouth that opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.synthesis.action_units import pulls
from engines.synthesis.face import MARGIN, SUPERSAMPLING, Face
from engines.synthesis.lips import PARTING, UNITS, Lips
from engines.synthesis.performance import Performance

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

_PAD: Final = 8.0  # beyond the mouth, px of a face 200 px wide: lips move that far


@dataclass(frozen=True, eq=False)
class _Fields:
    """Of one performance, a field for each of its action units, frame px on the skin's lattice of 2 px.

    whole: float32 (K, h, w, 2). apart: float32 (K, p, q, 4), around the mouth, what only the lower lip follows
    and then what only the upper lip does.
    """

    whole: Float32
    apart: Float32


class Speech:
    """x, y: float32 (h, w), the skin's lattice, frame px at rest. fade: float32 (h, w, 1), what it is multiplied
    with at the rim of the face.
    """

    def __init__(self, face: Face, x: Float32, y: Float32, fade: Float32) -> None:
        self.lips = Lips(face.landmarks)
        self._face = face
        self._pulls = {
            au: (left * fade, right * fade)
            for au, (left, right) in pulls(face.landmarks, x, y, UNITS).items()
        }
        x0, y0, x1, y1 = self.lips.box
        pad = round(_PAD * face.unit)
        self.box = (x0 - pad, y0 - pad, x1 + pad, y1 + pad)
        rows = np.flatnonzero((y[:, 0] > y0 - 2 * pad) & (y[:, 0] < y1 + 2 * pad))
        cols = np.flatnonzero((x[0] > x0 - 2 * pad) & (x[0] < x1 + 2 * pad))
        part = np.ix_(rows, cols)
        self._cuts = self.lips.cuts(x[part], y[part])
        self._origin = np.array([x[0, cols[0]], y[rows[0], 0]], np.float32)
        self._apart = np.zeros((len(rows), len(cols), 4), np.float32)
        self._inside = self.lips.inside(face)
        self._last: tuple[Performance, _Fields] | None = None

    def _fields_of(self, event: Performance) -> _Fields:
        """The fields of a performance that has a take, scaled so that the strongest point moves as far as it says
        at the take's strongest moment.
        """
        sides = np.array([1 + event.asymmetry, 1 - event.asymmetry], np.float32)
        whole = np.stack([sides[0] * self._pulls[au][0] + sides[1] * self._pulls[au][1] for au in event.aus])
        apart = np.zeros((len(event.aus), *self._apart.shape), np.float32)
        for k, au in enumerate(event.aus):
            if au in PARTING:
                for lip, (left, right) in enumerate(self._cuts[au]):
                    apart[k, ..., 2 * lip : 2 * lip + 2] = sides[0] * left + sides[1] * right
        strongest = np.tensordot(event.strengths(event.strongest_s), whole, 1)
        scale = np.float32(event.amplitude_px * self._face.unit / np.sqrt((strongest**2).sum(-1).max()))
        return _Fields(whole * scale, apart * scale)

    def close_lips(self) -> None:
        """Begins a frame, before `add`."""
        self._apart[:] = 0

    def add(self, event: Performance, t: float, part: float, total: Float32) -> None:
        """Adds to the lips what a performance does at time t (s) by a part, 0..1, and takes it from `total`, float32
        (h, w, 2) on the skin's lattice, in which motion is backward.
        """
        if self._last is None or self._last[0] != event:
            self._last = (event, self._fields_of(event))
        fields = self._last[1]
        weights = np.float32(part) * event.strengths(t).astype(np.float32)
        total -= (weights @ fields.whole.reshape(len(weights), -1)).reshape(total.shape)
        self._apart += (weights @ fields.apart.reshape(len(weights), -1)).reshape(self._apart.shape)

    def part_lips(self, here: Float32, look: Float32, side: int) -> Float32:
        """Parts the lips in a cutting of the frame; how much of each pixel is mouth: float32 (h, w), 0..1.

        here: float32 (h, w, 2), places on the resting head, frame px. look: float32 (h, w, 2), where these pixels
        look while the lips hold together, texture px; changed in place. side: 0 for what is seen; 1 for the lower
        lip and -1 for the upper wherever it would reach behind the other or into the mouth.
        """
        at = (here - self._origin) / 2
        lips = cv2.remap(self._apart, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        corner = np.array(self._face.box[:2], np.float32) - np.float32(MARGIN + 0.5)
        seen = (look + np.float32(0.5)) / SUPERSAMPLING + corner
        parted, mouth = self.lips.part(seen, lips[..., :2], lips[..., 2:], side)
        look += np.float32(SUPERSAMPLING) * (parted - seen)
        return mouth

    def show_mouth(self, image: UInt8, here: Float32, mouth: Float32) -> None:
        """Draws what is seen between the lips into a cutting of the frame, uint8 (h, w, 3)."""
        open_at = np.nonzero(mouth)
        if not open_at[0].size:
            return
        part = tuple(slice(int(k.min()), int(k.max()) + 1) for k in open_at)
        image, here, mouth = image[part], here[part], mouth[part]
        at = (here - np.array(self.lips.box[:2], np.float32) + np.float32(0.5)) * SUPERSAMPLING - np.float32(
            0.5
        )
        inside = cv2.remap(self._inside, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        blended = image + mouth[..., None] * (inside.astype(np.float32) - image)
        image[:] = np.round(blended).astype(np.uint8)
