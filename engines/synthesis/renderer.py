"""Frames and truth of a scene.

A frame is one interpolation of one texture: for every pixel the renderer knows where on the resting face it
looks. That map, pixel → texture, is the composition of the head's motion (pixel → resting head) and the
skin's motion (resting head → resting skin); it is smooth, so most of it is evaluated on a lattice of 2 or 4
px. The truth inverts the very same maps, so it is exact for what was rendered.

cv2.remap rounds coordinates to 1/32 px of its source. The texture has 2 px for each px of the frame, so that
is 1/64 px of the frame; and the map carries a fixed dither of one rounding step, so that the error is no
common shift of a region (which flow would see) but scatter of .006 px from pixel to pixel, zero on average
whatever the motion. The truth knows nothing of the dither.

Speed counts on OpenCV being held to one thread by the process that renders (`cv2.setNumThreads(1)`); this
module never sets it. A Renderer reuses its buffers: use one in one thread.
"""

from __future__ import annotations

import bisect
from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from engines.errors import InputError
from engines.synthesis.action_units import ACTION_UNITS, GAZE, pulls
from engines.synthesis.eyes import Eyes
from engines.synthesis.face import MARGIN, SUPERSAMPLING, build_face
from engines.synthesis.head import Head
from engines.synthesis.identity import Identity
from engines.synthesis.inverse import find, found
from engines.synthesis.people import LIMITS, HeadMotion, at, limited, takes
from engines.synthesis.performance import Performance, Script, Truth, check_order, frames_of
from engines.synthesis.scene import Pose, Scene, Sway
from engines.synthesis.sensor import Sensor
from engines.synthesis.speech import Speech

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_KEPT_FIELDS: Final = 8


class _Seen(NamedTuple):
    """A performance seen at time t (s): its number, and what its field is to be multiplied with."""

    number: int
    event: Performance
    part: float
    t: float


