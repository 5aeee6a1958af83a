"""Everything one live run holds; the modules beside this one work on it."""

import time
from dataclasses import dataclass, field

from realtime import messages
from realtime.bus.preview import Previewer
from realtime.bus.publisher import Bus
from realtime.live.camera_run import CameraRun
from realtime.live.candidates import CandidateQueue
from realtime.live.early import EarlyEvents
from realtime.live.options import Options
from realtime.live.phases import Progress
from realtime.live.screen import Screen
from realtime.live.sinks import Sink
from realtime.live.sinks.isolated import Isolated
from realtime.live.stop import Stop
from realtime.markers import Markers
from realtime.processes import wire
from realtime.processes.member import Member
from realtime.processes.supervisor import Supervisor


@dataclass(eq=False)
class Usage:
    """What the main process takes of the machine, and the most that all processes held together."""

    cpu_percent: float = 0.0
    rss_mb: float = 0.0
    peak_rss_mb: float = 0.0


@dataclass(eq=False)
class Run:
    """One live run. ``began`` and ``went`` (when everybody was ready) are `time.monotonic` seconds."""

    options: Options
    screen: Screen
    stop: Stop
    bus: Bus
    supervisor: Supervisor
    preview: Previewer
    cameras: list[CameraRun]
    candidates: CandidateQueue
    sinks: list[Sink] = field(default_factory=list)
    isolated: list[Isolated] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    began: float = field(default_factory=time.monotonic)
    began_wall: float = field(default_factory=time.time)
    went: float | None = None
    exit_code: int = 0
    damaged: list[str] = field(default_factory=list)
    recognise: Member | None = None
    record: Member | None = None
    record_done: bool = True
    to_record: int = 0
    model: messages.Model | None = None
    notes: dict[str, Member] = field(default_factory=dict)
    said_slow: bool = False
    early: EarlyEvents = field(default_factory=EarlyEvents)
    markers: Markers = field(default_factory=Markers)
    usage: Usage = field(default_factory=Usage)

    def camera_of(self, member: Member) -> CameraRun | None:
        """The camera a process works for; None where it serves all."""
        return None if member.camera is None else self.cameras[member.camera]

    def tell(self, member: Member | None, message: wire.Down) -> None:
        """Sends to a process, if there is one."""
        if member is not None:
            self.supervisor.send(member, message)

    @property
    def restart_budget(self) -> int:
        """How often a process may be started again within a minute."""
        return self.options.config.supervise.restarts_a_minute
