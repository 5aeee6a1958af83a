"""Main's side of the processes: start, listen, restart within a budget, end in order, leave nothing behind."""

import contextlib
import errno
import multiprocessing
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import resource_tracker
from typing import Final

import msgspec
import zmq

from engines.errors import InputError
from realtime.processes import child, private_folder, wire
from realtime.processes.member import Member, MemberState
from realtime.processes.spec import Spec
from realtime.redaction import shown

_POLITE_S: Final = 3.0
_LAST_WORDS_S: Final = 0.3
_LOG_LIMIT: Final = 1_000_000
_FAILED_STARTS: Final = 2


class Supervisor:
    """All processes of one run. The socket is private: its folder is the user's own, its peers are known by name."""

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
        self.folder = private_folder.make()
        try:
            self.socket.bind("tcp://127.0.0.1:*" if sys.platform == "win32" else f"ipc://{self.folder}/main")
        except zmq.ZMQError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise InputError(f"{self.folder}: no socket can be made there: {error}; set TMPDIR") from None
        self.address = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def listen_again(self) -> str:
        """Makes the private folder anew where somebody removed it: processes that run stay connected, a new one
        would not find it. One line about it; empty where nothing was amiss.
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

    def add(self, spec: Spec, camera: int | None = None) -> Member:
        """Starts a process of the role in ``spec``, for one camera or for all. Raises InputError if it cannot."""
        member = Member(spec.role, camera, spec, silent_s=spec.role.silent_s)
        self.members.append(member)
        self.start(member)
        return member

    def start(self, member: Member) -> None:
        """Starts it, for the first time or again. Raises InputError if it cannot."""
        generation = member.spec.generation + (member.process is not None)
        self._by_identity.pop(member.identity, None)
        identity = f"{self._token}/{member.role.name}/{member.camera}/{generation}".encode()
        self._by_identity[identity] = member
        spec = replace(
            member.spec,
            generation=generation,
            identity=identity,
            address=self.address,
            folder=str(self.folder),
        )
        process = self._spawn.Process(target=child.begin, args=(spec,), daemon=True, name=spec.title)
        member.restarted(spec, member.process, time.monotonic())
        try:
            with _signals_held():
                process.start()
        except OSError as error:
            many = error.errno in (errno.EMFILE, errno.ENFILE)
            hint = "; allow more open files (ulimit -n 256)" if many else ""
            raise InputError(f"{spec.title} cannot be started: {error.strerror or error}{hint}") from None
        member.process = process

    def send(self, member: Member, message: wire.Down) -> None:
        """Sends, or keeps until the process has said hello. That a process is dead shows elsewhere."""
        if not member.connected:
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
            member.last_heard = time.monotonic()
            match message:
                case wire.Hello():
                    for order in member.connect():
                        self.send(member, order)
                case wire.Heartbeat():
                    member.heartbeat = message
                    continue
                case wire.Candidates(heartbeat=heartbeat):
                    member.heartbeat = heartbeat
                case wire.Ready(backends):
                    member.become_ready(backends)
                case wire.Failed(text):
                    member.why = text.strip().splitlines()[-1] if text.strip() else "error"
            yield member, message

    def forgive_silence(self) -> None:
        """Main itself was stopped or asleep: nobody could be heard meanwhile."""
        for member in self.members:
            member.last_heard = time.monotonic()

    def exits(self) -> list[Member]:
        """Processes that have ended since the last call and whose last words were heard. Hung ones are killed first."""
        now = time.monotonic()
        exited = []
        for member in self.members:
            if member.process is None or member.exit_seen:
                continue
            if member.alive:
                limit, why = _patience(member)
                if now - member.last_heard > limit and member.state is not MemberState.LEAVING:
                    member.why = f"{why} {limit:g} s"
                    member.failed_starts += not member.ready
                    member.last_heard = now  # it takes a moment to die, and is counted once
                    self.kill(member)
            elif member.exited_at is None:
                member.exited_at = now
            elif now - member.exited_at >= _LAST_WORDS_S:
                member.exit_seen = True
                if not member.why:
                    member.why = self._last_line(member) or _exit_in_words(member.process.exitcode)
                if not member.dropped:
                    member.state = MemberState.EXITED
                exited.append(member)
        return exited

    def may_restart(self, member: Member, budget: int) -> bool:
        """Enters an exit; whether the budget of the last minute allows another start. A process that did not get
        ready in time is slow to die: twice running is enough.
        """
        now = time.monotonic()
        member.recent_exits.append(now)
        while member.recent_exits and now - member.recent_exits[0] > 60.0:
            member.recent_exits.popleft()
        return len(member.recent_exits) <= budget and member.failed_starts < _FAILED_STARTS

    def kill(self, member: Member) -> None:
        """Ends it at once, even if it is stopped."""
        if member.process is not None and member.process.exitcode is None:
            member.process.kill()

    def end(self, hurry: Callable[[], bool]) -> None:
        """Asks everybody to leave and waits a few seconds, or until ``hurry``; `kill_all` is for the rest."""
        for member in self.members:
            member.state = MemberState.LEAVING
            self.send(member, wire.Exit())
            if not member.connected and member.alive and member.process is not None:
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
        private_folder.remove_traces(os.getpid(), str(self.folder))

    def trim_logs(self) -> None:
        """Keeps what native libraries print from filling the disk."""
        with contextlib.suppress(OSError):
            for path in self.folder.glob("*.log"):
                if path.stat().st_size > _LOG_LIMIT:
                    os.truncate(path, 0)

    def _last_line(self, member: Member) -> str:
        """The last thing a process that broke down printed, such as a native library's abort message."""
        if member.process is None or member.process.exitcode in (0, -signal.SIGTERM, -9):
            return ""
        try:
            text = child.log_path(member.spec).read_text(encoding="utf-8", errors="replace")[-4000:]
        except OSError:
            return ""
        fatal = [line for line in text.splitlines() if line.startswith("Fatal Python error")]
        lines = fatal or [line for line in text.splitlines() if line.strip()]
        last = lines[-1].strip() if lines else ""
        if member.spec.source:
            last = last.replace(member.spec.source, shown(member.spec.source))
        return last[:200]


def _patience(member: Member) -> tuple[float, str]:
    """For how many seconds a process may be silent, and what is said then."""
    if not member.connected:
        return member.role.hello_s, "started, and not heard within"
    if member.state is MemberState.LOADING:
        return member.role.start_s, "not ready within"
    return member.silent_s, "silent for"


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
    if sys.platform == "win32":
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
