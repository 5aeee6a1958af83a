"""Each process killed and stopped at random moments: it comes back, nothing is lost but what is said."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from running import EVERY, LONG, books, long_form, once_and_in_order

from realtime import messages
from realtime.processes.private_folder import remove_leftovers
from realtime.ring import segment

PATIENT = "supervise.restarts_a_minute=1000"
QUICK = {"recognise": 1.5, "watch": 1.5, "record": 3.0, "dashboard": 3.0}


def test_each_process_is_killed_at_a_random_moment(start: Any, told: Any, moment: Any) -> None:
    run = start("fake:fps=100", settings=[PATIENT]).until_working()
    for _ in range(5 if LONG else 1):
        for role in ("watch", "capture", "recognise"):
            time.sleep(moment.uniform(0.1, 0.6))
            lost = run.of(messages.Health)[-1].lost_ring
            took = run.hurt(role, signal.SIGKILL)
            time.sleep(0.2)
            lost = run.of(messages.Health)[-1].lost_ring - lost
            assert took < 15
            told(f"{role} killed", took, f"{lost} frames, counted" if lost else "nothing")
    made = books(run.end())
    assert made.restarts == (15 if LONG else 3)
    frames = run.micro_frames()
    assert frames == sorted(set(frames)), "an event was published twice"
    assert len(frames) >= (made.processed // EVERY) - 2 * made.restarts


def test_each_process_is_stopped_at_a_random_moment(start: Any, told: Any, moment: Any) -> None:
    run = start("fake:fps=100,kind=camera", plan={"renumbered": True}, settings=[PATIENT], silent_s=QUICK)
    run.until_working()
    for role in ("watch", "capture", "recognise"):
        time.sleep(moment.uniform(0.1, 0.6))
        lost = run.of(messages.Health)[-1].lost_ring
        took = run.hurt(role, signal.SIGSTOP)
        time.sleep(0.2)
        lost = run.of(messages.Health)[-1].lost_ring - lost
        assert took < 20
        told(f"{role} hangs (SIGSTOP)", took, f"{lost} frames, counted" if lost else "nothing")
    assert books(run.end()).restarts == 3
    frames = run.micro_frames()
    assert frames == sorted(set(frames))


@long_form
def test_main_stopped_for_a_while_loses_nothing(start: Any, told: Any) -> None:
    run = start("fake:fps=100,frames=400").until_working()
    run.process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    began = time.monotonic()
    run.process.send_signal(signal.SIGCONT)
    run.until(lambda: run.events(began), "an event")
    took = time.monotonic() - began
    made = books(run.end(number=None))
    once_and_in_order(run.micro_frames(), 400)
    assert made.restarts == made.lost_ring == 0
    told("main stopped for 2.5 s", took, "nothing")


@long_form
def test_killing_main_ends_everybody(start: Any, told: Any) -> None:
    run = start("fake:fps=100").until_working()
    workers = run.workers()
    began = time.monotonic()
    run.end(signal.SIGKILL, code=-signal.SIGKILL)
    run.leave_nothing(workers)
    told("main killed", None, f"the run; its processes are gone after {time.monotonic() - began:.1f} s")


def test_recognise_killed_again_and_again_names_every_candidate_once(start: Any, told: Any) -> None:
    """Every 2 s; a candidate each .1 s, each takes .05 s, so that kills fall into the work."""
    seconds, rate = (60, 250) if LONG else (8, 250)
    run = start(
        f"fake:fps={rate},frames={rate * seconds}", plan={"recognise_takes_s": 0.05}, settings=[PATIENT]
    ).until_working()
    began, kills = time.monotonic(), 0
    while time.monotonic() - began < seconds - 2:
        time.sleep(2.0)
        run.worker("recognise").kill()
        kills += 1
    report = run.end(number=None)
    once_and_in_order(run.micro_frames(), rate * seconds)
    assert report["unrecognised"] == 0
    assert report["frames"]["processed"] == rate * seconds
    assert report["processes"]["recognise"]["restarts"] >= kills - 1
    told(
        f"recognise killed every 2 s, {kills} times",
        None,
        f"nothing: {seconds * rate // EVERY} candidates, each once",
    )


@long_form
def test_a_process_that_keeps_dying_ends_the_run_and_says_so(start: Any, told: Any) -> None:
    run = start("fake:fps=100", plan={"watch_dies_from": 3}, settings=["supervise.restarts_a_minute=2"])
    report = run.end(number=None, code=1)
    assert "watch died 3 times within a minute" in report["ended"]
    told("watch dies more often than the budget", None, "the run ends with status 1 and says why")


def private_folder(run: Any) -> Path:
    (found,) = Path(tempfile.gettempdir()).glob(f"apexcam-run-{run.process.pid}-*")
    return found


def test_a_watch_comes_back_although_the_private_folder_was_removed(start: Any, told: Any) -> None:
    """A cleaner of temporary files, or another container that shares them."""
    run = start("fake:fps=100", settings=[PATIENT]).until_working()
    shutil.rmtree(private_folder(run))
    took = run.hurt("watch", signal.SIGKILL)
    run.until_line("was removed while in use and is made again")
    assert took < 15
    assert private_folder(run).stat().st_mode & 0o077 == 0
    made = books(run.end())
    assert made.restarts == 1
    told("private folder removed, watch killed", took, f"{made.lost_ring} frames, counted")


@pytest.mark.skipif(sys.platform != "linux", reason="only there can the names of shared memory be removed")
def test_a_watch_comes_back_although_the_ring_was_removed(start: Any, told: Any) -> None:
    run = start("fake:fps=100", settings=[PATIENT]).until_working()
    assert [segment.unlink(name) for name in segment.names() if segment.owner(name) == run.process.pid]
    took = run.hurt("watch", signal.SIGKILL)
    made = books(run.end())
    assert any("its ring was removed from shared memory" in line for line in run.lines)
    told("ring removed, watch killed", took, f"{made.lost_ring} frames, counted")


def test_a_process_that_is_never_heard_ends_the_run_and_says_so(start: Any, told: Any) -> None:
    """Where the folder cannot be made again, no new process can report."""
    folder = Path(tempfile.mkdtemp())  # short: a socket lies in it
    run = start("fake:fps=100", within=("env", f"TMPDIR={folder}"), hello_s={"watch": 3.0}).until_working()
    shutil.rmtree(folder)
    folder.write_text("no folder any more")
    run.worker("watch").kill()
    report = run.end(number=None, code=1)
    folder.unlink()
    assert (
        "watch was started 2 times in vain, the last time: started, and not heard within 3 s"
        in report["ended"]
    )
    assert books(report).lost_ring > 300
    told("a watch that is never heard", None, "the run ends with status 1; what nobody watched is counted")


def test_folders_of_the_dead_are_removed_and_those_of_other_containers_kept(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here, there = segment.pid_namespace(), segment.pid_namespace() + 1
    temporary = Path(tempfile.gettempdir())
    dead, living, foreign = (
        temporary / f"apexcam-run-{pid}-{namespace}-test"
        for pid, namespace in ((gone.pid, here), (os.getpid(), here), (gone.pid, there))
    )
    for folder in (dead, living, foreign):
        folder.mkdir()
    try:
        remove_leftovers()
        assert [folder.exists() for folder in (dead, living, foreign)] == [False, True, True]
    finally:
        for folder in (dead, living, foreign):
            shutil.rmtree(folder, ignore_errors=True)


@long_form
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_the_dashboard_comes_back_and_nobody_else_notices(
    start: Any, told: Any, number: signal.Signals
) -> None:
    run = start("fake:fps=100", dashboard=True, settings=["dashboard.port=0"], silent_s=QUICK)
    run.until_working()
    run.until_line("dashboard http")
    took = run.hurt("dashboard", number, at_work=lambda since: _dashboard_ready(run, since))
    made = books(run.end())
    assert made.lost_ring == 0
    once_and_in_order(run.micro_frames(), made.processed)
    told(f"dashboard {'killed' if number == signal.SIGKILL else 'hangs (SIGSTOP)'}", took, "nothing")


@long_form
def test_a_recorder_that_is_killed_says_what_it_did_not_keep(start: Any, told: Any, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    settings = ["record.keep_free_mb=0", "record.before_s=0.1", "record.kinds=[micro]"]
    run = start(
        "fake:fps=100,width=640,height=480,noise=1", record=str(kept), settings=settings
    ).until_working()
    took = run.hurt("record", signal.SIGKILL, at_work=lambda since: len(run.events(since)) > 2)
    made = books(run.end())
    once_and_in_order(run.micro_frames(), made.processed)
    said = [int(line.split()[5]) for line in run.lines if line.startswith("the recorder died: up to")]
    recorded = {folder.name for folder in kept.iterdir() if not folder.name.startswith(".")}
    assert len(run.micro_frames()) - sum(said) <= len(recorded) <= len(run.micro_frames())
    assert not list(kept.glob(".*")), "an unfinished recording was left"
    told("recorder killed", took, "at most the events it was at, said")


def _dashboard_ready(run: Any, since: float) -> bool:
    healths = run.of(messages.Health, since)
    return any(p.name == "dashboard" and p.alive and p.restarts for h in healths for p in h.processes)
