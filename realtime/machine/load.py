"""``apexcam bench``: what this machine carries. Whole programs, the rendered face as camera, under more and more load.

The face is rendered while it is shown, which costs about three times what decoding a camera's JPEG frames does; its
share is ``capture``'s. Everything else is the program as it always runs: nothing is taken out of the way.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
import zmq

from engines.errors import InputError
from realtime import messages
from realtime.processes.histogram import Histogram
from realtime.ring import segment

_START_S: Final = 300.0
_SLACK_S: Final = 60.0
FLAT: Final = 0.02  # memory may not grow by more


@dataclass(frozen=True)
class Case:
    """So many cameras of so many frames a second each; ``subscribers``, of whom one never reads."""

    cameras: int
    fps: float
    subscribers: int = 1


CASES: Final = (Case(1, 200), Case(2, 60), Case(2, 100), Case(4, 60), Case(4, 100), Case(1, 200, 100))


@dataclass(frozen=True)
class Load:
    """What came of a case; rates are of all cameras together, latencies of the worst. CPU in per cent of one core.

    ``skipped`` is what watch was too slow for, all of it counted by the program; ``late_s`` how far the rendering
    itself fell behind. ``heard``: messages a subscriber that reads got, least and most; ``dropped``: those the one
    who does not read lost; ``told_ms``: from a frame's arrival to its state at a subscriber.
    """

    cameras: int
    fps: float
    seconds: float
    delivered_fps: float
    watched_fps: float
    skipped: int
    skipped_said: bool
    capture_to_watched_ms: dict[str, float]
    cpu: dict[str, float]
    subscribers: int
    heard: tuple[int, int]
    dropped: int
    told_ms: dict[str, float]
    problem: str


class Listeners(threading.Thread):
    """Subscribers to all but previews: the first reads what is said, the others count, the last of many never reads."""

    def __init__(self, endpoint: str, cameras: int, count: int) -> None:
        super().__init__(name="subscribers", daemon=True)
        self.health: list[messages.Health] = []
        self.counts = [0] * max(1, count - 1)
        self.told = Histogram()
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
        self._leave = threading.Event()
        self._state = msgspec.msgpack.Decoder(messages.State)
        self._health = msgspec.msgpack.Decoder(messages.Health)
        self.start()

    def run(self) -> None:
        """Until `leave`."""
        poller = zmq.Poller()
        numbers = {socket: number for number, socket in enumerate(self._sockets[: len(self.counts)])}
        for socket in numbers:
            poller.register(socket, zmq.POLLIN)
        while not self._leave.is_set():
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
                self.told.add(max(0.0, (time.time() - arrived) * 1e3))

    def leave(self) -> None:
        """Disconnects all."""
        self._leave.set()
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
        """The first line that starts so. Raises InputError when the program ends before it."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if line.startswith(start):
                    return line
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise InputError(f"the run to be measured did not start: {self.last_words()}")

    def last_words(self) -> str:
        """What it said last."""
        error = self.process.stderr.read().strip() if self.process.poll() and self.process.stderr else ""
        return error or (self.lines[-1] if self.lines else "nothing was said")

    def report(self) -> dict[str, Any]:
        """Its report, after its end. Raises InputError when there is none."""
        if self.process.wait() or not self.report_file.exists():
            raise InputError(f"the run to be measured failed: {self.last_words()}")
        return dict(json.loads(self.report_file.read_text(encoding="utf-8")))


@contextmanager
def running(cameras: int, fps: float, seconds: float) -> Iterator[Program]:
    """A program with so many rendered cameras, ended at the latest when this is left."""
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


def measure(case: Case, seconds: float) -> Load:
    """Runs a case for so many seconds. Raises InputError if the program cannot run here."""
    with running(case.cameras, case.fps, seconds) as program:
        endpoint = program.line("bus ")[4:]
        listeners = Listeners(endpoint, case.cameras, case.subscribers)
        try:
            program.line("ready ")
            report = program.report()
        finally:
            listeners.leave()
        said = any("frames skipped" in line for line in program.lines)
    cameras = report.get("cameras", [report])
    skipped = sum(one["frames"]["lost_ring"] for one in cameras)
    spans = [one["frames"]["captured"] / (one["fps"]["delivered"] or 1.0) for one in cameras]
    worst = max(cameras, key=lambda one: one["latency_ms"]["capture_to_watched"]["p99"])
    return Load(
        cameras=case.cameras,
        fps=case.fps,
        seconds=seconds,
        delivered_fps=round(sum(one["fps"]["delivered"] for one in cameras), 1),
        watched_fps=round(
            sum(one["frames"]["processed"] / span for one, span in zip(cameras, spans, strict=True) if span),
            1,
        ),
        skipped=skipped,
        skipped_said=said,
        capture_to_watched_ms=worst["latency_ms"]["capture_to_watched"],
        cpu=_cpu(listeners.health),
        subscribers=case.subscribers,
        heard=(min(listeners.counts), max(listeners.counts)),
        dropped=sum(report["dropped_messages"].values()),
        told_ms=listeners.told.summary(),
        problem="; ".join(dict.fromkeys(one["problem"] for one in cameras if one["problem"])),
    )


