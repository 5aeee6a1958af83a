"""A video as the spotter measures it, recorded once: the shift of each region, before the head's motion is removed.

Other movements are added to these shifts later, thousands of times, without decoding the video again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face import FaceSettings
from engines.pipeline import Pipeline
from engines.spotting.blink import BlinkTracker
from engines.spotting.face_motion import FaceMotion
from engines.spotting.features import face_shape
from engines.spotting.regions import NAMES
from engines.spotting.settings import SpottingSettings
from engines.spotting.spot import Early, Sample, Spot, View
from offline.spotting.batch import Tick
from offline.spotting.truth import Interval

_R = len(NAMES)
_SETTINGS = SpottingSettings()
# Landmarks of so many frames apart are enough for their median.
_LANDMARKS_EVERY = 10
_TICK = 50
# Movements that no implant may overlap: the sum would be neither.
_BUSY = ("micro", "macro", "blink")
_BUSY_MARGIN_S = 0.1
# Shorter stretches are of no use in training.
_SHORTEST_S = 0.7


@dataclass(frozen=True)
class Recording:
    """N frames of one face, R regions, K references; float64, crop pixels and seconds.

    ``shift`` (N, R, 2) against the reference in use, ``match`` (N, R) with it, ``eyes`` (N, 2) likeness of the eyes,
    ``shape`` (N, 5) as `face_shape` has it. ``reference`` int (N,): which of ``centres`` (K, R, 2) and ``depths``
    (K, R) was in use, -1 where no face was seen; ``begins`` bool (N,): everything began anew here. ``landmarks``
    (478, 2): their median. ``micro_s`` (M, 3): onset, apex, offset of what was performed; ``busy_s`` (B, 2): when the
    face did something that nothing may be added to.
    """

    times_s: NDArray[np.float64]
    shift: NDArray[np.float64]
    match: NDArray[np.float64]
    eyes: NDArray[np.float64]
    shape: NDArray[np.float64]
    reference: NDArray[np.int64]
    begins: NDArray[np.bool_]
    centres: NDArray[np.float64]
    depths: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    micro_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    busy_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))

    def stretches(self) -> list[slice]:
        """Frames between one beginning and the next, without those in which no face was seen, or for too short."""
        seen = self.reference >= 0
        starts = np.flatnonzero(seen & self.begins)
        before = np.concatenate([[False], seen[:-1]])
        ends = np.flatnonzero(before & (~seen | self.begins))
        if len(seen) and seen[-1]:
            ends = np.append(ends, len(seen))
        found = [slice(int(a), int(b)) for a, b in zip(starts, ends, strict=True)]
        return [s for s in found if self.times_s[s.stop - 1] - self.times_s[s.start] >= _SHORTEST_S]

    def seconds(self) -> float:
        """For how long the face was seen, in all stretches together."""
        return sum(float(self.times_s[s.stop - 1] - self.times_s[s.start]) for s in self.stretches())


class Recorder:
    """Takes the spotter's place in the pipeline and keeps what it measures. See `Spotter` for the interface."""

    def __init__(self) -> None:
        self._face = FaceMotion(_SETTINGS.head_settle_s, _SETTINGS.reference_s)
        self._blinks = BlinkTracker()
        self._last_s: float | None = None
        self._rows: dict[int, tuple[NDArray[np.float64], ...]] = {}
        self._references: dict[int, int] = {}
        self._begins: list[int] = []
        self._places: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        self._landmarks: list[NDArray[np.float64]] = []

    def push(self, sample: Sample) -> list[Spot]:
        """See `Spotter.push`; nothing is ever spotted."""
        if self._last_s is not None and not 0 < sample.t_s - self._last_s < _SETTINGS.gap_s:
            self._clear()
        begins = self._last_s is None
        self._last_s = sample.t_s
        seen = self._face.push(sample, eyes=not self._blinks.disturbed)
        if seen is None:
            self._clear()
            return []
        self._blinks.push(sample.index, sample.t_s, seen.eyes, sample.openness if sample.fresh else None)
        shape = face_shape(sample.landmarks, sample.openness)
        self._rows[sample.index] = (seen.shift, seen.match, seen.eyes, shape)
        self._references[sample.index] = seen.reference
        if begins:
            self._begins.append(sample.index)
        # The reference of the frames to come, which may have been made just now.
        regions = self._face.regions
        self._places[self._face.reference] = (regions.centres.astype(np.float64), regions.depths)
        if sample.index % _LANDMARKS_EVERY == 0 or not self._landmarks:
            self._landmarks.append(np.asarray(sample.landmarks[:, :2], dtype=np.float64))
        return []

    def _clear(self) -> None:
        self._last_s = None
        self._face.clear()
        self._blinks.reset()

    def interrupt(self, reason: str) -> None:
        """See `Spotter.interrupt`."""
        if self._last_s is not None:
            self._clear()

    def early(self) -> list[Early]:
        """See `Spotter.early`: never."""
        return []

    def wants_landmarks(self) -> bool:
        """See `Spotter.wants_landmarks`."""
        return self._blinks.wants_openness

    def flush(self) -> list[Spot]:
        """See `Spotter.flush`."""
        return []

    def view(self) -> View:
        """See `Spotter.view`."""
        return View()

    def recording(self, times_s: Iterable[float]) -> Recording:
        """What was seen, on frames at these times."""
        times = np.array(list(times_s), dtype=np.float64)
        n = len(times)
        shift, match, eyes = np.full((n, _R, 2), np.nan), np.zeros((n, _R)), np.zeros((n, 2))
        shape = np.full((n, 5), np.nan)
        reference, begins = np.full(n, -1), np.zeros(n, dtype=bool)
        begins[self._begins] = True
        used = sorted(set(self._references.values()))
        number = {reference: k for k, reference in enumerate(used)}
        for index, row in self._rows.items():
            shift[index], match[index], eyes[index], shape[index] = row
            reference[index] = number[self._references[index]]
        places = [self._places[k] for k in used]
        return Recording(
            times_s=times,
            shift=shift,
            match=match,
            eyes=eyes,
            shape=shape,
            reference=reference,
            begins=begins,
            centres=np.array([centres for centres, _ in places]).reshape(-1, _R, 2),
            depths=np.array([depths for _, depths in places]).reshape(-1, _R),
            landmarks=np.median(self._landmarks, axis=0) if self._landmarks else np.zeros((478, 2)),
        )


