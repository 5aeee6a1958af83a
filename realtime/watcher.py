"""The watch stage: frames in, candidates out. Live and `analyze` run this same object.

What it does depends on the frames and their times alone, so the same frames give the same candidates.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from engines.face import CROP_HEIGHT, CROP_WIDTH, Face, FaceSettings, FaceStatus, FaceTracker
from engines.face.geometry import Image
from engines.spotting import Instant, Sample, Spot, SpottingSettings, View, open_spotter
from engines.spotting.face_stage import FaceStage, PastFrame
from realtime.candidate import Candidate
from realtime.crop_source import CropSource
from realtime.messages import FaceState, Moment, Region, State
from realtime.ring import Frame

# When the frames of a long movement came is remembered for this long.
_ARRIVALS_S = 8.0
# A pause in the source's times is none of its rate.
_PAUSE_NS = 1_000_000_000
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
class _Arrival:
    """When a frame came, and how many were lost just before it."""

    index: int
    t_ns: int
    host_ns: int
    lost: int


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
        self._stages: dict[int, FaceStage] = {}
        self._arrivals: deque[_Arrival] = deque()
        self._faces: list[Face] = []
        self._lost = 0
        self._refused: Counter[str] = Counter()
        self._times: deque[int] = deque(maxlen=240)
        self._warm_up()

    def _warm_up(self) -> None:
        """Compile and load everything now, so that the first real frame is not late."""
        spotter = open_spotter(self._spotting)
        rng = np.random.default_rng(0)
        landmarks = rng.uniform(30, 110, (478, 3))
        blank = rng.integers(0, 255, (CROP_HEIGHT, CROP_WIDTH), dtype=np.uint8)
        for index in range(3):
            spotter.push(Sample(index, index * 0.005, blank, landmarks))
        self._tracker.step(np.zeros((120, 160, 3), dtype=np.uint8), -1.0)

    def lost(self, count: int) -> None:
        """``count`` frames before the next one were lost in the ring."""
        self._lost += count

    def step(self, frame: Frame) -> list[Candidate]:
        """Take the next frame; return the movements that are complete with it. A damaged one ends what was begun."""
        t_s = frame.t_ns / 1e9
        if self._times and frame.t_ns - self._times[-1] > _PAUSE_NS:
            self._times.clear()
        self._times.append(frame.t_ns)
        lost, self._lost = self._lost + frame.gap, 0
        self._arrivals.append(_Arrival(frame.index, frame.t_ns, frame.host_ns, lost))
        while frame.t_ns - self._arrivals[0].t_ns > _ARRIVALS_S * 1e9:
            self._arrivals.popleft()
        if frame.damaged:
            for stage in self._stages.values():
                stage.interrupt("the recording is damaged here")
            return []
        self._faces = self._tracker.step(frame.image, t_s)
        present = {face.id for face in self._faces}
        for gone in [identity for identity in self._stages if identity not in present]:
            self._refused.update(self.refused_of(gone))
            del self._stages[gone]
        candidates = []
        for face in self._faces:
            if face.id < 0:
                continue
            stage = self._stages.setdefault(face.id, FaceStage(open_spotter(self._spotting)))
            for spot in stage.push(face, frame.image, frame.index, t_s):
                candidates.extend(self._candidate(face.id, stage, spot))
            self._tracker.help_spotter(face.id, stage.spotter.wants_landmarks(), t_s)
        return candidates

    def flush(self) -> list[Candidate]:
        """The stream ended: what can still be completed."""
        return [
            candidate
            for identity, stage in self._stages.items()
            for spot in stage.spotter.flush()
            for candidate in self._candidate(identity, stage, spot)
        ]

    def refused(self) -> Counter[str]:
        """How often each reason made a movement none of interest, of all faces so far."""
        told = self._refused.copy()
        for face in self._stages:
            told.update(self.refused_of(face))
        return told

    def refused_of(self, face: int) -> Mapping[str, int]:
        """The same of one face that is followed now."""
        stage = self._stages.get(face)
        return {} if stage is None else stage.spotter.view().refused

    def crop_of(self, face: int, index: int, like: Candidate | None = None) -> Image | None:
        """A face's crop of a frame not long ago, by its index; under the transform of a candidate if one is given."""
        stage = self._stages.get(face)
        past = None if stage is None else stage.past(index)
        if past is None:
            return None
        matrix = past.matrix if like is None else np.array(like.crop_to_frame).reshape(2, 3)
        return past.crop(matrix)

    def fps(self) -> float:
        """Frames a second over the last frames, by the source's own clock; 0 before the second frame."""
        if len(self._times) < 2 or self._times[-1] == self._times[0]:
            return 0.0
        return (len(self._times) - 1) / ((self._times[-1] - self._times[0]) / 1e9)

    def _candidate(self, face: int, stage: FaceStage, spot: Spot) -> list[Candidate]:
        """The candidate of a movement, its two crops under one transform; empty where its offset is too long ago."""
        arrived = {arrival.index: arrival for arrival in self._arrivals}
        # A long movement's onset and apex may be older than the frames kept; its crops are only for looking at.
        first = stage.past(spot.onset.index) or stage.oldest()
        apex = stage.past(spot.apex.index) or stage.oldest()
        if first is None or apex is None or spot.offset.index not in arrived:
            return []
        lost = sum(a.lost for a in self._arrivals if spot.onset.index < a.index <= spot.offset.index)
        a, b, c, d, e, f = (float(value) for value in apex.matrix.ravel())
        return [
            Candidate(
                event_id=f"{self.camera}-{face}-{spot.onset.index}-{spot.kind}",
                camera=self.camera,
                face=face,
                kind=spot.kind,
                onset=self._moment(spot.onset, arrived),
                apex=self._moment(spot.apex, arrived),
                offset=self._moment(spot.offset, arrived),
                intensity_px=round(spot.intensity_px, 3),
                confidence=round(spot.confidence, 3),
                frames_lost=lost,
                fps=round(self.fps(), 2),
                reason=spot.reason,
                onset_crop=first.crop(apex.matrix).tobytes(),
                apex_crop=apex.crop(apex.matrix).tobytes(),
                crop_to_frame=(a, b, c, d, e, f),
                apex_host_ns=arrived.get(apex.index, arrived[spot.offset.index]).host_ns,
                spotted_ns=time.monotonic_ns(),
                taken_from=(_source(first), _source(apex)),
            )
        ]

    def _moment(self, at: Instant, arrived: dict[int, _Arrival]) -> Moment:
        arrival = arrived.get(at.index)
        if arrival is None:
            return Moment(at.index, round(at.t_s * 1e9), None)
        return Moment(at.index, arrival.t_ns, self._wall(arrival.host_ns) if self._wall else None)

    def state(self, frame: Frame) -> State:
        """What is seen in ``frame``, the one just stepped: for display and for subscribers."""
        at = Moment(frame.index, frame.t_ns, self._wall(frame.host_ns) if self._wall else None)
        return State(
            camera=self.camera, at=at, fps=round(self.fps(), 2), faces=[self._seen(f) for f in self._faces]
        )

    def _seen(self, face: Face) -> FaceState:
        stage = self._stages.get(face.id)
        view = stage.spotter.view() if stage else View(reason=face.reason)
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


def _source(past: PastFrame) -> CropSource:
    (x, y), (height, width) = past.origin, past.grey.shape
    return CropSource(past.index, (x, y, x + width, y + height))