def _cpu(healths: list[messages.Health]) -> dict[str, float]:
    """Median processor share of each kind of process while it ran, summed over the cameras."""
    shares: dict[tuple[str, str], list[float]] = {}
    for health in healths:
        for process in health.processes if health.status == "running" else ():
            camera = health.camera if process.name in ("capture", "watch") else ""
            shares.setdefault((process.name, camera), []).append(process.cpu_percent)
    told: dict[str, float] = {}
    for (name, _), values in shares.items():
        # The first value is that of the start.
        told[name] = round(told.get(name, 0.0) + statistics.median(values[1:] or values), 1)
    return told


# --- endurance --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """A moment: what each process has allocated (MB), handles and threads of all, segments, frames not yet watched."""

    at_s: float
    memory_mb: dict[str, float]
    handles: int
    threads: int
    segments: int
    waiting: int
    skipped: int
    dropped: int

    @property
    def total_mb(self) -> float:
        """Of all processes."""
        return sum(self.memory_mb.values())


@dataclass(frozen=True)
class Endurance:
    """A long run: its samples and whether anything grew between its second and its last fifth."""

    minutes: float
    fps: float
    samples: list[Sample]
    memory_growth: float
    handles_growth: int
    threads_growth: int
    segments_growth: int
    restarts: int
    frames: dict[str, int]
    delivered_fps: float

    @property
    def flat(self) -> bool:
        """Memory within two per cent, nothing else more than at the start, no process started again."""
        grown = max(self.handles_growth, self.threads_growth, self.segments_growth, self.restarts)
        return self.memory_growth <= FLAT and grown <= 0


def endure(
    minutes: float, *, fps: float = 200.0, heard: Callable[[Sample], None] = lambda sample: None
) -> Endurance:
    """Runs one camera for so many minutes and looks sixty times. Raises InputError if the program cannot run here."""
    seconds = minutes * 60
    every = max(1.0, seconds / 60)
    samples: list[Sample] = []
    with running(1, fps, seconds) as program:
        listeners = Listeners(program.line("bus ")[4:], 1, 1)
        try:
            program.line("ready ")
            began = time.monotonic()
            while program.process.poll() is None and time.monotonic() - began < seconds + _SLACK_S:
                time.sleep(min(every, max(0.1, seconds - (time.monotonic() - began))))
                if time.monotonic() - began >= seconds:
                    break
                sample = _sample(program.process.pid, time.monotonic() - began, listeners.health)
                if sample is not None:
                    samples.append(sample)
                    heard(sample)
            report = program.report()
        finally:
            listeners.leave()
    return judge(minutes, fps, samples, report)


def judge(minutes: float, fps: float, samples: list[Sample], report: dict[str, Any]) -> Endurance:
    """Growth between the second and the last fifth, by medians. Raises InputError for too few samples."""
    if len(samples) < 5:
        raise InputError(f"--endurance {minutes:g}: too short to see growth; give at least a minute")
    early = samples[len(samples) // 5 : 2 * len(samples) // 5]
    late = samples[-(len(samples) // 5) :]

    def grown(value: Callable[[Sample], float]) -> float:
        return statistics.median(map(value, late)) - statistics.median(map(value, early))

    return Endurance(
        minutes=minutes,
        fps=fps,
        samples=samples,
        memory_growth=round(
            grown(lambda one: one.total_mb) / statistics.median(one.total_mb for one in early), 4
        ),
        handles_growth=round(grown(lambda one: one.handles)),
        threads_growth=round(grown(lambda one: one.threads)),
        segments_growth=round(grown(lambda one: one.segments)),
        restarts=report["restarts"],
        frames=report["frames"],
        delivered_fps=report["fps"]["delivered"],
    )


def _sample(pid: int, at_s: float, healths: list[messages.Health]) -> Sample | None:
    """Now; None while a process is just ending."""
    memory: dict[str, float] = {}
    handles = threads = 0
    try:
        main = psutil.Process(pid)
        for process in (main, *main.children(recursive=True)):
            title = "apexcam: main" if process.pid == pid else " ".join(process.cmdline()).strip()
            if not title.startswith("apexcam: "):
                # Python's own resource tracker.
                continue
            name = title.rpartition(" ")[2]
            memory[name] = round(_own_memory(process) / 2**20, 2)
            handles += process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
            threads += process.num_threads()
    except psutil.Error:
        return None
    newest = healths[-1] if healths else None
    return Sample(
        at_s=round(at_s, 1),
        memory_mb=memory,
        handles=handles,
        threads=threads,
        segments=sum(segment.owner(name) == pid for name in segment.names()),
        waiting=max(0, newest.captured - newest.processed - newest.lost_ring) if newest else 0,
        skipped=newest.lost_ring if newest else 0,
        dropped=sum(newest.dropped_messages.values()) if newest else 0,
    )


def plain(result: Load | Endurance) -> dict[str, Any]:
    """For JSON."""
    told = asdict(result)
    return told | {"flat": result.flat} if isinstance(result, Endurance) else told


def _own_memory(process: psutil.Process) -> int:
    """Bytes the process has allocated: neither the ring, nor libraries, which count as its own or as shared by what
    other programs happen to run.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        return int(process.memory_full_info().uss)
    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except OSError:
        raise psutil.NoSuchProcess(process.pid) from None
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Anonymous:"))
