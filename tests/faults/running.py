"""A program with stand-in stages in a process of its own: what it prints and publishes, its processes, its end."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from realtime import messages
from realtime.client import Subscriber
from realtime.ring import segment

HERE = Path(__file__).parent
LONG = bool(os.environ.get("APEXCAM_LONG"))
long_form = pytest.mark.skipif(not LONG, reason="long form only: set APEXCAM_LONG=1")
EVERY = 25  # frames between the stand-in watcher's candidates
PATIENCE_S = 60.0


class Running:
    """A program, what it prints and publishes, and its processes."""

    def __init__(self, folder: Path, source: str, plan: dict[str, Any], asked: dict[str, Any]) -> None:
        self.report_file = folder / "report.json"
        asked = {"source": source, "report": str(self.report_file), **asked}
        asked["settings"] = ["bus.health_hz=20", *asked.get("settings", ())]
        self._keys = asked.pop("listen_with", {})
        self.lines: list[str] = []
        self.heard: list[tuple[float, messages.Message]] = []
        self.process = subprocess.Popen(
            [*asked.pop("within", ()), sys.executable, str(HERE / "program.py"), json.dumps(asked)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=HERE.parents[1],
            env={
                **os.environ,
                "PYTHONPATH": str(HERE.parents[1]),
                "APEXCAM_TEST_PLAN": json.dumps(plan),
            },
        )
        self._deaf = threading.Event()
        self._threads = [threading.Thread(target=self._read, daemon=True)]
        self._threads[0].start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("bus "):
                self._threads.append(threading.Thread(target=self._listen, args=(line[4:].strip(),)))
                self._threads[-1].start()

    def _listen(self, endpoint: str) -> None:
        with Subscriber(endpoint, **self._keys) as subscriber:
            while not self._deaf.is_set():
                message = subscriber.receive(0.1)
                if message is not None:
                    self.heard.append((time.monotonic(), message))

    @property
    def endpoint(self) -> str:
        return next(line[4:] for line in self.lines if line.startswith("bus "))

    def until(self, what: Callable[[], Any], why: str) -> Any:
        """Waits until something is true; a run that has ended will never make it so."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = what()
            if found:
                return found
            if self.process.poll() is not None and not what():
                break
            time.sleep(0.01)
        raise AssertionError(f"{why} never came; the program said: {self.lines[-12:]}")

    def until_line(self, text: str) -> str:
        return str(
            self.until(lambda: next((line for line in list(self.lines) if text in line), None), repr(text))
        )

    def until_working(self) -> "Running":
        """Everything is up and an event was published."""
        self.until(self.events, "an event")
        return self

    def of(self, kind: type[messages.Message], since: float = 0.0) -> list[Any]:
        return [message for at, message in list(self.heard) if at >= since and isinstance(message, kind)]

    def events(self, since: float = 0.0) -> list[messages.Event]:
        return self.of(messages.Event, since)

    def micro_frames(self) -> list[int]:
        return [event.offset.frame for event in self.events() if event.kind == "micro"]

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def worker(self, role: str, other_than: int = 0) -> psutil.Process:
        """The living process of this role."""

        def look() -> psutil.Process | None:
            for child in self.workers():
                try:
                    title = " ".join(child.cmdline()).strip()
                    if (
                        title.startswith("apexcam: ")
                        and title.endswith(f" {role}")
                        and child.pid != other_than
                    ):
                        return child
                except psutil.Error:
                    continue
            return None

        found: psutil.Process = self.until(look, f"a process {role}")
        return found

    def hurt(self, role: str, number: signal.Signals, at_work: Callable[[float], Any] | None = None) -> float:
        """Sends the signal; seconds until another process has the role and there is work of it to be seen."""
        victim = self.worker(role)
        began = time.monotonic()
        victim.send_signal(number)
        self.worker(role, other_than=victim.pid)
        born = time.monotonic()
        done = at_work or (self.frames_go_on if role in ("capture", "watch") else self.events)
        self.until(lambda: done(born), f"work of {role} after {number.name}")
        return time.monotonic() - began

    def frames_go_on(self, since: float) -> bool:
        """Whether frames that came after a time were watched."""
        states = self.of(messages.State, since)
        return bool(states) and states[-1].at.frame > states[0].at.frame

    def end(self, number: signal.Signals | None = signal.SIGTERM, code: int = 0) -> dict[str, Any]:
        """Ends it (or waits for its own end); nothing may be left of it. The report."""
        mine = [worker for worker in self.workers() if worker.is_running()] if number else []
        if number is not None:
            self.process.send_signal(number)
        assert self.process.wait(PATIENCE_S) == code, self.said()
        self.leave_nothing(mine)
        return dict(json.loads(self.report_file.read_text())) if self.report_file.exists() else {}

    def said(self) -> str:
        for thread in self._threads[:1]:
            thread.join(2)
        assert self.process.stderr is not None
        return "\n".join(self.lines[-15:]) + (
            self.process.stderr.read() if self.process.poll() is not None else ""
        )

    def leave_nothing(self, workers: list[psutil.Process]) -> None:
        _, alive = psutil.wait_procs(workers, timeout=10)
        assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == [], "an orphan process"
        pid = self.process.pid
        assert [name for name in segment.names() if segment.owner(name) == pid] == []
        assert list(Path(tempfile.gettempdir()).glob(f"apexcam-run-{pid}-*")) == []

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self._deaf.set()
        for thread in self._threads:
            thread.join(5)
        self.process.wait()


@dataclass(frozen=True)
class Books:
    """What a run counted, and that it adds up."""

    captured: int
    processed: int
    lost_ring: int
    lost_driver: int
    restarts: int

    def __post_init__(self) -> None:
        assert self.captured == self.processed + self.lost_ring, "frames were lost silently"


def books(report: dict[str, Any]) -> Books:
    return Books(**report["frames"], restarts=report["restarts"])


def once_and_in_order(frames: list[int], upto: int) -> None:
    """Every candidate of the frames before ``upto``, each once."""
    assert frames == list(range(EVERY - 1, upto, EVERY))