class Renderer:
    """Renders a scene. ``frame(i)`` depends on the scene and i alone: any order gives the same pixels."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.face = build_face(scene.identity, scene.height, scene.width)
        self._sway = Sway(scene)
        self._people = HeadMotion(scene.seed) if scene.real_head else None
        self._events: list[Performance] = []
        self._onsets: list[float] = []
        self._truths: list[Truth | None] = []
        self._longest = 0.0
        self._source: Iterator[Performance] | None = check_order(scene.performances)
        self._fields: OrderedDict[int, Float32] = OrderedDict()
        self._prepare_head()
        self._prepare_skin()
        self._prepare_sensor()

    # -- preparation
    # -----------------------------------------------------------------------------------------------

    def _prepare_head(self) -> None:
        self._head = Head(self.face, turns=self._people is not None)
        full = self._head.full.shape[:2]
        self._head_half = np.empty((full[0] // 2, full[1] // 2, 2), np.float32)
        self._map = np.empty((*full, 2), np.float32)
        ys, xs = np.mgrid[: full[0], : full[1]].astype(np.float32)
        place = np.stack([xs, ys], -1)
        self._map_at_rest = (place + np.float32(MARGIN + 0.5)) * np.float32(SUPERSAMPLING) - np.float32(0.5)
        self._dither = np.random.default_rng(0xD17).uniform(-1 / 64, 1 / 64, place.shape).astype(np.float32)
        self._map_at_rest += self._dither

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
            reach += px * float(np.hypot(x, y) + 1.3 * (roll + scale)) + self._head.nose * float(
                np.hypot(yaw, pitch)
            )
        a = np.maximum(np.floor((low - reach - (x0, y0)) / 4).astype(int), 0)
        b = np.minimum(
            np.ceil((high + reach - (x0, y0)) / 4).astype(int), np.array(self._head.lattice.shape[1::-1])
        )
        self._skin_nodes = (slice(2 * a[1], 2 * b[1]), slice(2 * a[0], 2 * b[0]))
        self._skin_px = (slice(4 * a[1], 4 * b[1]), slice(4 * a[0], 4 * b[0]))
        ys, xs = np.mgrid[2 * a[1] : 2 * b[1], 2 * a[0] : 2 * b[0]].astype(np.float32)
        at = np.stack([2 * xs + 0.5 + x0, 2 * ys + 0.5 + y0], -1)
        self._skin_look_at_rest = ((at - self._skin_origin) / 2).astype(np.float32)
        self._skin_look = np.empty_like(self._skin_look_at_rest)
        self._skin_seen = np.empty_like(self._skin_look_at_rest)
        self._skin_full = np.empty((*self._map[self._skin_px].shape[:2], 2), np.float32)
        self._texture = face.texture.copy()
        self._eyes = Eyes(face, self._texture)

    @cached_property
    def _speech(self) -> Speech:
        return Speech(self.face, *self._skin)

    def _prepare_sensor(self) -> None:
        face = self.face
        self._sensor = Sensor(self.scene, face)
        self._glasses = None
        if face.glasses is not None:
            opacity, colour = face.glasses
            layer = np.repeat(np.round(255 * (1 - opacity)).astype(np.uint8)[..., None], 3, 2)
            paint = np.round(colour * opacity[..., None]).astype(np.uint8)
            ys, xs = np.nonzero(opacity > 0)
            self._glasses = ((int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())), layer, paint)

    # -- what happens when
    # -----------------------------------------------------------------------------------------

    def _pull(self, t: float) -> None:
        """Reads performances until one begins after t."""
        while self._source is not None and (not self._onsets or self._onsets[-1] <= t):
            event = next(self._source, None)
            if event is None:
                self._source = None
                return
            self._events.append(event)
            self._onsets.append(event.onset_s)
            self._longest = max(self._longest, event.offset_s - event.onset_s)

    def _active(self, i: int) -> list[_Seen]:
        """Performances seen in frame i."""
        t = i / self.scene.fps
        self._pull(t)
        found = []
        k = bisect.bisect_right(self._onsets, t) - 1
        while k >= 0 and self._onsets[k] >= t - self._longest:
            event = self._events[k]
            part = event.amplitude(t) if event.take is None else event.rise(t)
            if part > 0:
                found.append(_Seen(k, event, part, t))
            k -= 1
        return found[::-1]

    def _field(self, seen: _Seen) -> Float32:
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

    def truth(self, until_frame: int | None = None, from_frame: int = 0) -> list[Truth]:
        """Performances that are over at frame `until_frame` (their offset is at or before it), in order of
        onset.

        None: all of them; InputError where they never end. Those over before `from_frame` are left out.
        """
        if until_frame is None:
            if isinstance(self.scene.performances, Script) and self.scene.performances.duration_s is None:
                raise InputError("truth: this scene is endless; say until which frame")
            self._pull(float("inf"))
        else:
            self._pull(until_frame / self.scene.fps)
        while len(self._truths) < len(self._events):
            self._truths.append(self._truth_of(self._events[len(self._truths)]))
        first = bisect.bisect_left(self._onsets, from_frame / self.scene.fps - self._longest)
        last = bisect.bisect_right(
            self._onsets, float("inf") if until_frame is None else until_frame / self.scene.fps
        )
        return [
            truth
            for truth in self._truths[first:last]
            if truth is not None
            and truth.offset >= from_frame
            and (until_frame is None or truth.offset <= until_frame)
        ]

    def _truth_of(self, event: Performance) -> Truth | None:
        frames = frames_of(event, self.scene.fps)
        if frames is None:
            return None
        strongest = event.amplitude_px
        if event.kind == "blink":
            strongest = event.closure * self._eyes.lid_travel / self.face.unit
        return Truth(event.kind, event.label, event.aus, *frames, strongest, strongest * self.face.unit)

    def pose(self, i: int) -> Pose:
        """The head's pose in frame i."""
        t = i / self.scene.fps
        sway = self._sway(t)
        if self._people is None:
            return sway
        people = self._people(t)
        for seen in self._active(i):
            if seen.event.take is not None:
                people += seen.part * at(takes()[seen.event.take].pose, seen.event.moment(t))
        x, y, scale, roll, yaw, pitch = limited(self.scene.real_head * people)
        px, nose = 200 * self.face.unit, self._head.nose
        return Pose(
            sway.x + px * float(x),
            sway.y + px * float(y),
            sway.roll + float(roll),
            sway.scale * float(np.exp(scale)),
            sway.yaw - nose * float(np.sin(yaw)),
            sway.pitch + nose * float(np.sin(pitch)),
        )

    # -- where each pixel looks
    # ------------------------------------------------------------------------------------

    def _look(self, pose: Pose, active: list[_Seen], side: int = 0) -> None:
        """Fills self._map: for each pixel of the box the place in the texture, texture px. Draws the lids, and finds
        the open mouth: self._mouth. side: see `Lips.part`.
        """
        self._head.look(pose)
        lattice, full = self._head.lattice, self._head.full
        cv2.scaleAdd(full, SUPERSAMPLING, self._map_at_rest, dst=self._map)

        skin = [seen for seen in active if seen.event.aus[0] in ACTION_UNITS]
        spoken = [seen for seen in skin if seen.event.take is not None]
        self._mouth = None
        if skin:
            total = self._skin_total
            total[:] = 0
            for seen in skin:
                if seen.event.take is None:
                    cv2.scaleAdd(self._field(seen), -seen.part, total, dst=total)
            if spoken:
                self._speech.close_lips()
                for seen in spoken:
                    self._speech.add(seen.event, seen.t, seen.part, total)
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
            part = self._map[self._skin_px]
            cv2.scaleAdd(self._skin_full, SUPERSAMPLING, part, dst=part)
        if spoken:
            place, here = self._head.cutting(self._speech.box)
            self._mouth = (place, here, self._speech.part_lips(here, self._map[place], side))

        closure, look = 0.0, np.zeros(2)
        for _, event, a, _ in active:
            if event.kind == "blink":
                closure = max(closure, event.closure * a)
            elif event.kind == "gaze":
                direction = np.sum([GAZE[au] for au in event.aus], axis=0)
                look += direction / np.hypot(*direction) * event.amplitude_px * self.face.unit * a
        self._eyes.draw_lids(closure)
        if closure > 0 or look.any():
            self._eyes.move(self._map, self._head, closure, (float(look[0]), float(look[1])))

    # -- pixels
    # ----------------------------------------------------------------------------------------------------

    def frame(self, i: int, out: UInt8 | None = None) -> UInt8:
        """Frame i: uint8 (height, width, 3), BGR. out: an array of that shape to write into, else a new one
        is made.

        InputError for a negative i.
        """
        if i < 0:
            raise InputError(f"renderer: there is no frame {i}; frames count from 0")
        scene = self.scene
        image = np.empty((scene.height, scene.width, 3), np.uint8) if out is None else out
        self._look(self.pose(i), self._active(i))
        x0, y0, x1, y1 = self.face.box
        np.copyto(image, self.face.still)
        part = image[y0:y1, x0:x1]
        for band in self._head.bands:
            seen = part[band]
            cv2.remap(
                self._texture,
                self._map[band],
                None,
                cv2.INTER_LINEAR,
                dst=seen,
                borderMode=cv2.BORDER_REPLICATE,
            )
        if self._mouth is not None:
            place, here, mouth = self._mouth
            self._speech.show_mouth(part[place], here, mouth)
        if self._glasses is not None:
            box, layer, paint = self._glasses
            place, here = self._head.cutting(box)
            lenses = part[place]
            warped = cv2.remap(layer, here, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            cv2.multiply(lenses, warped, dst=lenses, scale=1 / 255)
            cv2.remap(paint, here, None, cv2.INTER_LINEAR, dst=warped, borderMode=cv2.BORDER_REPLICATE)
            cv2.add(lenses, warped, dst=lenses)
        self._sensor.expose(image, i)
        return image

    # -- truth of motion
    # -------------------------------------------------------------------------------------------

    def _coordinates(self, pose: Pose, active: list[_Seen], side: int = 0) -> Float64:
        """Where each pixel looks on the resting face: float64 (height, width, 2), frame px. side: see `Lips.part`."""
        at = self._pixels()
        self._look(pose, active, side)
        x0, y0, x1, y1 = self.face.box
        seen = (self._map - self._dither)[: self._head.rows, : self._head.cols].astype(np.float64)
        at[y0:y1, x0:x1] = (seen + 0.5) / SUPERSAMPLING - 0.5 - MARGIN + (x0, y0)
        return at

    def flow(self, i: int, j: int, *, head: bool = True) -> Float32:
        """True dense motion from frame i to frame j: float32 (height, width, 2), frame px, at the pixels of
        frame i.

        The point seen at x in frame i is seen at x + flow(x) in frame j. head=False: with the head held where
        it is in frame i, so that only the face's own motion is left. What a lid covers in frame j has no
        place there: `seen_in_both` says where.
        """
        return self._solve(i, j, head)[0]

    def seen_in_both(self, i: int, j: int) -> Bool:
        """Where a point of frame i can be seen in frame j too: bool (height, width). False behind eyelids and
        outside the frame.
        """
        return self._solve(i, j, True)[1]

    def moved(self, i: int, j: int, least_px: float = 0.1) -> Bool:
        """Where the face itself (not the head) moved at least so many px from frame i to frame j: bool
        (height, width).
        """
        motion = self.flow(i, j, head=False)
        return np.asarray(np.hypot(motion[..., 0], motion[..., 1]) >= least_px)

    def landmarks(self, i: int) -> Float32:
        """True places of the face's 478 landmarks in frame i: float32 (478, 2), frame px."""
        goal = self.face.landmarks[None, :, :2].astype(np.float64)
        active = self._active(i)
        spoken = any(seen.event.take is not None for seen in active)
        below = self._speech.lips.landmarks_below()[None] if spoken else None
        return np.asarray(self._find(goal, self.pose(i), active, below)[0][0], np.float32)

    def _pixels(self) -> Float64:
        ys, xs = np.mgrid[: self.scene.height, : self.scene.width].astype(np.float64)
        return np.stack([xs, ys], -1)

    def _solve(self, i: int, j: int, head: bool) -> tuple[Float32, Bool]:
        pose_i = self.pose(i)
        pose_j = self.pose(j) if head else pose_i
        goal = self._coordinates(pose_i, self._active(i))
        rigid = self._mouth_seen()
        at, seen = self._find(goal, pose_j, self._active(j))
        flow = (at - self._pixels()).astype(np.float32)
        # what is seen between the lips may hide behind them
        seen &= ~rigid
        if rigid.any() or self.face.glasses is not None:
            # mouth and glasses follow the head alone
            goal = self._coordinates(pose_i, [])
            if self.face.glasses is not None:
                look = goal.astype(np.float32)
                rigid |= cv2.remap(self.face.glasses[0], look, None, cv2.INTER_LINEAR) > 0.5
            carried = self._find(goal, pose_j, [])[0] - self._pixels()
            flow[rigid] = carried[rigid].astype(np.float32)
        return flow, seen

    def _find(
        self, goal: Float64, pose: Pose, active: list[_Seen], below: Bool | None = None
    ) -> tuple[Float64, Bool]:
        """Where points `goal` (..., 2) of the resting face are seen, frame px, and whether they are seen at all.
        below: which of them follow the lower lip where lips part, found out if None.
        """
        pixels = self._pixels()
        offset = self._coordinates(pose, active) - pixels
        if self._mouth is None:
            return find(goal, offset)
        # a lip's own map is smooth, the map of both together is not
        lower, upper = (find(goal, self._coordinates(pose, active, side) - pixels)[0] for side in (1, -1))
        if below is None:
            below = self._speech.lips.below(goal)
        at = np.where(below[..., None], lower, upper)
        col, row = (np.clip(np.rint(at[..., k]).astype(int), 0, pixels.shape[1 - k] - 1) for k in (0, 1))
        return at, found(goal, at, offset) & ~self._mouth_seen()[row, col]

    def _mouth_seen(self) -> Bool:
        """Where the frame last looked at shows the inside of a mouth: bool (height, width)."""
        seen = np.zeros((self.scene.height, self.scene.width), bool)
        if self._mouth is not None:
            x0, y0, x1, y1 = self.face.box
            place, _, mouth = self._mouth
            seen[y0:y1, x0:x1][place] = mouth > 0.5
        return seen


def demo(fps: float = 200.0, width: int = 640, height: int = 480, seed: int = 0) -> Renderer:
    """The endless scene of `apexcam live demo`: a micro-expression every few seconds (0.8–2.6 px at a face
    200 px wide), head sway, blinks, now and then a smile or speech, sensor noise.
    """
    face_px = min(max(0.46 * height, 80.0), 0.35 * width, 300.0)
    identity = Identity(seed=seed, face_px=face_px, smile=0.2)
    script = Script(seed=seed)
    return Renderer(
        Scene(
            identity=identity,
            fps=fps,
            height=height,
            width=width,
            seed=seed,
            performances=script,
            sway_px=5.0,
            sway_deg=1.0,
            breathing=0.006,
            yaw_px=1.2,
            noise=1.7,
        )
    )
