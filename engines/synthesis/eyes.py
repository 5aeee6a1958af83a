"""The eyes of a rendered face: lids that close and irises that turn."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from engines.synthesis.face import MARGIN, SUPERSAMPLING, Face
from engines.synthesis.head import Head
from engines.synthesis.openings import Eye
from engines.synthesis.portrait import mirror_pairs

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


class Eyes:
    """Both eyes of a face. texture: a copy of the face's, into which the lids are drawn."""

    def __init__(self, face: Face, texture: UInt8) -> None:
        self._face = face
        self._texture = texture
        self._eyes = [Eye(face.landmarks, None), Eye(face.landmarks, mirror_pairs())]
        self._lids = [self._lid(eye) for eye in self._eyes]
        self._shut = 0.0
        self.lid_travel = max(eye.lid_travel for eye in self._eyes)

    def _lid(self, eye: Eye) -> tuple[tuple[slice, slice], UInt8, UInt8]:
        """Where an eye lies in the texture, how it looks open, and with the lid drawn out of its fold into
        the light.
        """
        x0, y0 = (k - MARGIN for k in self._face.box[:2])
        ex0, ey0, ex1, ey1 = eye.box
        rows = slice(max(0, SUPERSAMPLING * (ey0 - y0)), SUPERSAMPLING * (ey1 - y0))
        cols = slice(max(0, SUPERSAMPLING * (ex0 - x0)), SUPERSAMPLING * (ex1 - x0))
        patch = self._face.texture[rows, cols].copy()
        ys, xs = np.mgrid[: patch.shape[0], : patch.shape[1]].astype(np.float32)
        fx = (xs + cols.start + 0.5) / SUPERSAMPLING - 0.5 + x0
        fy = (ys + rows.start + 0.5) / SUPERSAMPLING - 0.5 + y0
        part, up = eye.lid(fx.astype(np.float32), fy.astype(np.float32))
        soft = cv2.GaussianBlur(patch, (0, 0), 4 * self._face.unit)
        lit = cv2.remap(soft, xs, ys - SUPERSAMPLING * up, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        detail = patch.astype(np.float32) - cv2.GaussianBlur(patch, (0, 0), 2.5).astype(np.float32)
        skin = 0.94 * lit.astype(np.float32) + 0.3 * detail
        shut = patch + (skin - patch) * (0.9 * part[..., None])
        return (rows, cols), patch, np.clip(np.round(shut), 0, 255).astype(np.uint8)

    def draw_lids(self, closure: float) -> None:
        """Draws the lids' skin into the texture, 0 open to 1 shut."""
        if closure != self._shut:
            for place, opened, shut in self._lids:
                cv2.addWeighted(opened, 1 - closure, shut, closure, 0, dst=self._texture[place])
            self._shut = closure

    def move(self, look: Float32, head: Head, closure: float, gaze: tuple[float, float]) -> None:
        """Adds closing lids and turning irises to where the pixels of the box look, texture px, in place.

        closure: 0 open to 1 shut. gaze: how far the irises move, frame px.
        """
        for eye in self._eyes:
            part, here = head.cutting(eye.box)
            shift = eye.displacement(here[..., 0], here[..., 1], closure, gaze)
            look[part] += np.float32(SUPERSAMPLING) * shift
