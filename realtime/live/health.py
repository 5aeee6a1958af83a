"""The health of a run: rates, losses, latencies, what each process takes; on the bus each second, on the screen more
often.
"""

import contextlib
import os
import time
from typing import Final, Literal

import psutil

from realtime import messages
from realtime.live.camera_run import CameraRun, CameraState
from realtime.live.phases import Phase
from realtime.live.run import Run
from realtime.live.screen import View
from realtime.live.starting import backends, seconds_since_start
from realtime.processes.histogram import Histogram
from realtime.processes.member import Member

_SHOW_S: Final = 0.2


class Monitor:
    """Looks after a run once in a while: `look` every turn of the loop, `publish` once more at the end."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._me = psutil.Process()
        self._next_view = self._next_health = 0.0

    def look(self, now: float) -> None:
        """Whatever is due: previews, the screen, health."""
        run = self._run
        for camera in run.cameras:
            if camera.opened is not None:
                run.preview.publish_if_due(run.bus, camera.name, now)
        if now >= self._next_view:
            self._next_view = now + _SHOW_S
            run.screen.show(view(run))
        if now >= self._next_health:
            self._next_health = max(now, self._next_health + 1.0 / run.options.config.bus.health_hz)
            self.measure()
            self.publish(now)
            run.supervisor.trim_logs()
            for camera in run.cameras:
                camera.score.settle(last_frame(camera))

    def measure(self) -> None:
        """Takes processor share and memory of every process now."""
        usage, members = self._run.usage, self._run.supervisor.members
        for member in members:
            member.measure()
        with contextlib.suppress(psutil.Error):
            usage.cpu_percent = round(self._me.cpu_percent(None), 1)
            usage.rss_mb = round(self._me.memory_info().rss / 2**20, 1)
        together = usage.rss_mb + sum(member.rss_mb for member in members if member.alive)
        usage.peak_rss_mb = max(usage.peak_rss_mb, together)

    def publish(self, now: float) -> None:
        """The health of every camera that was opened; skipped frames are said when they double."""
        run = self._run
        for camera in run.cameras:
            _take_rate(camera)
            if camera.opened is None:
                continue
            run.bus.publish(of_camera(run, camera, now))
            if camera.lost_ring > 2 * camera.skips_said:
                camera.skips_said = camera.lost_ring
                run.screen.say(
                    f"{camera.name}: {camera.lost_ring} frames skipped so far, watch was behind or started again; "
                    "if it goes on, ask for fewer: --set source.fps"
                )


def _take_rate(camera: CameraRun) -> None:
    captured = camera.captured
    before, before_ns = camera.rate_from
    if captured.last_ns > before_ns and before_ns:
        camera.rate = (captured.captured - before) / ((captured.last_ns - before_ns) / 1e9)
    elif captured.last_ns == before_ns:
        camera.rate = 0.0
    camera.rate_from = (captured.captured, captured.last_ns)


def of_camera(run: Run, camera: CameraRun, now: float) -> messages.Health:
    """The health of one camera and of the processes it depends on."""
    opened, captured = camera.opened, camera.captured
    return messages.Health(
        camera=camera.name,
        uptime_s=round(now - run.began, 3),
        status=_status(run, camera),
        advice=camera.problem or (opened.advice if opened else ""),
        requested_fps=requested_fps(run, camera),
        delivered_fps=round(camera.rate, 2),
        captured=captured.captured,
        processed=camera.watched.processed,
        lost_driver=captured.lost_driver,
        lost_ring=camera.lost_ring,
        events=camera.count_events(),
        latency_ms=latencies(camera),
        backends=backends(run),
        dropped_messages=dict(run.bus.dropped),
        processes=[
            *(_process(member) for member in members_of(run, camera)),
            messages.ProcessHealth(
                name="main",
                pid=os.getpid(),
                alive=True,
                restarts=0,
                cpu_percent=run.usage.cpu_percent,
                rss_mb=run.usage.rss_mb,
            ),
        ],
        sinks=[sink.health() for sink in run.isolated],
    )


def _status(run: Run, camera: CameraRun) -> Literal["starting", "running", "source lost", "ending"]:
    if run.progress.phase is Phase.STARTING:
        return "starting"
    if run.progress.phase is not Phase.RUNNING:
        return "ending"
    lost = not camera.ended and (camera.state is CameraState.LOST or not camera.open)
    return "source lost" if lost else "running"


def _process(member: Member) -> messages.ProcessHealth:
    return messages.ProcessHealth(
        name=member.role.name,
        pid=(member.process.pid or 0) if member.process else 0,
        alive=member.alive,
        restarts=member.restarts,
        cpu_percent=member.cpu_percent if member.alive else 0.0,
        rss_mb=member.rss_mb if member.alive else 0.0,
        note=member.why,
    )


def members_of(run: Run, camera: CameraRun) -> list[Member]:
    """The processes that a camera depends on."""
    return [member for member in run.supervisor.members if member.camera in (None, camera.number)]


def requested_fps(run: Run, camera: CameraRun) -> float:
    """At how many frames a second they should come."""
    if run.options.pace is not None:
        return run.options.pace
    if camera.opened is not None and camera.opened.kind in ("file", "images", "url"):
        return camera.opened.fps
    return run.options.config.source.fps


def latencies(camera: CameraRun) -> dict[str, dict[str, float]]:
    """By stage: p50, p99, max in milliseconds, and how many."""
    watched = camera.watch.latency("capture_to_watched") if camera.watch else Histogram()
    return {
        "capture_to_watched": watched.summary(),
        "apex_to_published": camera.latencies.apex_to_published.summary(),
        "flow": camera.latencies.flow.summary(),
        "classify": camera.latencies.classify.summary(),
    }


def last_frame(camera: CameraRun) -> int:
    """The index of the newest frame; -1 before the first."""
    return camera.captured.last_index


def view(run: Run) -> View:
    """The numbers of this moment."""
    now = time.monotonic()
    return View(
        phase=run.progress.phase.value,
        uptime_s=seconds_since_start(run),
        health=[of_camera(run, camera, now) for camera in run.cameras],
        states=[camera.face for camera in run.cameras],
        score=[camera.score.summary(last_frame(camera)) if camera.truths else None for camera in run.cameras],
    )
