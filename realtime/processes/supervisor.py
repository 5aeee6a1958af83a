"""Main's side of the processes: start, hear, restart within a budget, end in order, leave nothing behind."""

import contextlib
import errno
import multiprocessing
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import msgspec
import psutil
import zmq

from engines.errors import InputError
from realtime import ring
from realtime.processes import child, wire
from realtime.processes.histogram import Histogram
from realtime.processes.table import Role
from realtime.redaction import shown
from realtime.ring import segment

_POLITE_S: Final = 3.0
_LAST_WORDS_S: Final = 0.3
_LOG_LIMIT: Final = 1_000_000
_UNHEARD: Final = 2
_FOLDER: Final = re.compile(r"apexcam-run-(\d+)-(\d+)-.+")  # process id, its namespace


@dataclass(eq=False)
class Member:
    """One process of the table, over all its restarts."""

    role: Role
    line: int | None
    spec: child.Spec
    process: BaseProcess | None = None
    identity: bytes = b""
    greeted: bool = False
    ready: bool = False
    leaving: bool = False
    given_up: bool = False
    started: float = 0.0
    heard: float = 0.0
    died: float | None = None
    mourned: bool = False
    start_again: float | None = None
    why: str = ""
    silent_s: float = 0.0
    restarts: int = 0
    unheard: int = 0
    deaths: deque[float] = field(default_factory=deque)
    outbox: list[wire.Down] = field(default_factory=list)
    backends: dict[str, str] = field(default_factory=dict)
    beat: wire.Beat = field(default_factory=wire.Beat)
    _past: Counter[str] = field(default_factory=Counter)
    _past_latency: dict[str, Histogram] = field(default_factory=dict)
    _probe: psutil.Process | None = None
    cpu_percent: float = 0.0
    rss_mb: float = 0.0
    peak_rss_mb: float = 0.0
    cpu_s: float = 0.0
    _cpu_past_s: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether the process exists now."""
        return self.process is not None and self.process.exitcode is None

    def count(self, name: str) -> int:
        """A counter over all restarts."""
        return self._past[name] + self.beat.counts.get(name, 0)

    def counts(self, prefix: str) -> dict[str, int]:
        """All counters whose names begin so, without that, over all restarts, the largest first."""
        names = {name for name in (*self._past, *self.beat.counts) if name.startswith(prefix)}
        return dict(sorted(((n[len(prefix) :], self.count(n)) for n in names), key=lambda item: -item[1]))

    def past(self, name: str) -> int:
        """A counter of those who died."""
        return self._past[name]

    def latency(self, name: str) -> Histogram:
        """A histogram over all restarts."""
        merged = Histogram()
        if name in self._past_latency:
            merged.merge(self._past_latency[name])
        with contextlib.suppress(msgspec.MsgspecError, ValueError):
            if packed := self.beat.latency.get(name):
                merged.merge(Histogram.unpack(packed))
        return merged

    def close_books(self) -> None:
        """Adds what the dead process counted to the past."""
        for name, packed in self.beat.latency.items():
            with contextlib.suppress(msgspec.MsgspecError, ValueError):
                self._past_latency.setdefault(name, Histogram()).merge(Histogram.unpack(packed))
        self._cpu_past_s = self.cpu_s
        self._past.update(self.beat.counts)
        self.beat = wire.Beat()

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
                self.cpu_s = round(self._cpu_past_s + used.user + used.system, 2)
        except psutil.Error:
            self.cpu_percent = self.rss_mb = 0.0


class Supervisor:
    """All processes of one run. The socket is private: its folder is the user's own, its peers are known by
    name.
    """

    def __init__(self) -> None:
        self.members: list[Member] = []
        self._token = secrets.token_hex(8)
        self._by_identity: dict[bytes, Member] = {}
        self._spawn = multiprocessing.get_context("spawn")
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[wire.Up] = msgspec.msgpack.Decoder(wire.Up)
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.sndhwm = self.socket.rcvhwm = 0
        self.socket.router_mandatory = True
        self._listen()

    def _listen(self) -> None:
        self.folder = _private_folder()
        try:
            self.socket.bind("tcp://127.0.0.1:*" if sys.platform == "win32" else f"ipc://{self.folder}/main")
        except zmq.ZMQError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise InputError(f"{self.folder}: no socket can be made there: {error}; set TMPDIR") from None
        self.address = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def listen_again(self) -> str:
        """Makes the private folder anew where it was removed under us: those that run hear us still, a new process
        would not. One line on it; empty where nothing was amiss.
        """
        if sys.platform == "win32" or (self.folder / "main").exists():
            return ""
        gone = self.folder
        shutil.rmtree(gone, ignore_errors=True)
        try:
            self._listen()
        except InputError as error:
            return f"{gone} was removed while in use and cannot be made again: {error}"
        return f"{gone} was removed while in use and is made again; let nothing clean up there meanwhile"

    def add(self, role: Role, line: int | None, spec: child.Spec) -> Member:
        """Starts a process of this role."""
        member = Member(role, line, spec, silent_s=role.silent_s)
        self.members.append(member)
        self.start(member)
        return member

    def start(self, member: Member) -> None:
        """Starts it, for the first time or again."""
        generation = member.spec.generation + (member.process is not None)
        self._by_identity.pop(member.identity, None)
        member.identity = f"{self._token}/{member.role.name}/{member.line}/{generation}".encode()
        self._by_identity[member.identity] = member
        member.spec = replace(
            member.spec,
            generation=generation,
            identity=member.identity,
            address=self.address,
            folder=str(self.folder),
        )
        member.greeted = member.ready = member.leaving = False
        member.died = member.start_again = None
        member.mourned = False
        member.why = ""
        member.outbox = []
        member._probe = None
        member.started = member.heard = time.monotonic()
        process = self._spawn.Process(
            target=child.begin, args=(member.spec,), daemon=True, name=member.spec.title
        )
        try:
            with _signals_held():
                process.start()
        except OSError as error:
            many = error.errno in (errno.EMFILE, errno.ENFILE)
            hint = "; allow more open files (ulimit -n 256)" if many else ""
            raise InputError(
                f"{member.spec.title} cannot be started: {error.strerror or error}{hint}"
            ) from None
        member.process = process

    def send(self, member: Member, message: wire.Down) -> None:
        """Sends, or keeps until the process has said hello. A dead process is found out elsewhere."""
        if not member.greeted:
            member.outbox.append(message)
            return
        with contextlib.suppress(zmq.ZMQError):
            self.socket.send_multipart([member.identity, self._encoder.encode(message)], zmq.DONTWAIT)

    def receive(self) -> Iterator[tuple[Member, wire.Up]]:
        """Everything that has arrived; strangers and rubbish are ignored."""
        for _ in range(1000):
            try:
                identity, payload = self.socket.recv_multipart(zmq.DONTWAIT)[:2]
            except zmq.Again:
                return
            except ValueError:
                continue
            member = self._by_identity.get(identity)
            if member is None:
                continue
            try:
                message = self._decoder.decode(payload)
            except wire.DAMAGED:
                continue
            member.heard = time.monotonic()
            match message:
                case wire.Hello():
                    member.greeted = True
                    waiting, member.outbox = member.outbox, []
                    for order in waiting:
                        self.send(member, order)
                case wire.Beat():
                    member.beat = message
                    continue
                case wire.Found(beat=beat):
                    member.beat = beat
                case wire.Ready():
                    member.ready = True
                    member.unheard = 0
                    member.backends = message.backends
                case wire.Failed(text):
                    member.why = text.strip().splitlines()[-1] if text.strip() else "error"
            yield member, message

    def forgive_silence(self) -> None:
        """Main itself was stopped or asleep: nobody could be heard meanwhile."""
        for member in self.members:
            member.heard = time.monotonic()

    def newly_dead(self) -> list[Member]:
        """Processes that have died since the last call and whose last words were heard. Hung ones are
        killed first.
        """
        now = time.monotonic()
        dead = []
        for member in self.members:
            if member.process is None or member.mourned:
                continue
            if member.alive:
                limit, why = _patience(member)
                if now - member.heard > limit and not member.leaving:
                    member.why = f"{why} {limit:g} s"
                    member.unheard += not member.ready
                    member.heard = now  # it takes a moment to die, and is counted once
                    self.kill(member)
                continue
            if member.died is None:
                member.died = now
            elif now - member.died >= _LAST_WORDS_S:
                member.mourned = True
                if not member.why:
                    member.why = self._last_line(member) or _exit_in_words(member.process.exitcode)
                dead.append(member)
        return dead

    def may_restart(self, member: Member, budget: int) -> bool:
        """Enters a death; whether the budget of the last minute allows another start. Who did not get ready in time
        is slow to die: twice running is enough.
        """
        now = time.monotonic()
        member.deaths.append(now)
        while member.deaths and now - member.deaths[0] > 60.0:
            member.deaths.popleft()
        return len(member.deaths) <= budget and member.unheard < _UNHEARD

    def kill(self, member: Member) -> None:
        """Ends it at once, even if it is stopped."""
        if member.process is not None and member.process.exitcode is None:
            member.process.kill()

    def end(self, hurry: Callable[[], bool]) -> None:
        """Bids everybody goodbye and waits a few seconds, or until ``hurry``; `kill_all` is for the rest."""
        for member in self.members:
            member.leaving = True
            self.send(member, wire.Bye())
            if not member.greeted and member.alive and member.process is not None:
                # Still loading: it holds nothing and would only notice after its imports.
                member.process.terminate()
        deadline = time.monotonic() + _POLITE_S
        while any(member.alive for member in self.members) and time.monotonic() < deadline and not hurry():
            # Whoever says hello only now is told as well.
            for _ in self.receive():
                pass
            time.sleep(0.01)

    def kill_all(self) -> None:
        """Kills whoever is left."""
        for member in self.members:
            self.kill(member)
        for member in self.members:
            if member.process is not None:
                member.process.join(2.0)

    def close(self) -> None:
        """Removes the socket, every segment of this run and the private folder."""
        self.socket.close(linger=0)
        self._context.term()
        child.remove_traces(os.getpid(), str(self.folder))

    def trim_logs(self) -> None:
        """Keeps what native libraries print from filling the disk."""
        with contextlib.suppress(OSError):
            for path in self.folder.glob("*.log"):
                if path.stat().st_size > _LOG_LIMIT:
                    os.truncate(path, 0)

    def log_of(self, member: Member) -> Path:
        """Where what a process printed is kept while the run lasts."""
        return child.log_path(member.spec)

    def _last_line(self, member: Member) -> str:
        """The last thing a process that broke down printed, such as a native library's abort message."""
        if member.process is None or member.process.exitcode in (0, -signal.SIGTERM, -9):
            return ""
        try:
            text = self.log_of(member).read_text(encoding="utf-8", errors="replace")[-4000:]
        except OSError:
            return ""
        fatal = [line for line in text.splitlines() if line.startswith("Fatal Python error")]
        lines = fatal or [line for line in text.splitlines() if line.strip()]
        last = lines[-1].strip() if lines else ""
        if member.spec.source:
            last = last.replace(member.spec.source, shown(member.spec.source))
        return last[:200]


