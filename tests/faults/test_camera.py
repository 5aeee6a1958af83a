"""A camera that vanishes, hangs or returns otherwise, and clocks that jump."""

import sys
import time
from pathlib import Path
from typing import Any

from running import EVERY, Running, books

from realtime import messages

sys.path.insert(0, str(Path(__file__).parents[1] / "realtime"))
import itertools

from fake_camera import Clock, FakeCapture

from realtime.sources.camera import open_camera
from realtime.sources.v4l2 import Device


def lost_and_found(run: Running) -> float:
    """Seconds from the first health without the source to the first watched frame after it."""
    run.until_line("capturing again")

    def first(status: str, since: float = 0.0) -> float | None:
        said = ((at, m) for at, m in list(run.heard) if at > since and isinstance(m, messages.Health))
        return next((at for at, health in said if health.status == status), None)

    gone: float = run.until(lambda: first("source lost"), "a health without the source")
    back: float = run.until(lambda: first("running", gone), "a health with the source")
    run.until(lambda: run.frames_go_on(back), "frames")
    return back - gone


def test_a_camera_comes_back_at_another_size_and_rate(start: Any, told: Any, tmp_path: Path) -> None:
    once = tmp_path / "lost"
    source = f"fake:kind=camera,fps=100,lost_at=100,once={once},then_width=96,then_height=64,then_fps=50"
    run = start(source, plan={"renumbered": True})
    took = lost_and_found(run)
    run.until_line("capturing again, 96x64 at 50 fps")  # a slow machine may have opened it once more before
    run.until(lambda: len(run.events(time.monotonic() - 1)) > 1, "events of the new size")
    report = run.end()
    made = books(report)
    assert report["source"]["width"] == 96
    assert report["processes"]["watch"]["restarts"] == 0
    assert made.lost_ring == 0
    frames = run.micro_frames()
    assert frames == sorted(set(frames))
    assert len(frames) >= made.processed // EVERY - 1
    told("camera vanishes, returns at another size and rate", took, "nothing but the time without it")


def test_a_camera_whose_driver_hangs_is_opened_again(start: Any, told: Any, tmp_path: Path) -> None:
    source = f"fake:kind=camera,fps=100,hang_at=100,once={tmp_path / 'hung'}"
    run = start(source, plan={"renumbered": True})
    run.until_line("silent for 3 s; starting it again")
    took = lost_and_found(run)
    assert books(run.end()).lost_ring == 0
    told("camera driver hangs", 3.0 + took, "nothing but the time without it")


def test_the_wall_clock_jumps_and_only_the_wall_times_follow(start: Any, told: Any) -> None:
    run = start("fake:fps=200,frames=300", plan={"clock_jumps_at": 150, "clock_jumps_by_s": -86400})
    report = run.end(number=None)
    made = books(report)
    assert made.restarts == made.lost_ring == made.lost_driver == 0
    assert run.micro_frames() == list(range(EVERY - 1, 300, EVERY))
    assert report["latency_ms"]["apex_to_published"]["max"] < 60_000
    walls = [event.apex.wall for event in run.events() if event.kind == "micro"]
    assert sum(later < earlier for earlier, later in itertools.pairwise(walls)) == 1
    assert all(event.latency_ms["total"] > 0 for event in run.events())
    told("wall clock set back by a day", 0.0, "nothing; wall times follow the clock")


def test_the_drivers_clock_jumps_and_times_go_on() -> None:
    clock = Clock()
    capture = FakeCapture(clock)
    camera = open_camera(
        "0", open_capture=capture, find=lambda spec: Device(0, "", "camera"), clock=clock, fps=200
    )
    frames = [camera.read() for _ in range(50)]
    for jump_s in (3600, -7200):
        capture.jumped_ns += jump_s * 10**9
        frames += [camera.read() for _ in range(50)]
    steps = [b.t_ns - a.t_ns for a, b in itertools.pairwise(frames) if a and b]
    assert len(steps) == 149
    assert all(1e6 < step < 20e6 for step in steps)
    assert sum(frame.gap for frame in frames if frame) <= 2
