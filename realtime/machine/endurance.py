"""``apexcam bench --endurance``: whether memory, handles, threads or segments grow during a long run."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from engines.errors import InputError
from realtime import messages
from realtime.machine.program import Subscribers, running
from realtime.ring import segment

_SLACK_S: Final = 60.0
FLAT: Final = 0.02  # relative growth of memory that still counts as none


@dataclass(frozen=True)
class Sample:
    """A moment of the run: memory of each process (MB), and of all together handles, threads and segments.

    ``waiting`` frames were captured and not yet watched; ``skipped`` frames and ``dropped`` messages were lost so far.
    """

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
        """Memory of all processes, MB."""
        return sum(self.memory_mb.values())


@dataclass(frozen=True)
class Endurance:
    """A long run: its samples, and the growth between its second and its last fifth."""

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
        """Whether memory grew by `FLAT` at most, nothing else grew, and no process was restarted."""
        grown = max(self.handles_growth, self.threads_growth, self.segments_growth, self.restarts)
        return self.memory_growth <= FLAT and grown <= 0


def endure(
    minutes: float, *, fps: float = 200.0, sampled: Callable[[Sample], None] = lambda sample: None
) -> Endurance:
    """Runs one camera for ``minutes``, sampled sixty times; ``sampled`` is called with each sample.

    Raises InputError if the program cannot run here.
    """
    seconds = minutes * 60
    every = max(1.0, seconds / 60)
    samples: list[Sample] = []
    with running(1, fps, seconds) as program:
        subscribers = Subscribers(program.line("bus ")[4:], 1, 1)
        try:
            program.line("ready ")
            began = time.monotonic()
            while program.process.poll() is None and time.monotonic() - began < seconds + _SLACK_S:
                time.sleep(min(every, max(0.1, seconds - (time.monotonic() - began))))
                if time.monotonic() - began >= seconds:
                    break
                sample = _sample(program.process.pid, time.monotonic() - began, subscribers.health)
                if sample is not None:
                    samples.append(sample)
                    sampled(sample)
            report = program.report()
        finally:
            subscribers.close()
    return judge(minutes, fps, samples, report)


def judge(minutes: float, fps: float, samples: list[Sample], report: dict[str, Any]) -> Endurance:
    """The growth between the medians of the second and the last fifth. Raises InputError for too few samples."""
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
    """A sample of the running program; None while one of its processes is ending."""
    memory: dict[str, float] = {}
    handles = threads = 0
    try:
        main = psutil.Process(pid)
        for process in (main, *main.children(recursive=True)):
            title = "apexcam: main" if process.pid == pid else " ".join(process.cmdline()).strip()
            if not title.startswith("apexcam: "):
                # The resource tracker of Python.
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


def _own_memory(process: psutil.Process) -> int:
    """Bytes the process itself has allocated.

    Neither the ring counts nor the libraries, whose share depends on what other programs happen to run.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        return int(process.memory_full_info().uss)
    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except OSError:
        raise psutil.NoSuchProcess(process.pid) from None
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Anonymous:"))
