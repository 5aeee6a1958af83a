"""Every process of a live run in one table: what it reads and writes, what it may lose, how it is kept
alive.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Role:
    """One kind of process.

    ``target`` is the function it runs, ``module:function``. ``per_camera``: one for each camera, else one
    for the program. ``essential``: when it cannot be kept alive, the run ends. ``nice`` is added to its
    priority, so that capture and watch stay on time where cores are few. A process that says nothing for
    ``silent_s`` seconds (it speaks several times a second) is taken for hung and killed; so is one that is
    not heard within ``hello_s`` of its start, before it loads anything, or not ready within ``start_s``.
    """

    name: str
    target: str
    reads: str
    writes: str
    may_lose: str
    per_camera: bool
    essential: bool
    nice: int
    silent_s: float
    hello_s: float = 30.0
    start_s: float = 120.0


CAPTURE: Final = Role(
    name="capture",
    target="realtime.processes.capture:run",
    reads="the source",
    writes="the ring",
    may_lose="nothing silently: driver gaps are counted",
    per_camera=True,
    essential=True,
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
    nice=0,
    silent_s=5.0,
)
RECOGNISE: Final = Role(
    name="recognise",
    target="realtime.processes.recognise:run",
    reads="candidates",
    writes="events",
    may_lose="nothing: main keeps a candidate until it is answered",
    per_camera=False,
    essential=True,
    nice=0,
    silent_s=30.0,
)
RECORD: Final = Role(
    name="record",
    target="realtime.recording.recorder:run",
    reads="events, the ring",
    writes="a folder an event",
    may_lose="frames that left the ring, said in event.json",
    per_camera=False,
    essential=False,
    nice=10,
    silent_s=30.0,
)
DASHBOARD: Final = Role(
    name="dashboard",
    target="realtime.dashboard.process:run",
    reads="the bus, the ring",
    writes="a web page",
    may_lose="frames",
    per_camera=False,
    essential=False,
    nice=5,
    silent_s=15.0,
)

ROLES: Final = (CAPTURE, WATCH, RECOGNISE, RECORD, DASHBOARD)
