"""Stimulus markers: which stimulus was shown when, and the events that followed it."""

import bisect
import statistics
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final

from realtime import messages

_KEPT: Final = 10_000
_STIMULI: Final = 1_000


@dataclass(frozen=True, order=True)
class Marker:
    """A stimulus and its time: ``at_ns`` is `time.monotonic_ns` in a live run, the recording's time in an analysis."""

    at_ns: int
    text: str


@dataclass(eq=False)
class Stimulus:
    """The events after markers of the same text: onset latencies (ms) by kind, and labels of micro-expressions."""

    markers: int = 0
    latencies_ms: dict[str, deque[float]] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)


class Markers:
    """The newest markers of a run or a recording, and counts of all of them by text."""

    def __init__(self) -> None:
        self.count = 0
        self._times: deque[Marker] = deque(maxlen=_KEPT)
        self._stimuli: dict[str, Stimulus] = {}

    def add(self, marker: Marker) -> None:
        """Adds a marker; one that arrives late is sorted in by its time."""
        self.count += 1
        if self._times and marker < self._times[-1]:
            bisect.insort(ordered := list(self._times), marker)
            self._times = deque(ordered, maxlen=_KEPT)
        else:
            self._times.append(marker)
        if marker.text in self._stimuli or len(self._stimuli) < _STIMULI:
            self._stimuli.setdefault(marker.text, Stimulus()).markers += 1

    def before(self, at_ns: int) -> messages.SinceMarker | None:
        """The newest marker up to ``at_ns``, with the milliseconds since; None if there is none."""
        place = bisect.bisect_right(self._times, at_ns, key=lambda marker: marker.at_ns)
        if not place:
            return None
        marker = self._times[place - 1]
        return messages.SinceMarker(marker.text, round((at_ns - marker.at_ns) / 1e6, 1))

    def enter(self, event: messages.Event) -> None:
        """Counts a published event for its marker."""
        since = event.since_marker
        if since is None or (stimulus := self._stimuli.get(since.text)) is None:
            return
        stimulus.events[event.kind] += 1
        stimulus.latencies_ms.setdefault(event.kind, deque(maxlen=1000)).append(since.ms)
        if event.label is not None:
            stimulus.labels[event.label] += 1

    def table(self) -> list[dict[str, Any]]:
        """One row for each text: counts, labels, and median onset latency in milliseconds by kind."""
        return [
            {
                "text": text,
                "markers": stimulus.markers,
                "events": dict(stimulus.events),
                "labels": dict(stimulus.labels),
                "onset_latency_ms": {
                    kind: round(statistics.median(latencies), 1)
                    for kind, latencies in stimulus.latencies_ms.items()
                },
            }
            for text, stimulus in self._stimuli.items()
        ]
