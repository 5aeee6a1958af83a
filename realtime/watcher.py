"""The watch stage: frames in, candidates out. Live and `analyze` run this same object.

What it does depends on the frames and their times alone, so the same frames give the same candidates.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face import Face, FaceSettings, FaceStatus, FaceTracker
from engines.face.geometry import (
    CROP_HEIGHT,
    CROP_WIDTH,
    Image,
    Matrix,
    crop,
    pose_from_matrix,
    to_crop,
    to_frame,
)
from engines.spotting import Sample, Spot, Spotter, SpottingSettings, View, open_spotter
from realtime.candidate import Candidate
from realtime.messages import FaceState, Moment, Region, State
from realtime.ring import Frame

# As long as a micro-expression may last, its onset must still be here when its offset is known.
_HISTORY_S = 1.5
_MARGIN_PX = 20
# While something happens at the eyes, landmarks come this often.
_HURRY_S = 0.009
# Brows, eyes, nose and lips of FaceMesh: the outline drawn for people.
_OUTLINE = (
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(168, 6, 197, 195, 4, 98, 2, 327),
    *(61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91),
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)


@dataclass(frozen=True)
class _Past:
    """A frame that can be cropped again: a grey part of it and where that part lies."""

    index: int
    t_ns: int
    host_ns: int
    lost: int
    grey: Image
    origin: tuple[int, int]
    matrix: Matrix


class _Watched:
    """One face being watched."""

    def __init__(self, spotter: Spotter) -> None:
        self.spotter = spotter
        self.past: deque[_Past] = deque()
        self.landmarks: NDArray[np.float64] | None = None
        self.epoch = -1
        self.matrix: Matrix | None = None


class Watcher:
    """Faces, stabilised crops and spotting of one camera.

    ``wall`` turns a frame's monotonic host time into ISO-8601, or is None where there is no clock.
    """

    def __init__(
        self,
        faces: FaceSettings,
        spotting: SpottingSettings,
        camera: str,
        wall: Callable[[int], str] | None = None,
    ) -> None:
        self.camera = camera
        self._tracker = FaceTracker(faces)
        self._spotting = spotting
        self._wall = wall
        self._watched: dict[int, _Watched] = {}
        self._faces: list[Face] = []
        self._lost = 0
        self._times: deque[int] = deque(maxlen=240)
        self._warm_up()

    def _warm_up(self) -> None:
        """Compile and load everything now, so that the first real frame is not late."""
        spotter = open_spotter(self._spotting)
        landmarks = np.full((478, 3), 70.0)
        blank = np.random.default_rng(0).integers(0, 255, (CROP_HEIGHT, CROP_WIDTH), dtype=np.uint8)
        for index in range(3):
            spotter.push(Sample(index, index * 0.005, blank, landmarks))
        self._tracker.step(np.zeros((120, 160, 3), dtype=np.uint8), -1.0)

    def lost(self, count: int) -> None:
        """``count`` frames before the next one were lost in the ring."""
        self._lost += count

    def step(self, frame: Frame) -> list[Candidate]:
        """Take the next frame; return the movements that are complete with it."""
        t_s = frame.t_ns / 1e9
        self._times.append(frame.t_ns)
        lost, self._lost = self._lost + frame.gap, 0
        self._faces = self._tracker.step(frame.image, t_s)
        present = {face.id for face in self._faces}
        for gone in [identity for identity in self._watched if identity not in present]:
            del self._watched[gone]
        candidates = []
        for face in self._faces:
            if face.id < 0:
                continue
            watched = self._watched.setdefault(face.id, _Watched(open_spotter(self._spotting)))
            candidates.extend(self._watch(face, watched, frame, t_s, lost))
        return candidates

    def flush(self) -> list[Candidate]:
        """The stream ended: what can still be completed."""
        return [
            candidate
            for identity, watched in self._watched.items()
            for spot in watched.spotter.flush()
            if (candidate := self._candidate(identity, watched, spot)) is not None
        ]

    def fps(self) -> float:
        """Frames a second over the last frames, by the source's own clock; 0 before the second frame."""
        if len(self._times) < 2 or self._times[-1] == self._times[0]:
            return 0.0
        return (len(self._times) - 1) / ((self._times[-1] - self._times[0]) / 1e9)

    def _watch(self, face: Face, watched: _Watched, frame: Frame, t_s: float, lost: int) -> list[Candidate]:
        if face.status is not FaceStatus.OK or face.matrix is None or face.landmarks is None:
            watched.spotter.interrupt(face.reason)
            watched.past.clear()
            return []
        if face.fresh or watched.landmarks is None:
            watched.landmarks = _landmarks_in_crop(face)
        grey, origin = _grey_part(frame.image, face.matrix)
        if grey is None:
            watched.spotter.interrupt("face outside the picture")
            watched.past.clear()
            return []
        watched.past.append(_Past(frame.index, frame.t_ns, frame.host_ns, lost, grey, origin, face.matrix))
        while frame.t_ns - watched.past[0].t_ns > _HISTORY_S * 1e9:
            watched.past.popleft()
        bridge = None
        if watched.matrix is not None and watched.epoch != face.epoch:
            bridge = crop(grey, watched.matrix, origin)
        watched.epoch, watched.matrix = face.epoch, face.matrix
        sample = Sample(
            index=frame.index,
            t_s=t_s,
            crop=crop(grey, face.matrix, origin),
            landmarks=watched.landmarks,
            epoch=face.epoch,
            fresh=face.fresh,
            openness=face.openness,
            bridge=bridge,
        )
        spots = watched.spotter.push(sample)
        if watched.spotter.wants_landmarks():
            self._tracker.hurry(face.id, t_s + _HURRY_S)
        return [c for spot in spots if (c := self._candidate(face.id, watched, spot)) is not None]

    def _candidate(self, face: int, watched: _Watched, spot: Spot) -> Candidate | None:
        by_index = {past.index: past for past in watched.past}
        apex, offset = by_index.get(spot.apex.index), by_index.get(spot.offset.index)
        onset = by_index.get(spot.onset.index)
        if offset is None:
            return None
        # A long movement's onset and apex may be older than the history; its crops are only for looking at.
        apex = apex or watched.past[0]
        first = onset or watched.past[0]
        onset_crop = crop(first.grey, apex.matrix, first.origin)
        apex_crop = crop(apex.grey, apex.matrix, apex.origin)
        lost = sum(past.lost for past in watched.past if first.index < past.index <= offset.index)
        a, b, c, d, e, f = (float(value) for value in apex.matrix.ravel())
        return Candidate(
            event_id=f"{self.camera}-{face}-{spot.onset.index}-{spot.kind}",
            camera=self.camera,
            face=face,
            kind=spot.kind,
            onset=self._moment(spot.onset.index, spot.onset.t_s, onset),
            apex=self._moment(spot.apex.index, spot.apex.t_s, apex),
            offset=self._moment(spot.offset.index, spot.offset.t_s, offset),
            intensity_px=round(spot.intensity_px, 3),
            confidence=round(spot.confidence, 3),
            frames_lost=lost,
            fps=round(self.fps(), 2),
            reason=spot.reason,
            onset_crop=onset_crop.tobytes(),
            apex_crop=apex_crop.tobytes(),
            crop_to_frame=(a, b, c, d, e, f),
            apex_host_ns=apex.host_ns,
            spotted_ns=time.monotonic_ns(),
        )

    def _moment(self, index: int, t_s: float, past: _Past | None) -> Moment:
        if past is None or past.index != index:
            return Moment(index, round(t_s * 1e9), None)
        return Moment(index, past.t_ns, self._wall(past.host_ns) if self._wall else None)

    def state(self, frame: Frame) -> State:
        """What is seen in ``frame``, the one just stepped: for display and for subscribers."""
        at = Moment(frame.index, frame.t_ns, self._wall(frame.host_ns) if self._wall else None)
        return State(
            camera=self.camera, at=at, fps=round(self.fps(), 2), faces=[self._seen(f) for f in self._faces]
        )

    def _seen(self, face: Face) -> FaceState:
        watched = self._watched.get(face.id)
        view = watched.spotter.view() if watched else View(reason=face.reason)
        status: str = face.status.value
        if face.status is FaceStatus.OK and view.phase == "blind":
            status = "covered" if "covered" in view.reason else "settling"
        outline = (
            []
            if face.landmarks is None
            else [(float(x), float(y)) for x, y in face.landmarks[list(_OUTLINE), :2]]
        )
        matrix = face.matrix
        return FaceState(
            face=face.id,
            status=status,  # type: ignore[arg-type]  # the enum's values are the literal's
            reason=face.reason or view.reason,
            phase=view.phase,
            box=face.box,
            landmarks=outline,
            crop_to_frame=None if matrix is None else tuple(float(v) for v in matrix.ravel()),  # type: ignore[arg-type]
            regions=[
                Region(name, round(float(dx), 3), round(float(dy), 3), round(float(threshold), 3))
                for name, (dx, dy), threshold in zip(view.names, view.motion, view.threshold, strict=True)
            ],
        )

    def close(self) -> None:
        """Free the models."""
        self._tracker.close()


def _landmarks_in_crop(face: Face) -> NDArray[np.float64]:
    assert face.matrix is not None and face.landmarks is not None
    scale = float(np.exp(pose_from_matrix(face.matrix)[2]))
    return np.column_stack([to_crop(face.matrix, face.landmarks[:, :2]), face.landmarks[:, 2] / scale])


def _grey_part(image: NDArray[np.uint8], matrix: Matrix) -> tuple[Image | None, tuple[int, int]]:
    """The grey part of a frame under the crop and a margin, and its origin; None where nothing of it is inside."""
    low, high = -_MARGIN_PX, np.array([CROP_WIDTH, CROP_HEIGHT]) + _MARGIN_PX
    corners = to_frame(matrix, np.array([[low, low], [high[0], low], [low, high[1]], high], dtype=np.float64))
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0)).astype(int), [image.shape[1], image.shape[0]])
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None, (0, 0)
    grey = cv2.cvtColor(image[y0:y1, x0:x1], cv2.COLOR_BGR2GRAY)
    return np.asarray(grey, dtype=np.uint8), (int(x0), int(y0))
