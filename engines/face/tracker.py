"""Faces with an identity and a state in words, from frames; landmarks only as often as they are needed."""

from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import (
    CHEEKBONE_LEFT,
    CHEEKBONE_RIGHT,
    INNER_EYE_LEFT,
    INNER_EYE_RIGHT,
    Image,
    Matrix,
    Points,
    head_angles,
)
from engines.face.mesh import Detector, LandmarkModel, Mesh, eye_openness
from engines.face.settings import FaceSettings
from engines.face.stabiliser import Stabiliser

# A picture of which nearly nothing is lighter, or darker, shows nobody.
_BLACK, _WHITE = 24, 232
# Within this time a face that comes back to its place is the same one.
_MEMORY_S = 1.0
# Landmarks come this often while a spotter wants them.
_HURRY_S = 0.009
# How much larger another face must be to take the place of the one followed, and how often seen so.
_TAKEOVER_RATIO, _TAKEOVER_TIMES = 1.5, 3


class FaceStatus(StrEnum):
    """Why a face can be measured or not."""

    OK = "ok"
    LOST = "lost"
    SMALL = "small"
    TURNED = "turned"
    COVERED = "covered"


@dataclass(frozen=True)
class Face:
    """One face in one frame.

    ``landmarks`` float32 (478, 3) in frame pixels, of the newest landmark run (``fresh``: run on this very frame);
    ``matrix`` the crop→frame similarity in force and ``epoch`` its number, equal for crops that may be compared
    as they are; ``box`` x, y, width, height of the landmarks; ``openness`` of the left and right eye.
    """

    id: int
    status: FaceStatus
    reason: str
    landmarks: Points | None = None
    fresh: bool = False
    matrix: Matrix | None = None
    epoch: int = -1
    box: tuple[float, float, float, float] | None = None
    openness: tuple[float, float] = (0.0, 0.0)


class _Track:
    """What is remembered of one followed face."""

    def __init__(self, mesh: LandmarkModel, settings: FaceSettings) -> None:
        self.mesh = mesh
        self.settings = settings
        self.id = -1
        self.face: Face | None = None
        self.stabiliser = Stabiliser(settings.drift_px, settings.filter_s)
        self.usual_openness = 0.0
        self.seen_s = -np.inf
        self.next_s = -np.inf

    def restart(self, identity: int) -> None:
        self.id = identity
        self.stabiliser = Stabiliser(self.settings.drift_px, self.settings.filter_s)
        self.usual_openness = 0.0
        self.face = None
        self.mesh.forget()

    def blinks(self, openness: float) -> bool:
        """Whether the eyes are narrower than usual: FaceMesh then moves their corners by pixels."""
        self.usual_openness += (0.2 if openness > self.usual_openness else 0.02) * (
            openness - self.usual_openness
        )
        return openness < 0.87 * self.usual_openness

    def box(self) -> NDArray[np.float64] | None:
        return None if self.face is None or self.face.box is None else np.array(self.face.box)