def _patience(member: Member) -> tuple[float, str]:
    """For how many seconds nothing may be heard of a process, and what is said of it then."""
    if not member.greeted:
        return member.role.hello_s, "started, and not heard within"
    if not member.ready:
        return member.role.start_s, "not ready within"
    return member.silent_s, "silent for"


def remove_leftovers() -> None:
    """Removes what runs that were killed with all their processes left: segments and private folders.

    Those of other containers stay: whether their processes live cannot be seen from here. Raises InputError where
    there is no temporary folder.
    """
    with contextlib.suppress(OSError):
        ring.unlink_stale()
    for folder in temporary_folder().glob("apexcam-run-*"):
        named = _FOLDER.fullmatch(folder.name)
        if named and int(named[2]) == segment.pid_namespace() and not psutil.pid_exists(int(named[1])):
            shutil.rmtree(folder, ignore_errors=True)


def temporary_folder() -> Path:
    """Where a run has its private folder. Raises InputError where there is none that can be written."""
    try:
        folder = tempfile.gettempdir()
    except OSError:
        raise InputError(
            "no folder for temporary files can be written; set TMPDIR to one, or mount /tmp writable"
        ) from None
    # A socket's path has room for about a hundred characters.
    return Path("/tmp" if len(folder) > 50 and sys.platform != "win32" else folder)


def _private_folder() -> Path:
    """Raises InputError."""
    prefix, where = f"apexcam-run-{os.getpid()}-{segment.pid_namespace()}-", temporary_folder()
    try:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=where))
    except OSError as error:
        raise InputError(
            f"{where}: no folder can be made there: {error.strerror or error}; set TMPDIR to one that can be written"
        ) from None


def _exit_in_words(code: int | None) -> str:
    if code is None:
        return "running"
    if code < 0:
        try:
            return f"ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"ended by signal {-code}"
    return f"ended with status {code}"


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Signals wait while a process is started: the child inherits the mask and decides for itself."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Its start unblocks them, so it must not fall between here and the process.
    resource_tracker.ensure_running()
    held = {signal.SIGINT, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
