"""One camera of a run: its two processes, its ring, and what is known of it."""

import enum
from collections import Counter, deque
from dataclasses import dataclass, field

from realtime import messages
from realtime.live.score import Score
from realtime.processes import wire
from realtime.processes.counts import CaptureCounts, WatchCounts
from realtime.processes.histogram import Histogram
from realtime.processes.member import Member
from realtime.stages.sight import Sight


class CameraState(enum.Enum):
    """Where the source of a camera stands."""

    OPENING = "not open yet"
    CAPTURING = "frames come"
    LOST = "it went away and is tried again"
    ENDED = "no frame will follow"


@dataclass(eq=False)
class Latencies:
    """Of one camera's published events, milliseconds."""

    apex_to_published: Histogram = field(default_factory=Histogram)
    flow: Histogram = field(default_factory=Histogram)
    classify: Histogram = field(default_factory=Histogram)


@dataclass(eq=False)
class RingPosition:
    """Which of a camera's rings is read, and where a dead watch stopped reading which one.

    ``serial`` counts rings; ``read_serial`` is that of the last one read to its end; ``unread`` counts frames that
    were gone before anybody watched them.
    """

    serial: int = 0
    read_serial: int = 0
    stopped_serial: int = 0
    stopped_at: int = 0
    unread: int = 0


@dataclass(eq=False)
class CameraRun:
    """One camera: ``number`` in the order given, ``source`` as given, ``name`` as it is called on the bus."""

    number: int
    source: str
    name: str
    state: CameraState = CameraState.OPENING
    capture: Member | None = None
    watch: Member | None = None
    watch_gone: bool = False
    opened: wire.Opened | None = None
    ring: RingPosition = field(default_factory=RingPosition)
    backoff_s: float = 0.5
    problem: str = ""
    face: messages.State | None = None
    rate: float = 0.0
    rate_from: tuple[int, int] = (0, 0)
    skips_said: int = 0
    events: Counter[messages.Kind] = field(default_factory=Counter)
    sight: Sight = field(default_factory=Sight)
    score: Score = field(default_factory=Score)
    truths: deque[wire.Truth] = field(default_factory=lambda: deque(maxlen=200))
    latencies: Latencies = field(default_factory=Latencies)

    @property
    def captured(self) -> CaptureCounts:
        """What capture counted, over its restarts."""
        return self.capture.total(CaptureCounts) if self.capture else CaptureCounts()

    @property
    def watched(self) -> WatchCounts:
        """What watch counted, over its restarts."""
        return self.watch.total(WatchCounts) if self.watch else WatchCounts()

    @property
    def lost_ring(self) -> int:
        """Frames that were captured and not watched."""
        return self.watched.lost_ring + self.ring.unread

    @property
    def ended(self) -> bool:
        """Whether no frame will follow."""
        return self.state is CameraState.ENDED

    @property
    def watch_ended(self) -> bool:
        """Whether nothing more will come of watch; it may read the end of the ring before capture's word comes."""
        return self.watch_gone or (self.ended and self.ring.read_serial == self.ring.serial)

    @property
    def open(self) -> bool:
        """Whether the capture that lives now has opened the source."""
        capture, opened = self.capture, self.opened
        return bool(capture and opened and capture.alive and opened.generation == capture.spec.generation)

    @property
    def live(self) -> bool:
        """Whether its frames come when they like: a camera or a stream, which may come back after it was lost."""
        return self.opened is not None and self.opened.kind in ("camera", "url")

    def count_events(self) -> dict[str, int]:
        """Published events by kind."""
        return {kind: self.events[kind] for kind in ("micro", "macro", "blink")}

    def take_time(self, event: messages.Event, total_ms: float) -> None:
        """Enters how long a published event took."""
        self.latencies.apex_to_published.add(total_ms)
        for name, histogram in (("flow", self.latencies.flow), ("classify", self.latencies.classify)):
            if name in event.latency_ms:
                histogram.add(event.latency_ms[name])
