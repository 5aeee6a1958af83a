"""Shared memory that is too small, damaged or overrun."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import EVERY, books, long_form

from realtime import messages
from realtime.ring import segment

# /dev/shm of its own for the program and its children, of a few megabytes.
SMALL = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size="$0" tmpfs /dev/shm && exec "$@"')


def small_memory(size: str) -> tuple[str, ...]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root and Linux for a /dev/shm of its own")
    tried = subprocess.run([*SMALL, size, "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("no mount namespace may be made here")
    return (*SMALL, size)


def test_too_little_shared_memory_is_one_line_before_anything_runs(start: Any, told: Any) -> None:
    run = start("fake:fps=100,width=640,height=480", within=small_memory("4m"))
    assert run.process.wait(60) == 2
    said = run.process.stderr.read()
    assert "/dev/shm has room for 4 frames of 640x480" in said
    assert said.count("\n") == 1
    told("/dev/shm too small for 8 frames", None, "refused with one line, status 2")


def test_a_memory_that_cannot_be_written_is_one_line_before_anything_runs(start: Any, told: Any) -> None:
    small_memory("4m")
    run = start("fake:fps=100", within=(*SMALL[:-1], SMALL[-1].replace("size=", "ro,size="), "4m"))
    assert run.process.wait(60) == 2
    said = run.process.stderr.read()
    assert "/dev/shm cannot be written" in said
    assert said.count("\n") == 1
    told("/dev/shm read-only", None, "refused with one line, status 2")


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_too_few_open_files_are_one_line_before_anything_runs(start: Any, told: Any) -> None:
    run = start("fake:fps=100", within=("sh", "-c", 'ulimit -n 32 && exec "$@"', "sh"))
    assert run.process.wait(60) == 2
    said = run.process.stderr.read()
    assert "only 32 files may be open at once" in said
    assert said.count("\n") == 1
    enough = start("fake:fps=100,frames=30", within=("sh", "-c", 'ulimit -S -n 32 && exec "$@"', "sh"))
    enough.end(number=None)
    told("32 open files allowed", None, "refused with one line, status 2; a soft limit is raised")


def test_a_small_memory_holds_fewer_frames_and_capture_comes_back_in_it(start: Any, told: Any) -> None:
    """Room for 12 frames: the ring takes nearly all of it, and its successor finds it free again."""
    run = start("fake:fps=100,width=640,height=480", within=small_memory("12m"))
    run.until_working()
    assert any("/dev/shm holds only" in line for line in run.lines)
    took = run.hurt("capture", signal.SIGKILL)
    made = books(run.end())
    assert made.restarts == 1
    assert run.micro_frames() == sorted(set(run.micro_frames()))
    told(
        "capture killed, /dev/shm nearly full",
        took,
        f"{made.lost_ring} frames, counted" if made.lost_ring else "nothing",
    )


@pytest.mark.parametrize("session", [False, True])
def test_a_recorder_does_not_keep_the_memory_of_a_dead_ring(
    start: Any, told: Any, tmp_path: Path, session: bool
) -> None:
    """Beside what a ring holds there is no room for the next one; what it still held is recorded all the same."""
    kept = tmp_path / "kept"
    settings = ["record.keep_free_mb=0", "record.before_s=0.02", "record.after_s=0", "record.kinds=[micro]"]
    run = start(
        "fake:fps=50,width=640,height=480",
        within=small_memory("30m"),
        record=str(kept),
        settings=[*settings, f"record.session={str(session).lower()}", "record.session_codec=bmp"],
    ).until_working()
    took = run.hurt("capture", signal.SIGKILL)
    run.until(lambda: len(run.micro_frames()) > 3, "events of the new ring")
    made = books(run.end())
    assert made.restarts == 1
    assert not [line for line in run.lines if "recording stopped" in line]
    abouts = [json.loads(file.read_text()) for file in kept.glob("*Z-fake*/event.json")]
    assert sorted(about["event"]["offset"]["frame"] for about in abouts) == run.micro_frames()
    assert [about["frames_missing"] for about in abouts] == [0] * len(abouts)
    if session:
        sessions = [json.loads(file.read_text()) for file in kept.glob("session-*/session.json")]
        assert len(sessions) == 2
        assert sum(each["frames"] + each["frames_missing"] for each in sessions) == made.captured
    told("capture killed while recording, /dev/shm nearly full", took, "nothing")


def test_a_watcher_that_is_too_slow_skips_says_so_and_stays_current(start: Any, told: Any) -> None:
    """Each frame takes it 20 ms, one comes every 5."""
    run = start("fake:fps=200,frames=500", plan={"watch_takes_s": 0.02}, settings=["ring.seconds=0.2"])
    report = run.end(number=None)
    made = books(report)
    assert made.lost_ring > 200
    assert made.restarts == 0
    assert any("frames skipped" in line for line in run.lines)
    longest = report["latency_ms"]["capture_to_watched"]["p99"]
    assert longest < 2000
    assert max(event.frames_lost for event in run.events()) > 0
    told(
        "watch four times too slow",
        0.0,
        f"{made.lost_ring} of {made.captured} frames, counted; p99 {longest:.0f} ms",
    )


@long_form
def test_damaged_slots_in_the_ring_are_survived(start: Any, told: Any, moment: Any) -> None:
    run = start("fake:fps=100", settings=["supervise.restarts_a_minute=1000"]).until_working()
    (name,) = [name for name in segment.names() if segment.owner(name) == run.process.pid]
    memory = segment.attach(name, writable=True)
    # Slots, not the header: its fixed part is read once, when a reader attaches.
    image = np.frombuffer(memory.buffer, np.uint8)[4096:]
    noise = np.random.default_rng(moment.randrange(2**32))
    began = time.monotonic()
    for _ in range(20):
        at = int(noise.integers(0, len(image) // 64)) * 64
        image[at : at + 64] = noise.integers(0, 256, 64, dtype=np.uint8)
        time.sleep(0.01)
    del image
    memory.close()
    run.until(lambda: run.frames_go_on(began + 0.5) and run.events(began + 0.5), "work after the damage")
    took = max(0.0, time.monotonic() - began - 0.5)
    made = books(run.end())
    frames = run.micro_frames()
    assert frames == sorted(set(frames))
    assert len(frames) >= made.processed // EVERY - 3
    told("rubbish written into the ring", took, f"{made.lost_ring} frames, counted")


@long_form
def test_a_run_that_was_killed_with_all_its_processes_leaves_nothing_to_the_next(
    start: Any, tmp_path: Path
) -> None:
    run = start("fake:fps=100").until_working()
    pid, workers = run.process.pid, run.workers()
    for victim in [*workers, run.process]:
        victim.kill()
    run.process.wait(20)
    assert [name for name in segment.names() if segment.owner(name) == pid]
    after = start("fake:frames=30,fps=100")
    after.end(number=None)
    assert [name for name in segment.names() if segment.owner(name) == pid] == []
    assert after.of(messages.Event)
