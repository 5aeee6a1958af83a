"""One process of the table, over all its restarts: its state, what it counted, what it takes of the machine."""

import contextlib
import enum
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import TypeVar

import msgspec
import psutil

from realtime.processes import wire
from realtime.processes.counts import Counts
from realtime.processes.histogram import Histogram
from realtime.processes.spec import Spec
from realtime.processes.table import Role

Kind = TypeVar("Kind", bound=Counts)


class MemberState(enum.Enum):
    """Where a process stands; `Supervisor` and the coordinator alone move it."""

    STARTING = "started, and has not said hello"
    LOADING = "connected, and loads what it needs"
    READY = "at work"
    LEAVING = "asked to leave"
    EXITED = "gone; it may be started again"
    DROPPED = "gone or refused, and the run goes on without it"


@dataclass(eq=False)
class Member:
    """A process that is kept alive. ``camera`` is the number of its camera, None where it serves all of them."""

    role: Role
    camera: int | None
    spec: Spec
    process: BaseProcess | None = None
    identity: bytes = b""
    state: MemberState = MemberState.STARTING
    connected: bool = False
    last_heard: float = 0.0
    exited_at: float | None = None
    exit_seen: bool = False
    restart_at: float | None = None
    why: str = ""
    silent_s: float = 0.0
    restarts: int = 0
    failed_starts: int = 0
    recent_exits: deque[float] = field(default_factory=deque)
    outbox: list[wire.Down] = field(default_factory=list)
    backends: dict[str, str] = field(default_factory=dict)
    heartbeat: wire.Heartbeat = field(default_factory=wire.Heartbeat)
    cpu_percent: float = 0.0
    rss_mb: float = 0.0
    peak_rss_mb: float = 0.0
    cpu_s: float = 0.0
    _earlier: Counts | None = None
    _earlier_latency: dict[str, Histogram] = field(default_factory=dict)
    _earlier_cpu_s: float = 0.0
    _probe: psutil.Process | None = None

    @property
    def alive(self) -> bool:
        """Whether the process exists now."""
        return self.process is not None and self.process.exitcode is None

    @property
    def ready(self) -> bool:
        """Whether it has loaded everything and nobody asked it to leave."""
        return self.state is MemberState.READY

    @property
    def dropped(self) -> bool:
        """Whether the run goes on without it."""
        return self.state is MemberState.DROPPED

    @property
    def lost_for_good(self) -> bool:
        """Whether it is gone and will not be started again."""
        return self.dropped or (self.state is MemberState.EXITED and self.restart_at is None)

    def earlier(self, kind: type[Kind]) -> Kind:
        """What the processes before this one counted."""
        return self._earlier if isinstance(self._earlier, kind) else kind()

    def current(self, kind: type[Kind]) -> Kind:
        """What the process counted that lives now, or died last."""
        return self.heartbeat.counts if isinstance(self.heartbeat.counts, kind) else kind()

    def total(self, kind: type[Kind]) -> Kind:
        """What was counted over all restarts."""
        # The union's members each add up with their own kind alone.
        return self.current(kind).after(self.earlier(kind))  # type: ignore[return-value, arg-type]

    def latency(self, name: str) -> Histogram:
        """A histogram over all restarts."""
        merged = Histogram()
        if name in self._earlier_latency:
            merged.merge(self._earlier_latency[name])
        with contextlib.suppress(msgspec.MsgspecError, ValueError):
            if packed := self.heartbeat.latency.get(name):
                merged.merge(Histogram.unpack(packed))
        return merged

    def connect(self) -> list[wire.Down]:
        """It said hello: what was kept for it."""
        self.connected = True
        if self.state is MemberState.STARTING:
            self.state = MemberState.LOADING
        waiting, self.outbox = self.outbox, []
        return waiting

    def become_ready(self, backends: dict[str, str]) -> None:
        """It loaded everything, or changed a back end."""
        if self.state in (MemberState.STARTING, MemberState.LOADING):
            self.state = MemberState.READY
        self.failed_starts = 0
        self.backends = backends

    def restarted(self, spec: Spec, process: BaseProcess | None, now: float) -> None:
        """It starts, for the first time or again."""
        self.spec, self.identity, self.process = spec, spec.identity, process
        self.state = MemberState.STARTING
        self.connected = self.exit_seen = False
        self.exited_at = self.restart_at = None
        self.why = ""
        self.outbox = []
        self._probe = None
        self.last_heard = now

    def add_up(self) -> None:
        """Adds what the dead process counted to what those before it did."""
        for name, packed in self.heartbeat.latency.items():
            with contextlib.suppress(msgspec.MsgspecError, ValueError):
                self._earlier_latency.setdefault(name, Histogram()).merge(Histogram.unpack(packed))
        self._earlier_cpu_s = self.cpu_s
        if self.heartbeat.counts is not None:
            self._earlier = self.total(type(self.heartbeat.counts))
        self.heartbeat = wire.Heartbeat()

    def measure(self) -> None:
        """Takes processor share and memory of the process now."""
        try:
            if self._probe is None and self.process is not None and self.process.pid:
                self._probe = psutil.Process(self.process.pid)
            if self._probe is not None and self.alive:
                self.cpu_percent = round(self._probe.cpu_percent(None), 1)
                self.rss_mb = round(self._probe.memory_info().rss / 2**20, 1)
                self.peak_rss_mb = max(self.peak_rss_mb, self.rss_mb)
                used = self._probe.cpu_times()
                self.cpu_s = round(self._earlier_cpu_s + used.user + used.system, 2)
        except psutil.Error:
            self.cpu_percent = self.rss_mb = 0.0
