"""``apexcam bench``: the load this machine can carry, measured with complete runs of more and faster cameras.

The cameras are rendered faces. Rendering counts as ``capture`` and costs about three times as much as decoding a
camera's JPEG frames; everything else is the complete program.
"""

import statistics
from dataclasses import dataclass
from typing import Final

from realtime import messages
from realtime.machine.program import Subscribers, running


@dataclass(frozen=True)
class Case:
    """A load: cameras, frames a second of each, and subscribers, of which the last of several never reads."""

    cameras: int
    fps: float
    subscribers: int = 1


CASES: Final = (Case(1, 200), Case(2, 60), Case(2, 100), Case(4, 60), Case(4, 100), Case(1, 200, 100))


@dataclass(frozen=True)
class Load:
    """The result of a case: rates of all cameras together, latencies of the worst, CPU in per cent of one core.

    ``skipped`` frames were too many for watch; ``skipped_said``: the program reported it. ``heard`` is the least and
    most messages that a reading subscriber received, ``dropped`` those that the others lost. ``told_ms`` is the time
    from a frame's arrival to its state at a subscriber. ``problem`` has what the program itself reported.
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


def measure(case: Case, seconds: float) -> Load:
    """Runs a case for ``seconds``. Raises InputError if the program cannot run here."""
    with running(case.cameras, case.fps, seconds) as program:
        endpoint = program.line("bus ")[4:]
        subscribers = Subscribers(endpoint, case.cameras, case.subscribers)
        try:
            program.line("ready ")
            report = program.report()
        finally:
            subscribers.close()
        skipped_said = any("frames skipped" in line for line in program.lines)
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
        skipped_said=skipped_said,
        capture_to_watched_ms=worst["latency_ms"]["capture_to_watched"],
        cpu=_cpu(subscribers.health),
        subscribers=case.subscribers,
        heard=(min(subscribers.counts), max(subscribers.counts)),
        dropped=sum(report["dropped_messages"].values()),
        told_ms=subscribers.delay.summary(),
        problem="; ".join(dict.fromkeys(one["problem"] for one in cameras if one["problem"])),
    )


def _cpu(healths: list[messages.Health]) -> dict[str, float]:
    """The median CPU load of each kind of process while running, summed over the cameras."""
    shares: dict[tuple[str, str], list[float]] = {}
    for health in healths:
        for process in health.processes if health.status == "running" else ():
            camera = health.camera if process.name in ("capture", "watch") else ""
            shares.setdefault((process.name, camera), []).append(process.cpu_percent)
    load: dict[str, float] = {}
    for (name, _), values in shares.items():
        # The first value includes the start of the process.
        load[name] = round(load.get(name, 0.0) + statistics.median(values[1:] or values), 1)
    return load
