"""The watch stage: the movements that the pipeline spots become candidates with the arrival times of their frames.

Live runs and `analyze` use the same object; the same frames give the same candidates.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from engines.face import Face, FaceSettings, FaceStatus
from engines.face.geometry import Image
from engines.pipeline import Movement, Pipeline
from engines.spotting import Instant, SpottingSettings, View
from engines.spotting.face_stage import PastFrame
from realtime.messages import FaceState, Kind, Moment, Region, State
from realtime.ring import Frame
from realtime.stages.candidate import Candidate, Withdrawal
from realtime.stages.crop_source import CropSource

# Arrival times are kept for this long: a movement may last that long.
_ARRIVALS_S = 8.0
# Intervals longer than this are pauses and do not count for the frame rate.
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
    """The times of a frame, and how many were lost just before it."""

    index: int
    t_ns: int
    host_ns: int
    lost: int


class Watcher:
    """Face tracking, stabilised crops and spotting for one camera.

    ``wall`` converts a frame's monotonic host time (ns) to ISO-8601; None without a clock.
    """

    def __init__(
        self,
        faces: FaceSettings,
        spotting: SpottingSettings,
        camera: str,
        wall: Callable[[int], str] | None = None,
    ) -> None:
        self.camera = camera
        self.pipeline = Pipeline(faces, spotting)
        self._wall = wall
        self._arrivals: deque[_Arrival] = deque()
        self._lost = 0
        self._times: deque[int] = deque(maxlen=240)
        self.pipeline.warm_up()

    def lost(self, count: int) -> None:
        """Counts frames lost in the ring just before the next one."""
        self._lost += count

    def step(self, frame: Frame) -> list[Candidate]:
        """Takes the next frame and returns the movements it completes. A damaged frame ends those in progress."""
        t_s = frame.t_ns / 1e9
        if self._times and frame.t_ns - self._times[-1] > _PAUSE_NS:
            self._times.clear()
        self._times.append(frame.t_ns)
        lost, self._lost = self._lost + frame.gap, 0
        self._arrivals.append(_Arrival(frame.index, frame.t_ns, frame.host_ns, lost))
        while frame.t_ns - self._arrivals[0].t_ns > _ARRIVALS_S * 1e9:
            self._arrivals.popleft()
        if frame.damaged:
            self.pipeline.interrupt("the recording is damaged here")
            return []
        return self._candidates(self.pipeline.push(frame.image, frame.index, t_s))

    def flush(self) -> list[Candidate]:
        """Ends the stream and returns the movements that can still be completed."""
        return self._candidates(self.pipeline.flush())

    def early(self) -> tuple[list[Candidate], list[Withdrawal]]:
        """What is new since the last call about movements that are not over: provisional ones, withdrawals."""
        provisional, withdrawn = [], []
        for one in self.pipeline.early():
            if one.early.spot is not None:
                movement = Movement(one.face, one.early.spot, one.stage)
                if (candidate := self._candidate(movement)) is not None:
                    provisional.append(msgspec.structs.replace(candidate, stage="provisional"))
            else:
                event_id = self._event_id(one.face, one.early.key, "micro")
                withdrawn.append(Withdrawal(event_id, one.early.reason))
        return provisional, withdrawn

    def _event_id(self, face: int, key: int, kind: Kind) -> str:
        return f"{self.camera}-{face}-{key}-{kind}"

    def refused(self) -> Counter[str]:
        """See `Pipeline.refused`."""
        return self.pipeline.refused()

    def refused_of(self, face: int) -> Mapping[str, int]:
        """See `Pipeline.refused_of`."""
        return self.pipeline.refused_of(face)

    def crop_of(self, face: int, index: int, like: Candidate | None = None) -> Image | None:
        """A face's crop, uint8 170x140, of a recent frame by its index; None if it is too old.

        The crop is under the frame's own transform, or that of the candidate ``like``.
        """
        stage = self.pipeline.stage(face)
        past = None if stage is None else stage.past(index)
        if past is None:
            return None
        matrix = past.matrix if like is None else np.array(like.crop_to_frame).reshape(2, 3)
        return past.crop(matrix)

    def fps(self) -> float:
        """The frames a second of the last frames, by the source's clock; 0 before the second frame."""
        if len(self._times) < 2 or self._times[-1] == self._times[0]:
            return 0.0
        return (len(self._times) - 1) / ((self._times[-1] - self._times[0]) / 1e9)

    def _candidates(self, movements: Iterable[Movement]) -> list[Candidate]:
        return [candidate for one in movements if (candidate := self._candidate(one)) is not None]

    def _candidate(self, movement: Movement) -> Candidate | None:
        """The candidate of a movement, both crops under one transform; None if its offset is too old."""
        spot, stage = movement.spot, movement.stage
        arrived = {arrival.index: arrival for arrival in self._arrivals}
        # Onset and apex of a long movement may be older than the frames kept; its crops are only displayed.
        first = stage.past(spot.onset.index) or stage.oldest()
        apex = stage.past(spot.apex.index) or stage.oldest()
        if first is None or apex is None or spot.offset.index not in arrived:
            return None
        lost = sum(a.lost for a in self._arrivals if spot.onset.index < a.index <= spot.offset.index)
        a, b, c, d, e, f = (float(value) for value in apex.matrix.ravel())
        return Candidate(
            event_id=self._event_id(
                movement.face, spot.onset.index if spot.key is None else spot.key, spot.kind
            ),
            camera=self.camera,
            face=movement.face,
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

    def _moment(self, at: Instant, arrived: dict[int, _Arrival]) -> Moment:
        arrival = arrived.get(at.index)
        if arrival is None:
            return Moment(at.index, round(at.t_s * 1e9), None)
        return Moment(at.index, arrival.t_ns, self._wall(arrival.host_ns) if self._wall else None)

    def state(self, frame: Frame) -> State:
        """The state of all faces in ``frame``, the last one given to `step`."""
        at = Moment(frame.index, frame.t_ns, self._wall(frame.host_ns) if self._wall else None)
        return State(
            camera=self.camera,
            at=at,
            fps=round(self.fps(), 2),
            faces=[self._seen(f) for f in self.pipeline.faces],
        )

    def _seen(self, face: Face) -> FaceState:
        stage = self.pipeline.stage(face.id)
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
        """Releases the models."""
        self.pipeline.close()


def _source(past: PastFrame) -> CropSource:
    (x, y), (height, width) = past.origin, past.grey.shape
    return CropSource(past.index, (x, y, x + width, y + height))
