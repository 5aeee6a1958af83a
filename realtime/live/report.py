"""report.json: what a run was asked, what it did and measured."""

import os
import platform
import time
from typing import Any

import msgspec

from realtime.config import dump
from realtime.live.camera_run import CameraRun
from realtime.live.health import last_frame, latencies, members_of, requested_fps
from realtime.live.run import Run
from realtime.live.starting import backends, seconds_since_start
from realtime.processes import wire


def build(run: Run) -> dict[str, Any]:
    """What `--report` writes: one object for one camera, a list ``cameras`` for several."""
    head: dict[str, Any] = {
        "schema": "apexcam.report/1",
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.began_wall)),
        "seconds": round(seconds_since_start(run), 2),
        "startup_s": round((run.went or time.monotonic()) - run.began, 2),
        "ended": run.progress.ended_because or "failed",
        "restarts": sum(member.restarts for member in run.supervisor.members),
        "peak_rss_mb": round(run.usage.peak_rss_mb, 1),
        "unrecognised": run.candidates.rejected,
        "backends": backends(run),
        "dropped_messages": dict(run.bus.dropped),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "config": dump(run.options.config),
    }
    if run.early.announced or run.early.unannounced:
        head["early"] = run.early.summary()
    if run.isolated:
        head["sinks"] = [msgspec.to_builtins(sink.health()) for sink in run.isolated]
    if run.markers.count:
        head["stimuli"] = run.markers.table()
    if len(run.cameras) == 1:
        return {**_of_camera(run, run.cameras[0]), **head}
    return {"cameras": [_of_camera(run, camera) for camera in run.cameras], **head}


def _of_camera(run: Run, camera: CameraRun) -> dict[str, Any]:
    captured, opened = camera.captured, camera.opened
    seconds = (captured.last_ns - captured.first_ns) / 1e9
    delivered = (captured.captured - 1) / seconds if captured.captured > 1 and seconds > 0 else 0.0
    written: dict[str, Any] = {
        "camera": camera.name,
        "source": None if opened is None else _source(opened),
        "problem": "; ".join(filter(None, (camera.problem, camera.sight.problem()))),
        "frames": {
            "captured": captured.captured,
            "processed": camera.watched.processed,
            "lost_driver": captured.lost_driver,
            "lost_ring": camera.lost_ring,
        },
        "fps": {"requested": requested_fps(run, camera), "delivered": round(delivered, 2)},
        "latency_ms": latencies(camera),
        "events": camera.count_events(),
        "refused": dict(sorted(camera.watched.refused.items(), key=lambda item: -item[1])),
        "processes": {
            member.role.name: {
                "restarts": member.restarts,
                "peak_rss_mb": member.peak_rss_mb,
                "cpu_s": member.cpu_s,
            }
            for member in members_of(run, camera)
        },
    }
    if camera.truths:
        written["truth"] = camera.score.summary(last_frame(camera))
    return written


def _source(opened: wire.Opened) -> dict[str, Any]:
    names = ("spec", "kind", "width", "height", "fps", "frames", "advice")
    return {name: getattr(opened, name) for name in names}
