"""Motion of the face over a whole recording, and the refused movements, for the report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.spotting.refusals import NewlyRefused
from realtime import messages
from realtime.dashboard.words import lanes

SAMPLE_S: Final = 0.02
# A movement peaks at most this long before the spotter's verdict.
_PEAK_S: Final = 1.1
# A refusal this close to an event is a longer window over the same movement.
_EVENT_S: Final = 0.5
# Refusals for one reason whose peaks are this close are one movement.
_SAME_S: Final = 0.4


@dataclass(frozen=True)
class Refused:
    """A movement above threshold that was not taken for an event: the time (s) and height (px) of its peak, and why."""

    at_s: float
    peak_px: float
    reason: str


@dataclass
class Course:
    """Motion of the first face over a recording, sampled every `SAMPLE_S`.

    ``motion`` is the largest displacement in each group of regions and ``level`` the threshold, both in crop pixels,
    NaN without a face; ``track`` has (seconds, status of the face) at each change.
    """

    times: list[float] = field(default_factory=list)
    motion: dict[str, list[float]] = field(default_factory=dict)
    level: dict[str, list[float]] = field(default_factory=dict)
    track: list[tuple[float, str]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    _newly: NewlyRefused = field(default_factory=NewlyRefused)
    _event_s: float = -1e9
    _names: tuple[str, ...] = ()
    _groups: list[tuple[str, list[int]]] = field(default_factory=list)

    def look(
        self, at_s: float, state: messages.State, *, spotted_micro: bool, refused: Mapping[str, int]
    ) -> None:
        """Adds the watcher's view at ``at_s`` seconds.

        ``spotted_micro``: a micro-expression was spotted since the last call; ``refused``: how many movements of the
        first face have been refused so far, by reason.
        """
        face = state.faces[0] if state.faces else None
        status = face.status if face else "lost"
        if not self.track or self.track[-1][1] != status:
            self.track.append((at_s, status))
        self.times.append(at_s)
        self._append(face)
        if spotted_micro:
            self._event_s = at_s
        if face is not None:
            for reason in self._newly.of(face.face, refused):
                self._refuse(at_s, reason)

    def _append(self, face: messages.FaceState | None) -> None:
        names = tuple(region.name for region in face.regions) if face else ()
        if names and names != self._names:
            self._names = names
            grouped, order = lanes(names)
            places = iter(order)
            self._groups = [(lane, [next(places) for _ in members]) for lane, members in grouped]
            for lane, _ in self._groups:
                # NaN until the first face.
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

    def _refuse(self, at_s: float, reason: str) -> None:
        first = int(np.searchsorted(self.times, at_s - _PEAK_S))
        window = self.array()[:, first:]
        if not window.size or np.isnan(window).all():
            return
        peak = np.nan_to_num(window.max(axis=0), nan=-1.0)
        top = int(np.argmax(peak))
        when = self.times[first + top]
        if self.refused and self.refused[-1].reason == reason and when - self.refused[-1].at_s < _SAME_S:
            return
        if when > self._event_s - _EVENT_S and at_s - self._event_s < _EVENT_S:
            return
        self.refused.append(Refused(when, float(peak[top]), reason))

    def array(self) -> NDArray[np.float64]:
        """The motion of all groups, float64 (groups, samples)."""
        return np.array([self.motion[lane] for lane, _ in self._groups]).reshape(len(self._groups), -1)
