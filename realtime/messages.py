"""Messages of the bus, of events.jsonl and between the processes: typed and versioned; unknown fields are refused.

On the wire: multipart ``[topic, payload]``; topic ``apexcam.v1.<camera>.<event|early|state|health|preview>``, payload
msgpack of the structs below (JSON on request). Times: ``t_ns`` is the camera's (or file's) own clock in
nanoseconds, ``wall`` the ISO-8601 UTC time of that frame, null where there is no clock (analyze).
"""

from typing import Literal

import msgspec

Kind = Literal["micro", "macro", "blink"]
Stage = Literal["final", "provisional", "withdrawn"]


class Moment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One frame of the source: its index from 0, its time on the source's clock, and its wall-clock time."""

    frame: int
    t_ns: int
    wall: str | None = None


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The network that classified the event, and the runtime that ran it."""

    name: str
    sha256: str
    runtime: str


class FlowUsed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The solver that measured the flow between onset and apex."""

    backend: str
    preset: str


class SinceMarker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest stimulus marker before an event, and the milliseconds from it to the event's onset."""

    text: str
    ms: float


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A spotted movement and, for a micro-expression, its class. The same object in events.jsonl and on the bus.

    ``intensity_px`` is the largest regional displacement at the apex, in pixels of the 170x140 crop. ``label`` is
    null for blinks, macro-expressions and abstained predictions; ``reason`` says why in words.

    On the topic ``early``, ``stage`` is provisional when the movement has turned back (``offset`` is the newest frame,
    ``confirmation`` how sure the network is, were it to go back as it came), and withdrawn when no final event of the
    same ``event_id`` will follow.
    """

    schema: Literal["apexcam.event/1"] = "apexcam.event/1"
    event_id: str
    camera: str
    face: int
    kind: Kind
    onset: Moment
    apex: Moment
    offset: Moment
    label: str | None
    probabilities: dict[str, float]
    abstained: bool
    confidence: float
    intensity_px: float
    frames_lost: int
    fps: float
    latency_ms: dict[str, float]
    model: Model | None
    flow: FlowUsed | None
    reason: str
    since_marker: SinceMarker | None = None
    stage: Stage = "final"
    confirmation: float | None = None


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Motion of a facial region relative to the head, and its threshold; crop pixels, x right, y down."""

    name: str
    dx: float
    dy: float
    threshold: float


class FaceState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One face in one frame, as the watcher sees it.

    ``box`` is x, y, width, height in frame pixels; ``landmarks`` are the points of the drawn outline, in frame
    pixels; ``crop_to_frame`` is the 2x3 similarity from crop to frame pixels, row by row.
    """

    face: int
    status: Literal["ok", "settling", "lost", "small", "turned", "covered"]
    reason: str
    phase: Literal["rest", "rising", "falling", "held", "blind"]
    box: tuple[float, float, float, float] | None
    landmarks: list[tuple[float, float]]
    crop_to_frame: tuple[float, float, float, float, float, float] | None
    regions: list[Region]


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The watcher's view of all faces, about 20 times a second."""

    schema: Literal["apexcam.state/1"] = "apexcam.state/1"
    camera: str
    at: Moment
    fps: float
    faces: list[FaceState]


class ProcessHealth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One process in the last second."""

    name: str
    pid: int
    alive: bool
    restarts: int
    cpu_percent: float
    rss_mb: float
    note: str = ""


class SinkHealth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A further receiver of events: how many were delivered and lost since the start, and why."""

    name: str
    delivered: int
    lost: int
    problem: str = ""


class Health(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Counters since the start and rates over the last second, once a second."""

    schema: Literal["apexcam.health/1"] = "apexcam.health/1"
    camera: str
    uptime_s: float
    status: Literal["starting", "running", "source lost", "ending"]
    advice: str
    requested_fps: float
    delivered_fps: float
    captured: int
    processed: int
    lost_driver: int
    lost_ring: int
    events: dict[str, int]
    latency_ms: dict[str, dict[str, float]]
    backends: dict[str, str]
    dropped_messages: dict[str, int]
    processes: list[ProcessHealth]
    sinks: list[SinkHealth] = []


class Preview(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A small JPEG of the newest frame, or the pictures of an event; to look at, not to measure with.

    ``width`` and ``height`` are those of the frame itself, in whose pixels a `State` is given; 0 where unknown.
    """

    schema: Literal["apexcam.preview/1"] = "apexcam.preview/1"
    camera: str
    at: Moment
    jpeg: bytes
    event_id: str | None = None
    pictures: dict[str, bytes] = {}
    width: int = 0
    height: int = 0


Message = Event | State | Health | Preview
TOPIC_ROOT = "apexcam.v1"
SUBJECTS: dict[str, type[Message]] = {
    "event": Event,
    "early": Event,
    "state": State,
    "health": Health,
    "preview": Preview,
}


def withdrawn(provisional: Event, reason: str) -> Event:
    """The provisional event again, as one that will not be confirmed."""
    return msgspec.structs.replace(provisional, stage="withdrawn", reason=reason, confirmation=0.0)


def subject_of(message: Message) -> str:
    """Under which subject a message is published."""
    if isinstance(message, Event):
        return "event" if message.stage == "final" else "early"
    return next(subject for subject, kind in SUBJECTS.items() if isinstance(message, kind))


def topic(camera: str, subject: str) -> str:
    """The topic of a message: ``apexcam.v1.<camera>.<subject>``."""
    return f"{TOPIC_ROOT}.{camera}.{subject}"
