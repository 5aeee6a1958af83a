"""Every process of a live run in one table: what it reads and writes, what it may lose, when it is started, how it
is kept alive. The coordinator starts, supervises and ends whatever stands here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from realtime.live.options import Options


@dataclass(frozen=True)
class Role:
    """One kind of process.

    ``target`` is the function it runs, ``module:function``. ``per_camera``: one for each camera, else one
    for the program. ``wanted``: whether a run needs it. ``essential``: when it cannot be kept alive, the run ends.
    ``awaited``: the run begins when it is ready. ``reads_ring``: it is given the rings (`wire.Attach`). ``nice`` is
    added to its priority, so that capture and watch stay on time where cores are few. A process that says nothing
    for ``silent_s`` seconds (it speaks several times a second) counts as hung and is killed; so is one that is
    not heard within ``hello_s`` of its start, before it loads anything, or not ready within ``start_s``.
    """

    name: str
    target: str
    reads: str
    writes: str
    may_lose: str
    per_camera: bool
    essential: bool
    awaited: bool
    reads_ring: bool
    nice: int
    silent_s: float
    hello_s: float = 30.0
    start_s: float = 120.0
    wanted: "Callable[[Options], bool] | None" = None


def _recording(options: "Options") -> bool:
    return options.record is not None


def _showing(options: "Options") -> bool:
    return options.dashboard


# Where nothing that is compiled can be kept, on a busy machine, another start would begin from nothing again.
COMPILE_S: Final = 600.0

CAPTURE: Final = Role(
    name="capture",
    target="realtime.processes.capture:run",
    reads="the source",
    writes="the ring",
    may_lose="nothing silently: driver gaps are counted",
    per_camera=True,
    essential=True,
    awaited=True,
    reads_ring=False,
    nice=0,
    silent_s=12.0,  # a stream may be silent for 10 s before its driver gives up; a camera: see below
)
CAMERA_SILENT_S: Final = 3.0  # a driver that hangs: OpenCV itself waits 2 s for a frame

WATCH: Final = Role(
    name="watch",
    target="realtime.processes.watch:run",
    reads="the ring",
    writes="candidates, state",
    may_lose="frames when lapped, counted",
    per_camera=True,
    essential=True,
    awaited=True,
    reads_ring=True,
    nice=0,
    silent_s=5.0,
    start_s=COMPILE_S,
)
RECOGNISE: Final = Role(
    name="recognise",
    target="realtime.processes.recognise:run",
    reads="candidates",
    writes="events",
    may_lose="nothing: main keeps a candidate until it is answered",
    per_camera=False,
    essential=True,
    awaited=True,
    reads_ring=False,
    nice=0,
    silent_s=30.0,
    start_s=COMPILE_S,
)
RECORD: Final = Role(
    name="record",
    target="realtime.recording.recorder:run",
    reads="events, the ring",
    writes="a folder an event",
    may_lose="frames that left the ring, said in event.json",
    per_camera=False,
    essential=False,
    awaited=True,
    reads_ring=True,
    nice=10,
    silent_s=30.0,
    wanted=_recording,
)
DASHBOARD: Final = Role(
    name="dashboard",
    target="realtime.dashboard.process:run",
    reads="the bus",
    writes="a web page",
    may_lose="frames",
    per_camera=False,
    essential=False,
    awaited=False,
    reads_ring=False,
    nice=5,
    silent_s=15.0,
    wanted=_showing,
)


def roles() -> tuple[Role, ...]:
    """All of them, in the order they are started."""
    return CAPTURE, WATCH, RECOGNISE, RECORD, DASHBOARD
