"""Stimulus markers: when which stimulus was shown, and what the face did after it."""

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
    """``at_ns`` is `time.monotonic_ns` in a live run, the recording's own time in an analysis."""

    at_ns: int
    text: str


@dataclass(eq=False)
class Stimulus:
    """What came after the markers of one text: onset latencies in milliseconds by kind, labels of micro-expressions."""

    markers: int = 0
    latencies_ms: dict[str, deque[float]] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)


class Markers:
    """The newest markers of a run or a recording, and a table of all of them by text."""

    def __init__(self) -> None:
        self.count = 0
        self._times: deque[Marker] = deque(maxlen=_KEPT)
        self._stimuli: dict[str, Stimulus] = {}

    def add(self, marker: Marker) -> None:
        """Enters a marker; one that arrives late takes its place in time."""
        self.count += 1
        if self._times and marker < self._times[-1]:
            bisect.insort(ordered := list(self._times), marker)
            self._times = deque(ordered, maxlen=_KEPT)
        else:
            self._times.append(marker)
        if marker.text in self._stimuli or len(self._stimuli) < _STIMULI:
            self._stimuli.setdefault(marker.text, Stimulus()).markers += 1

    def before(self, at_ns: int) -> messages.SinceMarker | None:
        """The newest marker that is not later, and how long before it came."""
        place = bisect.bisect_right(self._times, at_ns, key=lambda marker: marker.at_ns)
        if not place:
            return None
        marker = self._times[place - 1]
        return messages.SinceMarker(marker.text, round((at_ns - marker.at_ns) / 1e6, 1))

    def enter(self, event: messages.Event) -> None:
        """Counts a published event under its marker."""
        since = event.since_marker
        if since is None or (stimulus := self._stimuli.get(since.text)) is None:
            return
        stimulus.events[event.kind] += 1
        stimulus.latencies_ms.setdefault(event.kind, deque(maxlen=1000)).append(since.ms)
        if event.label is not None:
            stimulus.labels[event.label] += 1

    def table(self) -> list[dict[str, Any]]:
        """A row a stimulus."""
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
