"""Frames and truth of a scene.

A frame is one interpolation of one texture: for every pixel the renderer knows where on the resting face it looks
(`look.py`). The truth inverts the very same map, without its dither, so it is exact for what was rendered.

Speed counts on OpenCV being held to one thread by the process that renders (`cv2.setNumThreads(1)`); this module never
sets it. A Renderer reuses its buffers: use one in one thread.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from engines.errors import InputError
from engines.synthesis.face import MARGIN, SUPERSAMPLING, build_face
from engines.synthesis.identity import Identity
from engines.synthesis.inverse import find, found
from engines.synthesis.look import Look
from engines.synthesis.people import HeadMotion, at, limited, takes
from engines.synthesis.performance import Truth
from engines.synthesis.scene import Pose, Scene, Sway
from engines.synthesis.script import Script
from engines.synthesis.sensor import Sensor
from engines.synthesis.timeline import Seen, Timeline

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


class Renderer:
    """Renders a scene. ``frame(i)`` depends on the scene and i alone: any order gives the same pixels."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.face = build_face(scene.identity, scene.height, scene.width)
        self._sway = Sway(scene)
        self._people = HeadMotion(scene.seed) if scene.real_head else None
        self._look = Look(scene, self.face)
        self._timeline = Timeline(scene, self.face.unit, self._look.eyes.lid_travel)
        self._prepare_sensor()

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

    def truth(self, until_frame: int | None = None, from_frame: int = 0) -> list[Truth]:
        """Performances that are over at frame ``until_frame`` (their offset is at or before it), in order of onset.

        None: all of them; InputError where they never end. Those over before ``from_frame`` are left out.
        """
        return self._timeline.truth(until_frame, from_frame)

    def pose(self, i: int) -> Pose:
        """The head's pose in frame i."""
        t = i / self.scene.fps
        sway = self._sway(t)
        if self._people is None:
            return sway
        people = self._people(t)
        for seen in self._timeline.active(i):
            if seen.event.take is not None:
                people += seen.part * at(takes()[seen.event.take].pose, seen.event.moment(t))
        x, y, scale, roll, yaw, pitch = limited(self.scene.real_head * people)
        px, nose = 200 * self.face.unit, self._look.head.nose
        return Pose(
            sway.x + px * float(x),
            sway.y + px * float(y),
            sway.roll + float(roll),
            sway.scale * float(np.exp(scale)),
            sway.yaw - nose * float(np.sin(yaw)),
            sway.pitch + nose * float(np.sin(pitch)),
        )

    def frame(self, i: int, out: UInt8 | None = None) -> UInt8:
        """Frame i: uint8 (height, width, 3), BGR. out: an array of that shape to write into, else a new one
        is made.

        InputError for a negative i.
        """
        if i < 0:
            raise InputError(f"renderer: there is no frame {i}; frames count from 0")
        scene = self.scene
        image = np.empty((scene.height, scene.width, 3), np.uint8) if out is None else out
        self._look.look(self.pose(i), self._timeline.active(i))
        x0, y0, x1, y1 = self.face.box
        np.copyto(image, self.face.still)
        part = image[y0:y1, x0:x1]
        for band in self._look.head.bands:
            seen = part[band]
            cv2.remap(
                self._look.texture,
                self._look.map[band],
                None,
                cv2.INTER_LINEAR,
                dst=seen,
                borderMode=cv2.BORDER_REPLICATE,
            )
        if self._look.mouth is not None:
            place, here, mouth = self._look.mouth
            self._look.speech.show_mouth(part[place], here, mouth)
        if self._glasses is not None:
            box, layer, paint = self._glasses
            place, here = self._look.head.cutting(box)
            lenses = part[place]
            warped = cv2.remap(layer, here, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            cv2.multiply(lenses, warped, dst=lenses, scale=1 / 255)
            cv2.remap(paint, here, None, cv2.INTER_LINEAR, dst=warped, borderMode=cv2.BORDER_REPLICATE)
            cv2.add(lenses, warped, dst=lenses)
        self._sensor.expose(image, i)
        return image

    def _coordinates(self, pose: Pose, active: list[Seen], side: int = 0) -> Float64:
        """Where each pixel looks on the resting face: float64 (height, width, 2), frame px. side: see `Lips.part`."""
        at = self._pixels()
        self._look.look(pose, active, side)
        x0, y0, x1, y1 = self.face.box
        seen = (self._look.map - self._look.dither)[: self._look.head.rows, : self._look.head.cols].astype(
            np.float64
        )
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
        active = self._timeline.active(i)
        spoken = any(seen.event.take is not None for seen in active)
        below = self._look.speech.lips.landmarks_below()[None] if spoken else None
        return np.asarray(self._find(goal, self.pose(i), active, below)[0][0], np.float32)

    def _pixels(self) -> Float64:
        ys, xs = np.mgrid[: self.scene.height, : self.scene.width].astype(np.float64)
        return np.stack([xs, ys], -1)

    def _solve(self, i: int, j: int, head: bool) -> tuple[Float32, Bool]:
        pose_i = self.pose(i)
        pose_j = self.pose(j) if head else pose_i
        goal = self._coordinates(pose_i, self._timeline.active(i))
        rigid = self._mouth_seen()
        at, seen = self._find(goal, pose_j, self._timeline.active(j))
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
        self, goal: Float64, pose: Pose, active: list[Seen], below: Bool | None = None
    ) -> tuple[Float64, Bool]:
        """Where points `goal` (..., 2) of the resting face are seen, frame px, and whether they are seen at all.
        below: which of them follow the lower lip where lips part, found out if None.
        """
        pixels = self._pixels()
        offset = self._coordinates(pose, active) - pixels
        if self._look.mouth is None:
            return find(goal, offset)
        # a lip's own map is smooth, the map of both together is not
        lower, upper = (find(goal, self._coordinates(pose, active, side) - pixels)[0] for side in (1, -1))
        if below is None:
            below = self._look.speech.lips.below(goal)
        at = np.where(below[..., None], lower, upper)
        col, row = (np.clip(np.rint(at[..., k]).astype(int), 0, pixels.shape[1 - k] - 1) for k in (0, 1))
        return at, found(goal, at, offset) & ~self._mouth_seen()[row, col]

    def _mouth_seen(self) -> Bool:
        """Where the frame last looked at shows the inside of a mouth: bool (height, width)."""
        seen = np.zeros((self.scene.height, self.scene.width), bool)
        if self._look.mouth is not None:
            x0, y0, x1, y1 = self.face.box
            place, _, mouth = self._look.mouth
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
