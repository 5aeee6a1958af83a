"""Where each pixel of a frame looks: the head's motion and the skin's, composed.

That map, pixel → texture, is the composition of the head's motion (pixel → resting head) and the skin's motion (resting
head → resting skin); it is smooth, so most of it is evaluated on a lattice of 2 or 4 px.

cv2.remap rounds coordinates to 1/32 px of its source. The texture has 2 px for each px of the frame, so that is 1/64 px
of the frame; and the map carries a fixed dither of one rounding step, so that the error is no common shift of a region
(which flow would see) but scatter of .006 px from pixel to pixel, zero on average whatever the motion.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.synthesis.action_units import ACTION_UNITS, GAZE, pulls
from engines.synthesis.eyes import Eyes
from engines.synthesis.face import MARGIN, SUPERSAMPLING, Face
from engines.synthesis.head import Head
from engines.synthesis.people import LIMITS
from engines.synthesis.scene import Pose, Scene
from engines.synthesis.speech import Speech
from engines.synthesis.timeline import Seen

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_KEPT_FIELDS: Final = 8


class Look:
    """The map of a face in a scene; its buffers are reused, so use one in one thread.

    ``texture`` uint8, the face's with the lids drawn in as they are; ``map`` float32 (h, w, 2), for each pixel of the
    face's box the place in the texture, texture px; ``mouth``: where the mouth is open, the rows and columns of the
    box, where these pixels look, and how far they show the inside, 0..1; else None.
    """

    def __init__(self, scene: Scene, face: Face) -> None:
        self.scene, self.face = scene, face
        self._fields: OrderedDict[int, Float32] = OrderedDict()
        self.mouth: tuple[tuple[slice, slice], Float32, Float32] | None = None
        self._prepare_head()
        self._prepare_skin()

    def _prepare_head(self) -> None:
        self.head = Head(self.face, turns=bool(self.scene.real_head))
        full = self.head.full.shape[:2]
        self._head_half = np.empty((full[0] // 2, full[1] // 2, 2), np.float32)
        self.map = np.empty((*full, 2), np.float32)
        ys, xs = np.mgrid[: full[0], : full[1]].astype(np.float32)
        place = np.stack([xs, ys], -1)
        self._at_rest = (place + np.float32(MARGIN + 0.5)) * np.float32(SUPERSAMPLING) - np.float32(0.5)
        self.dither = np.random.default_rng(0xD17).uniform(-1 / 64, 1 / 64, place.shape).astype(np.float32)
        self._at_rest += self.dither

    def _prepare_skin(self) -> None:
        face, (x0, y0, _, _) = self.face, self.face.box
        marks, unit = face.landmarks, face.unit
        fade = 55 * unit
        low = marks[:468, :2].min(0) - fade
        high = marks[:468, :2].max(0) + fade
        # skin fields live on the resting face, on a lattice of 2 px
        self._skin_origin = np.floor(low).astype(np.float64)
        count = np.ceil((high - low) / 2).astype(int) + 1
        ys, xs = np.mgrid[: count[1], : count[0]].astype(np.float32)
        skin_x = 2 * xs + np.float32(self._skin_origin[0])
        skin_y = 2 * ys + np.float32(self._skin_origin[1])
        hull = cv2.convexHull(np.ascontiguousarray(marks[:468, :2]))
        local = ((hull[:, 0] - self._skin_origin) / 2 * 8).round().astype(np.int32)
        inside = np.zeros(xs.shape, np.uint8)
        cv2.fillConvexPoly(inside, local, 255, shift=3)
        away = 2 * cv2.distanceTransform(255 - inside, cv2.DIST_L2, 5)
        part = np.clip(1 - away / (0.9 * fade), 0, 1)
        window = (part * part * (3 - 2 * part)).astype(np.float32)[..., None]
        self._skin_total = np.empty((*xs.shape, 2), np.float32)
        self._skin = (skin_x, skin_y, window)
        self._pulls = {
            au: (left * window, right * window) for au, (left, right) in pulls(marks, skin_x, skin_y).items()
        }

        # the part of the frame they can reach, in steps of 4 px from the box's corner
        scene = self.scene
        jolt = max((float(np.hypot(right, down)) for _, right, down in scene.jolts), default=0.0)
        turn = 260 * unit * float(np.deg2rad(scene.sway_deg) + scene.breathing)
        reach = jolt + scene.sway_px + scene.yaw_px + turn + 2
        if scene.real_head:
            x, y, scale, roll, yaw, pitch = LIMITS
            px = 200 * unit
            reach += px * float(np.hypot(x, y) + 1.3 * (roll + scale)) + self.head.nose * float(
                np.hypot(yaw, pitch)
            )
        a = np.maximum(np.floor((low - reach - (x0, y0)) / 4).astype(int), 0)
        b = np.minimum(
            np.ceil((high + reach - (x0, y0)) / 4).astype(int), np.array(self.head.lattice.shape[1::-1])
        )
        self._skin_nodes = (slice(2 * a[1], 2 * b[1]), slice(2 * a[0], 2 * b[0]))
        self._skin_px = (slice(4 * a[1], 4 * b[1]), slice(4 * a[0], 4 * b[0]))
        ys, xs = np.mgrid[2 * a[1] : 2 * b[1], 2 * a[0] : 2 * b[0]].astype(np.float32)
        at = np.stack([2 * xs + 0.5 + x0, 2 * ys + 0.5 + y0], -1)
        self._skin_look_at_rest = ((at - self._skin_origin) / 2).astype(np.float32)
        self._skin_look = np.empty_like(self._skin_look_at_rest)
        self._skin_seen = np.empty_like(self._skin_look_at_rest)
        self._skin_full = np.empty((*self.map[self._skin_px].shape[:2], 2), np.float32)
        self.texture = face.texture.copy()
        self.eyes = Eyes(face, self.texture)

    @cached_property
    def speech(self) -> Speech:
        """Speaking mouths, made when first there is one."""
        return Speech(self.face, *self._skin)

    def _field(self, seen: Seen) -> Float32:
        """Displacement field at the apex of a performance, frame px, float32 on the skin's lattice."""
        field = self._fields.get(seen.number)
        if field is None:
            event = seen.event
            field = np.zeros_like(self._skin_total)
            for au in event.aus:
                left, right = self._pulls[au]
                cv2.scaleAdd(left, 1 + event.asymmetry, field, dst=field)
                cv2.scaleAdd(right, 1 - event.asymmetry, field, dst=field)
            field *= np.float32(event.amplitude_px * self.face.unit / np.sqrt((field**2).sum(-1).max()))
            self._fields[seen.number] = field
            if len(self._fields) > _KEPT_FIELDS:
                self._fields.popitem(last=False)
        return field

    def look(self, pose: Pose, active: list[Seen], side: int = 0) -> None:
        """Fills `map`: for each pixel of the box the place in the texture, texture px. Draws the lids, and finds
        the open mouth: self.mouth. side: see `Lips.part`.
        """
        self.head.look(pose)
        lattice, full = self.head.lattice, self.head.full
        cv2.scaleAdd(full, SUPERSAMPLING, self._at_rest, dst=self.map)

        skin = [seen for seen in active if seen.event.aus[0] in ACTION_UNITS]
        spoken = [seen for seen in skin if seen.event.take is not None]
        self.mouth = None
        if skin:
            total = self._skin_total
            total[:] = 0
            for seen in skin:
                if seen.event.take is None:
                    cv2.scaleAdd(self._field(seen), -seen.part, total, dst=total)
            if spoken:
                self.speech.close_lips()
                for seen in spoken:
                    self.speech.add(seen.event, seen.t, seen.part, total)
            half = self._head_half
            cv2.resize(lattice, half.shape[1::-1], dst=half, interpolation=cv2.INTER_LINEAR)
            cv2.scaleAdd(half[self._skin_nodes], 0.5, self._skin_look_at_rest, dst=self._skin_look)
            cv2.remap(
                total,
                self._skin_look,
                None,
                cv2.INTER_LINEAR,
                dst=self._skin_seen,
                borderMode=cv2.BORDER_CONSTANT,
            )
            cv2.resize(self._skin_seen, self._skin_full.shape[1::-1], dst=self._skin_full)
            part = self.map[self._skin_px]
            cv2.scaleAdd(self._skin_full, SUPERSAMPLING, part, dst=part)
        if spoken:
            place, here = self.head.cutting(self.speech.box)
            self.mouth = (place, here, self.speech.part_lips(here, self.map[place], side))

        closure, look = 0.0, np.zeros(2)
        for _, event, a, _ in active:
            if event.kind == "blink":
                closure = max(closure, event.closure * a)
            elif event.kind == "gaze":
                direction = np.sum([GAZE[au] for au in event.aus], axis=0)
                look += direction / np.hypot(*direction) * event.amplitude_px * self.face.unit * a
        self.eyes.draw_lids(closure)
        if closure > 0 or look.any():
            self.eyes.move(self.map, self.head, closure, (float(look[0]), float(look[1])))
