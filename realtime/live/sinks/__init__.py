"""Where a published event goes besides the bus, the screen and the recorder: rows that other packages may add to.

``--sink NAME[:WHERE]`` opens a row of `SINKS`, or of the entry point group ``apexcam.sinks``. Each runs in a thread of
its own behind a short queue, so that none can slow or stop the run or another sink.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from engines import plugins
from engines.errors import InputError
from realtime import messages
from realtime.config import Config
from realtime.processes.wire import Truth
from realtime.stages.crop_source import CropSource


@dataclass(frozen=True)
class Published:
    """An event and what belongs to it.

    ``pictures``: PNGs by name. ``apex_host_ns``: when its apex came, `time.monotonic_ns`. ``crop_to_frame`` and
    ``taken_from``: how its crops were taken. ``truth``: the rendered movement it overlaps most and the IoU, where the
    source is ``rendered``.
    """

    event: messages.Event
    pictures: dict[str, bytes]
    apex_host_ns: int
    crop_to_frame: tuple[float, float, float, float, float, float] | None = None
    taken_from: tuple[CropSource, CropSource] | None = None
    truth: tuple[Truth, float] | None = None
    rendered: bool = False


class Sink(Protocol):
    """What an event goes to."""

    def open(self) -> None:
        """Called once before the first event. Raises InputError where it cannot be used."""

    def event(self, published: Published) -> None:
        """One event, in the order of publication."""

    def close(self) -> None:
        """The end; called once after `open`, also when an event failed."""


@runtime_checkable
class StateSink(Sink, Protocol):
    """A sink that is given what watch sees as well, about ``bus.state_hz`` times a second."""

    def state(self, state: messages.State, host_ns: int) -> None:
        """One state; ``host_ns`` is when its frame came, `time.monotonic_ns`."""


@runtime_checkable
class EarlySink(Sink, Protocol):
    """A sink that is given provisional and withdrawn events as well."""

    def early(self, event: messages.Event) -> None:
        """One of them; ``event.stage`` says which."""


@dataclass(frozen=True)
class SinkKind:
    """A row: its name, one line about it, and what makes one of the text after the colon (empty without)."""

    name: str
    title: str
    make: Callable[[str, Config], Sink]


def _csv(where: str, config: Config) -> Sink:
    from realtime.live.sinks.csv_file import CsvFile

    return CsvFile(where)


def _osc(where: str, config: Config) -> Sink:
    from realtime.live.sinks.osc import Osc

    return Osc(where)


def _web_socket(where: str, config: Config) -> Sink:
    from realtime.live.sinks.web_socket import WebSocketServer

    return WebSocketServer(where, config)


def _lsl(where: str, config: Config) -> Sink:
    from realtime.live.sinks.lab_stream import LabStream

    _needs_no_address("lsl", where)
    return LabStream()


def _lsl_motion(where: str, config: Config) -> Sink:
    from realtime.live.sinks.lab_stream import LabMotion

    _needs_no_address("lsl-motion", where)
    return LabMotion(config.bus.state_hz)


def _needs_no_address(name: str, where: str) -> None:
    if where:
        raise InputError(
            f"--sink {name}:{where}: the Lab Streaming Layer needs no address; give --sink {name}"
        )


_ROWS: Final = (
    SinkKind("csv", "the rows of events.csv in a file that grows", _csv),
    SinkKind("osc", "Open Sound Control over UDP, in the clear", _osc),
    SinkKind("websocket", "JSON to web sockets", _web_socket),
    SinkKind("lsl", "a marker stream of the Lab Streaming Layer, seen by the whole local network", _lsl),
    SinkKind(
        "lsl-motion", "the regions' motion as a stream of the Lab Streaming Layer, seen likewise", _lsl_motion
    ),
)
SINKS: Final = {row.name: row for row in _ROWS}


def make(spec: str, config: Config) -> tuple[str, Sink, str]:
    """The sink ``NAME[:WHERE]``, not open yet: its name, itself, one line about it. Raises InputError for an unknown
    or unusable one.
    """
    name, _, where = spec.partition(":")
    if name not in SINKS and name not in plugins.names("sinks"):
        known = ", ".join(sorted({*SINKS, *plugins.names("sinks")}))
        raise InputError(f"--sink {spec}: there is no sink of this name; known: {known}")
    kind = SINKS[name] if name in SINKS else plugins.row("sinks", name, SinkKind)
    return name, kind.make(where, config), kind.title
