"""How every process begins, speaks with main, and ends.

A child never outlives main: it ends on `wire.Exit`, on SIGTERM, and within about a second of main's death, and
what it made goes with it. Ctrl-C reaches main alone, which ends the children in order.
"""

import contextlib
import faulthandler
import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeVar

import msgspec
import zmq

from engines import notices
from engines.errors import InputError
from engines.files import user_cache, writable
from realtime.processes import wire
from realtime.processes.counts import Counts
from realtime.processes.private_folder import remove_traces
from realtime.processes.spec import Spec
from realtime.redaction import shown

Order = TypeVar("Order", bound=wire.Down)

BEAT_S: Final = 0.25
_ORPHAN_GRACE_S: Final = 1.0


class Leave(BaseException):
    """Main said bye, or SIGTERM came, or main is gone: clean up and end."""


class Link:
    """A child's line to main. One thread only, but for `leave` and `note`."""

    def __init__(self, spec: Spec) -> None:
        self._asked_to_leave = False
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, spec.identity)
        self._socket.sndhwm = self._socket.rcvhwm = 0
        self._socket.linger = 0
        self._socket.connect(spec.address)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[wire.Down] = msgspec.msgpack.Decoder(wire.Down)
        self._orders: deque[wire.Down] = deque()
        self._notes: deque[str] = deque()
        self._next_beat = 0.0
        self._last_beat = wire.Heartbeat()
        self.orphaned = False
        self.send(wire.Hello(os.getpid()))

    def leave(self) -> None:
        """Makes the next `receive` raise `Leave`; may be called from a signal handler or another thread."""
        self._asked_to_leave = True

    def send(self, message: wire.Up) -> None:
        """Sends to main; never blocks."""
        self._socket.send(self._encoder.encode(message), zmq.DONTWAIT)

    def note(self, text: str) -> None:
        """One line for the user, sent with the next `receive`; may be called from any thread."""
        self._notes.append(text)

    def receive(self, timeout_s: float = 0.0) -> wire.Down | None:
        """The next order, or None after ``timeout_s``. Raises `Leave` when it is time to go."""
        while self._notes:
            self.send(wire.Note(self._notes.popleft()))
        deadline = time.monotonic() + timeout_s
        while True:
            if self._asked_to_leave:
                raise Leave
            if self._orders:
                return self._orders.popleft()
            left = deadline - time.monotonic()
            if left > 0:
                # Short waits, so that a signal or main's death is noticed.
                self._socket.poll(max(1, round(min(left, 0.1) * 1000)))
            with contextlib.suppress(zmq.Again):
                order = self._decoder.decode(self._socket.recv(zmq.DONTWAIT))
                if isinstance(order, wire.Exit):
                    raise Leave
                return order
            if left <= 0:
                return None

    def wait_for(self, kind: type[Order]) -> Order:
        """Waits for one kind of order; others are kept for `receive`."""
        kept: list[wire.Down] = []
        try:
            while True:
                order = self.receive(0.1)
                self.beat()
                if isinstance(order, kind):
                    return order
                if order is not None:
                    kept.append(order)
        finally:
            self._orders.extendleft(reversed(kept))

    def due(self) -> bool:
        """Whether a beat should be sent now."""
        return time.monotonic() >= self._next_beat

    def beat(
        self, counts: Counts | None = None, latency: dict[str, bytes] | None = None, *, now: bool = False
    ) -> None:
        """A sign of life, at most every `BEAT_S` unless ``now``; without counts it repeats the last ones."""
        if now or self.due():
            self._next_beat = time.monotonic() + BEAT_S
            if counts is not None:
                self._last_beat = wire.Heartbeat(counts, latency or {})
            self.send(self._last_beat)

    def wait_for_exit(self) -> None:
        """Stays, alive to main, until main says that everybody is done. Ends by raising `Leave`."""
        while True:
            self.receive(0.1)
            self.beat()

    def close(self) -> None:
        """Lets the last words out, for at most two seconds."""
        self._socket.close(linger=0 if self.orphaned else 2000)
        self._context.term()


def load(name: str) -> Any:
    """The object called ``module:name``."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def begin(spec: Spec) -> None:
    """What `multiprocessing` runs: set up, run the role's target, say how it ended."""
    _take_signals_quietly()
    _speak_to_file(log_path(spec))
    retitle(spec)
    if spec.role.nice and hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(spec.role.nice)
    link = Link(spec)

    def on_term(number: int, frame: FrameType | None) -> None:
        link.leave()

    signal.signal(signal.SIGTERM, on_term)
    notices.send_notices(link.note)
    _spare_the_temporary_folder(spec)
    threading.Thread(target=_follow_parent, args=(link, spec), daemon=True).start()
    code = 0
    try:
        load(spec.role.target)(link, spec)
    except Leave:
        pass
    except InputError as error:
        link.send(wire.Refused(str(error)))
        code = 2
    except BaseException:
        text = traceback.format_exc()
        if spec.source:
            text = text.replace(spec.source, shown(spec.source))
        sys.stderr.write(text)
        link.send(wire.Failed(text))
        code = 1
    link.close()
    if link.orphaned:
        remove_traces(spec.main_pid, spec.folder)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of native libraries may not let the interpreter end by itself.
    os._exit(code)


def retitle(spec: Spec, camera: str | None = None) -> None:
    """What an operator sees in the list of processes: ``apexcam: <camera> <process>``."""
    import setproctitle

    setproctitle.setproctitle(f"apexcam: {spec.title if camera is None else f'{camera} {spec.role.name}'}")


def log_path(spec: Spec) -> Path:
    """The file that takes what a process and its native libraries print."""
    return Path(spec.folder) / f"{spec.identity.decode().partition('/')[2].replace('/', '-')}.log"


def _spare_the_temporary_folder(spec: Spec) -> None:
    """Matplotlib, which MediaPipe loads, makes itself a folder where it has none, and nobody would remove it."""
    if not writable(user_cache("matplotlib")):
        os.environ.setdefault("MPLCONFIGDIR", spec.folder)


def _take_signals_quietly() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        # Main starts its children with these blocked, so that no Ctrl-C falls into the gap.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGHUP})


def _speak_to_file(path: Path) -> None:
    """Native libraries write to stderr; it goes to a file that main reads when the process dies."""
    try:
        out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:
        out = os.open(os.devnull, os.O_WRONLY)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False, errors="replace")
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False, errors="replace")
    faulthandler.enable(file=2)


def _follow_parent(link: Link, spec: Spec) -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    link.orphaned = True
    link.leave()
    time.sleep(_ORPHAN_GRACE_S)
    remove_traces(spec.main_pid, spec.folder)
    os._exit(1)
