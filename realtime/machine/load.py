"""``apexcam bench``: what this machine carries. Whole programs, the rendered face as camera, under more and more load.

The face is rendered while it is shown, which costs about three times what decoding a camera's JPEG frames does; its
share is ``capture``'s. Everything else is the program as it always runs: nothing is taken out of the way.
"""

import statistics
from dataclasses import dataclass
from typing import Final

from realtime import messages
from realtime.machine.program import Listeners, running


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
        told_ms=listeners.delay.summary(),
        problem="; ".join(dict.fromkeys(one["problem"] for one in cameras if one["problem"])),
    )


def _cpu(healths: list[messages.Health]) -> dict[str, float]:
    """Median processor share of each kind of process while it ran, summed over the cameras."""
    shares: dict[tuple[str, str], list[float]] = {}
    for health in healths:
        for process in health.processes if health.status == "running" else ():
            camera = health.camera if process.name in ("capture", "watch") else ""
            shares.setdefault((process.name, camera), []).append(process.cpu_percent)
    shares_of: dict[str, float] = {}
    for (name, _), values in shares.items():
        # The first value is that of the start.
        shares_of[name] = round(shares_of.get(name, 0.0) + statistics.median(values[1:] or values), 1)
    return shares_of
