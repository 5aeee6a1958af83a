"""What the face did over a whole recording, for the report: motion over time, and what was seen but not counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.spotting.refusals import NewlyRefused
from realtime import messages
from realtime.dashboard.words import lanes

SAMPLE_S: Final = 0.02
# The peak of a movement lies at most so long before it is judged, a longer look at an event follows it so soon, and
# this is one movement told twice.
_PEAK_S, _AGAIN_S, _SAME_S = 1.1, 0.5, 0.4


@dataclass(frozen=True)
class Refused:
    """A movement that rose above its threshold and was no event: when it peaked (s), how far (px), why not."""

    at_s: float
    peak_px: float
    reason: str


@dataclass
class Course:
    """Motion of each group of regions (its largest displacement, crop pixels) and the level it must pass; NaN: no face.

    ``track``: (seconds, status of the face) at each change.
    """

    times: list[float] = field(default_factory=list)
    motion: dict[str, list[float]] = field(default_factory=dict)
    level: dict[str, list[float]] = field(default_factory=dict)
    track: list[tuple[float, str]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    _newly: NewlyRefused = field(default_factory=NewlyRefused)
    _told_s: float = -1e9
    _names: tuple[str, ...] = ()
    _groups: list[tuple[str, list[int]]] = field(default_factory=list)

    def look(
        self, at_s: float, state: messages.State, *, spotted_micro: bool, refused: Mapping[str, int]
    ) -> None:
        """Take the watcher's view at a time; ``spotted_micro``: a micro-expression was found since the last look.

        ``refused``: how often each reason made a movement of the first face none of interest, so far.
        """
        face = state.faces[0] if state.faces else None
        status = face.status if face else "lost"
        if not self.track or self.track[-1][1] != status:
            self.track.append((at_s, status))
        self.times.append(at_s)
        self._enter(face)
        if spotted_micro:
            self._told_s = at_s
        if face is not None:
            for reason in self._newly.of(face.face, refused):
                self._judge(at_s, reason)

    def _enter(self, face: messages.FaceState | None) -> None:
        names = tuple(region.name for region in face.regions) if face else ()
        if names and names != self._names:
            self._names = names
            grouped, order = lanes(names)
            places = iter(order)
            self._groups = [(lane, [next(places) for _ in members]) for lane, members in grouped]
            for lane, _ in self._groups:
                # Nothing was seen before the first face.
                self.motion.setdefault(lane, [float("nan")] * (len(self.times) - 1))
                self.level.setdefault(lane, [float("nan")] * (len(self.times) - 1))
        usable = bool(names) and face is not None and face.phase != "blind"
        for lane, members in self._groups:
            size = level = float("nan")
            if usable and face is not None:
                size = max(float(np.hypot(face.regions[i].dx, face.regions[i].dy)) for i in members)
                level = sum(face.regions[i].threshold for i in members) / len(members)
            self.motion[lane].append(size)
            self.level[lane].append(level)

    def _judge(self, at_s: float, reason: str) -> None:
        first = int(np.searchsorted(self.times, at_s - _PEAK_S))
        window = self.array()[:, first:]
        if not window.size or np.isnan(window).all():
            return
        peak = np.nan_to_num(window.max(axis=0), nan=-1.0)
        top = int(np.argmax(peak))
        when = self.times[first + top]
        if self.refused and self.refused[-1].reason == reason and when - self.refused[-1].at_s < _SAME_S:
            return
        if when > self._told_s - _AGAIN_S and at_s - self._told_s < _AGAIN_S:
            # A longer look at what was an event already.
            return
        self.refused.append(Refused(when, float(peak[top]), reason))

    def array(self) -> NDArray[np.float64]:
        """Motion (groups, samples) of all groups, in their order."""
        return np.array([self.motion[lane] for lane, _ in self._groups]).reshape(len(self._groups), -1)