class FaceTracker:
    """Follows up to ``settings.max`` faces, the largest first. Not thread-safe; one per camera."""

    def __init__(self, settings: FaceSettings | None = None) -> None:
        self.settings = settings or FaceSettings()
        self._detector = Detector()
        self._tracks = [_Track(Mesh(), self.settings) for _ in range(self.settings.max)]
        self._identities = 0
        self._next_detect_s = -np.inf
        self._others: list[NDArray[np.float64]] = []
        self._rivals = 0
        self._why_nobody = ""

    def step(self, frame: Image, t_s: float) -> list[Face]:
        """The faces of a BGR frame (uint8, H x W x 3) at time ``t_s`` in seconds, in the order of their identity.

        Where no face is or was followed: one face of status LOST and id -1.
        """
        due = [track for track in self._tracks if t_s >= track.next_s]
        rgb = None
        if due or t_s >= self._next_detect_s:
            rgb = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8)
        if rgb is not None and t_s >= self._next_detect_s:
            self._choose(rgb, t_s)
            self._next_detect_s = t_s + self.settings.detect_every_s
            due = [track for track in self._tracks if t_s >= track.next_s]
        for track in self._tracks:
            if track.face is not None and track.face.fresh:
                track.face = replace(track.face, fresh=False)
        for track in due:
            assert rgb is not None
            if track.id >= 0:
                self._look(track, rgb, t_s)
            else:
                track.next_s = self._next_detect_s
        faces = sorted((t.face for t in self._tracks if t.face is not None), key=lambda face: face.id)
        return faces or [Face(-1, FaceStatus.LOST, self._why_nobody)]

    def help_spotter(self, face: int, wanted: bool, t_s: float) -> None:
        """Run the landmarks of a face sooner than usual, if wanted: something happens at its eyes."""
        for track in self._tracks:
            if wanted and track.id == face:
                track.next_s = min(track.next_s, t_s + _HURRY_S)

    def _choose(self, rgb: Image, t_s: float) -> None:
        boxes = list(self._detector.boxes(rgb))
        if not boxes:
            self._why_nobody = _why_nobody(rgb)
        followed = [track for track in self._tracks if track.id >= 0 and t_s - track.seen_s < _MEMORY_S]
        for track in followed:
            box = track.box()
            near = [i for i, other in enumerate(boxes) if box is not None and _same_place(box, other)]
            if near:
                boxes.pop(near[0])
        for track in self._tracks:
            if track not in followed and boxes:
                self._start(track, boxes.pop(0))
        self._others = boxes
        smallest = min(followed, key=_area, default=None)
        if smallest is not None and boxes and boxes[0][2] * boxes[0][3] > _TAKEOVER_RATIO * _area(smallest):
            self._rivals += 1
        else:
            self._rivals = 0
        if smallest is not None and self._rivals >= _TAKEOVER_TIMES:
            old = smallest.box()
            self._start(smallest, boxes.pop(0))
            self._others = boxes + ([old] if old is not None else [])
            self._rivals = 0

    def _start(self, track: _Track, box: NDArray[np.float64]) -> None:
        if track.face is None or track.box() is None or not _same_place(np.array(track.face.box), box):
            track.restart(self._identities)
            self._identities += 1
        track.next_s = -np.inf

    def _look(self, track: _Track, rgb: Image, t_s: float) -> None:
        settings = self.settings
        landmarks = track.mesh.landmarks(self._without_others(track, rgb))
        if landmarks is None:
            track.next_s = t_s + settings.search_every_s
            gone = t_s - track.seen_s
            if track.face is not None and gone <= _MEMORY_S:
                # The place is kept for a while: the same person may come back to it.
                track.face = Face(track.id, FaceStatus.LOST, "face lost", box=track.face.box)
            else:
                track.face = None
                track.id = -1
                self._next_detect_s = min(self._next_detect_s, t_s + settings.search_every_s)
            return
        was_lost = track.face is None or track.face.status is FaceStatus.LOST
        if was_lost:
            track.stabiliser = Stabiliser(settings.drift_px, settings.filter_s)
        track.seen_s = t_s
        track.next_s = t_s + settings.landmarks_every_s
        openness = eye_openness(landmarks)
        matrix = track.stabiliser.anchor
        if matrix is None or not track.blinks(sum(openness) / 2):
            matrix = track.stabiliser.update(t_s, landmarks)
        status, reason = _judge(landmarks, rgb.shape[:2], settings)
        low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
        track.face = Face(
            id=track.id,
            status=status,
            reason=reason,
            landmarks=landmarks,
            fresh=True,
            matrix=matrix,
            epoch=track.stabiliser.epoch,
            box=(float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])),
            openness=openness,
        )

    def _without_others(self, track: _Track, rgb: Image) -> Image:
        """The frame with every other face greyed out, so that a mesh cannot slip to its neighbour."""
        others = [*self._others, *(b for t in self._tracks if t is not track and (b := t.box()) is not None)]
        if not others:
            return rgb
        masked = rgb.copy()
        for x, y, width, height in others:
            masked[max(0, int(y)) : int(y + height) + 1, max(0, int(x)) : int(x + width) + 1] = 128
        return masked

    def close(self) -> None:
        """Free the models."""
        self._detector.close()
        for track in self._tracks:
            track.mesh.close()


def _area(track: _Track) -> float:
    box = track.box()
    return 0.0 if box is None else float(box[2] * box[3])


def _same_place(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether two boxes show one face: their centres lie within half a width."""
    centre = (a[:2] + a[2:] / 2) - (b[:2] + b[2:] / 2)
    return bool(np.hypot(*centre) < 0.5 * max(a[2], b[2]))


def _why_nobody(rgb: Image) -> str:
    dark, light = np.percentile(rgb[::4, ::4], (1, 99))
    if light < _BLACK:
        return "the picture is black: give light, or uncover the lens"
    if dark > _WHITE:
        return "the picture is white: give less light, or shorten the exposure"
    return "no face in the picture"


def _judge(landmarks: Points, shape: tuple[int, ...], settings: FaceSettings) -> tuple[FaceStatus, str]:
    width = float(np.linalg.norm(landmarks[CHEEKBONE_RIGHT, :2] - landmarks[CHEEKBONE_LEFT, :2]))
    yaw, pitch = head_angles(landmarks)
    # Turned before small: a turned face is narrow for that reason.
    if abs(yaw) > settings.max_yaw_deg or abs(pitch) > settings.max_pitch_deg:
        way = "sideways" if abs(yaw) > settings.max_yaw_deg else "up or down"
        return FaceStatus.TURNED, f"head turned {way} ({yaw:.0f}°, {pitch:.0f}°): look towards the camera"
    eyes = float(np.linalg.norm(landmarks[INNER_EYE_RIGHT, :2] - landmarks[INNER_EYE_LEFT, :2]))
    if width < settings.min_width_px or eyes < 1:
        return FaceStatus.SMALL, f"face {width:.0f} px wide, needs {settings.min_width_px:.0f}: come closer"
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    margin = 0.05 * width
    if low[0] < -margin or low[1] < -margin or high[0] > shape[1] + margin or high[1] > shape[0] + margin:
        return FaceStatus.COVERED, "face partly outside the picture: move to the middle"
    return FaceStatus.OK, ""
