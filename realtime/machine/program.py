"""A complete live run in a process of its own, with subscribers, to be measured."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq

from engines.errors import InputError
from realtime import messages
from realtime.processes.histogram import Histogram

_START_S: Final = 300.0


class Subscribers(threading.Thread):
    """Subscribers to all topics but previews.

    The first decodes what it receives, the others count messages, and the last of several never reads.
    """

    def __init__(self, endpoint: str, cameras: int, count: int) -> None:
        super().__init__(name="subscribers", daemon=True)
        self.health: list[messages.Health] = []
        self.counts = [0] * max(1, count - 1)
        self.delay = Histogram()
        self._context = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, count + 8)
        self._sockets = []
        for number in range(count):
            socket = self._context.socket(zmq.SUB)
            socket.linger = 0
            if number and number == count - 1:
                socket.rcvhwm, socket.rcvbuf = 1, 4096
                for camera in _names(cameras):
                    socket.subscribe(messages.topic(camera, "preview"))
            for camera in _names(cameras):
                for subject in ("event", "state", "health"):
                    socket.subscribe(messages.topic(camera, subject))
            socket.connect(endpoint)
            self._sockets.append(socket)
        self._closed = threading.Event()
        self._state = msgspec.msgpack.Decoder(messages.State)
        self._health = msgspec.msgpack.Decoder(messages.Health)
        self.start()

    def run(self) -> None:
        """Receives until `close`."""
        poller = zmq.Poller()
        numbers = {socket: number for number, socket in enumerate(self._sockets[: len(self.counts)])}
        for socket in numbers:
            poller.register(socket, zmq.POLLIN)
        while not self._closed.is_set():
            for socket, _ in poller.poll(100):
                topic, payload = socket.recv_multipart()
                self.counts[numbers[socket]] += 1
                if numbers[socket] == 0:
                    self._read(topic, payload)

    def _read(self, topic: bytes, payload: bytes) -> None:
        if topic.endswith(b".health"):
            self.health.append(self._health.decode(payload))
        elif topic.endswith(b".state"):
            wall = self._state.decode(payload).at.wall
            if wall is not None:
                arrived = datetime.fromisoformat(wall).timestamp()
                self.delay.add(max(0.0, (time.time() - arrived) * 1e3))

    def close(self) -> None:
        """Disconnects all subscribers."""
        self._closed.set()
        self.join()
        self._context.destroy(linger=0)


def _names(cameras: int) -> list[str]:
    return ["demo", *(f"demo-{number}" for number in range(1, cameras))]


@dataclass(eq=False)
class Program:
    """A live run in a process of its own."""

    process: "subprocess.Popen[str]"
    report_file: Path
    lines: list[str] = field(default_factory=list)

    def line(self, start: str) -> str:
        """The first line of output that starts with ``start``. Raises InputError if the program ends before it."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if line.startswith(start):
                    return line
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise InputError(f"the run to be measured did not start: {self.error()}")

    def error(self) -> str:
        """The error message, or the last line of output."""
        message = self.process.stderr.read().strip() if self.process.poll() and self.process.stderr else ""
        return message or (self.lines[-1] if self.lines else "no output")

    def report(self) -> dict[str, Any]:
        """The report, once the program has ended. Raises InputError if there is none."""
        if self.process.wait() or not self.report_file.exists():
            raise InputError(f"the run to be measured failed: {self.error()}")
        return dict(json.loads(self.report_file.read_text(encoding="utf-8")))


@contextmanager
def running(cameras: int, fps: float, seconds: float) -> Iterator[Program]:
    """A live run with rendered cameras, ended on leaving the context at the latest."""
    with tempfile.TemporaryDirectory(prefix="apexcam-bench-") as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "realtime.cli", "live", "--no-dashboard", "--report", str(report)]
        command += ["--duration", f"{seconds:g}", "--set", f"source.fps={fps:g}"]
        command += [
            "--set",
            "bus.endpoint=tcp://127.0.0.1:*",
            "demo",
            *(f"demo:{i}" for i in range(1, cameras)),
        ]
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        program = Program(process, report)
        reader = threading.Thread(target=_collect, args=(process, program.lines), daemon=True)
        reader.start()
        try:
            yield program
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
            reader.join(5)


def _collect(process: "subprocess.Popen[str]", lines: list[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip())