def record(frames: Iterable[tuple[int, float, NDArray[np.uint8]]], tick: Tick | None = None) -> Recording:
    """Record the first face of frames (number, time in seconds, BGR uint8 H x W x 3); ``tick`` receives the number
    of frames just done.
    """
    cv2.setNumThreads(1)
    recorder = Recorder()

    def opened() -> Recorder:
        recorder.interrupt("another face")
        return recorder

    times: list[float] = []
    with Pipeline(FaceSettings(max=1), _SETTINGS, opened) as pipeline:
        for index, t_s, image in frames:
            times.append(t_s)
            pipeline.push(image, index, t_s)
            if not any(face.id >= 0 for face in pipeline.faces):
                recorder.interrupt("no face")
            if tick and len(times) % _TICK == 0:
                tick(_TICK)
    if tick:
        tick(len(times) % _TICK)
    return recorder.recording(times)


def with_truth(recording: Recording, performed: Sequence[Interval]) -> Recording:
    """The recording with what was performed in it, where its frames reach so far."""
    times, count = recording.times_s, len(recording.times_s)
    micro = [
        (times[p.onset], times[p.apex], times[p.offset])
        for p in performed
        if p.kind == "micro" and p.apex is not None and p.offset < count
    ]
    busy = [
        (times[p.onset] - _BUSY_MARGIN_S, times[min(p.offset, count - 1)] + _BUSY_MARGIN_S)
        for p in performed
        if p.kind in _BUSY and p.onset < count
    ]
    return replace(
        recording, micro_s=np.array(micro).reshape(-1, 3), busy_s=np.array(busy, dtype=float).reshape(-1, 2)
    )
