"""What main and its processes say to each other, msgpack over a private ZeroMQ socket.

Main keeps what comes as ``Candidates`` until each is answered (``Recognised``), and hands it out again (``Recognise``)
when the recognise process had to be restarted: each is published exactly once.
"""

from typing import Literal

import msgspec

from realtime import messages
from realtime.processes.counts import Counts
from realtime.stages.crop_source import CropSource


class Hello(msgspec.Struct, frozen=True, tag=True):
    """The first word of a process."""

    pid: int


class Opened(msgspec.Struct, frozen=True, tag=True):
    """Capture opened its source and made the ring. See `realtime.sources.SourceInfo`."""

    ring: str
    generation: int
    name: str
    spec: str
    kind: Literal["camera", "file", "url", "images", "demo"]
    width: int
    height: int
    fps: float
    frames: int | None
    advice: str


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Everything is loaded; ``backends`` says what was chosen, for example flow: cpu."""

    backends: dict[str, str] = {}


class Heartbeat(msgspec.Struct, frozen=True, tag=True):
    """A sign of life: counters and latencies since this process began (histograms as `histogram.Histogram.pack`)."""

    counts: Counts | None = None
    latency: dict[str, bytes] = {}


class StateUpdate(msgspec.Struct, frozen=True, tag=True):
    """The watcher's view, and when its frame came, `time.monotonic_ns`."""

    state: messages.State
    host_ns: int


class Withdrawn(msgspec.Struct, frozen=True, tag=True):
    """The movement that was announced under this id will not be confirmed."""

    event_id: str
    reason: str


class Spotted(msgspec.Struct, frozen=True):
    """A candidate, encoded by the watch process; main does not look inside."""

    apex_host_ns: int
    candidate: bytes


class Candidates(msgspec.Struct, frozen=True, tag=True):
    """The candidates of one frame and, in the same message, how far watch has read: a successor begins behind them."""

    candidates: list[Spotted]
    heartbeat: Heartbeat


class Recognised(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Recognise` ``number``: the event to publish, its pictures (PNG), how its crops were taken."""

    number: int
    event: messages.Event
    pictures: dict[str, bytes] = {}
    crop_to_frame: tuple[float, float, float, float, float, float] | None = None
    taken_from: tuple[CropSource, CropSource] | None = None


class Rejected(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Recognise` ``number`` when it cannot be recognised; why."""

    number: int
    why: str


class Truth(msgspec.Struct, frozen=True, tag=True):
    """A rendered movement: frames of onset, apex and offset."""

    kind: str
    label: str | None
    onset: int
    apex: int
    offset: int
    amplitude_px: float = 0.0


class Truths(msgspec.Struct, frozen=True, tag=True):
    """What the demo has rendered, all of it so far."""

    truths: list[Truth]


class Note(msgspec.Struct, frozen=True, tag=True):
    """One line for the user."""

    text: str


class Refused(msgspec.Struct, frozen=True, tag=True):
    """Unusable input (`engines.errors.InputError`); the process ends."""

    text: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """An error of the program itself; the process ends."""

    text: str


class Ended(msgspec.Struct, frozen=True, tag=True):
    """All that will come from this process has been sent.

    ``lost``: the source went away and may come back. ``damaged``: ``problem`` is that of a file, unusable in part.
    ``serial``: of the `Attach` whose ring was read to its end.
    """

    lost: bool = False
    damaged: bool = False
    problem: str = ""
    serial: int = 0


Answer = Recognised | Rejected
LastWord = Refused | Failed | Ended
Up = (
    Hello
    | Opened
    | Ready
    | Heartbeat
    | StateUpdate
    | Candidates
    | Withdrawn
    | Answer
    | Truths
    | Note
    | LastWord
)


class Attach(msgspec.Struct, frozen=True, tag=True):
    """Read this ring from now on; ``position`` is where a predecessor stopped, 0 on a new ring: laps are counted.

    ``serial`` comes back in the counts of every `Heartbeat`, so that a position is never taken for another ring's.
    """

    serial: int
    camera: str
    ring: str
    position: int = 0


class Detach(msgspec.Struct, frozen=True, tag=True):
    """Capture of this camera is dead: let its ring go, the next one may need the memory."""

    camera: str


class Begin(msgspec.Struct, frozen=True, tag=True):
    """Everybody is ready: begin."""


class Recognise(msgspec.Struct, frozen=True, tag=True):
    """Recognise this candidate and answer with its number."""

    number: int
    candidate: bytes


class Record(msgspec.Struct, frozen=True, tag=True):
    """Record this event."""

    event: messages.Event
    pictures: dict[str, bytes] = {}
    crop_to_frame: tuple[float, float, float, float, float, float] | None = None
    taken_from: tuple[CropSource, CropSource] | None = None


class Finish(msgspec.Struct, frozen=True, tag=True):
    """No more input will come: finish what there is and answer `Ended`."""


class Exit(msgspec.Struct, frozen=True, tag=True):
    """Leave now."""


# What decoding a damaged message raises: a string that is not UTF-8 is no error of msgspec's own.
DAMAGED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

Down = Attach | Detach | Begin | Recognise | Record | Finish | Exit
