import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from engines.errors import InputError
from realtime import messages
from realtime.client import Subscriber
from realtime.config import Bus, Config, Recognise, Supervise
from realtime.live import candidates, coordinator
from realtime.live.options import Options
from realtime.ring import segment

sys.path.insert(0, str(Path(__file__).parent))
import live_fakes

ANYWHERE = Bus(endpoint="tcp://127.0.0.1:*")
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and kill -9 of POSIX")


def run(
    source: str, *more: str, config: Config | None = None, **options: Any
) -> tuple[int, live_fakes.Notes]:
    notes = options.pop("notes", None) or live_fakes.Notes()
    chosen = Options(
        sources=(source, *more),
        config=config or Config(bus=ANYWHERE),
        dashboard=False,
        stages=live_fakes.STAGES,
        **options,
    )
    return coordinator.run(chosen, notes), notes


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_plan(**what: Any) -> None:
        monkeypatch.setenv("APEXCAM_TEST_PLAN", json.dumps(what))

    return set_plan


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = children()  # joblib keeps the workers of other tests for a while
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (new_children(before) or segments()):
        time.sleep(0.05)
    assert new_children(before) == []
    assert segments() == []
    assert folders(os.getpid()) == []


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def new_children(before: set[psutil.Process]) -> list[str]:
    found = []
    for child in children() - before:
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(child.cmdline()))
    return [line for line in found if "resource_tracker" not in line]


def segments() -> list[str]:
    mine = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    return [name for name in segment.names() if segment.owner(name) in mine]


def folders(pid: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"apexcam-run-{pid}-*"))


def micro_frames(notes: live_fakes.Notes) -> list[int]:
    return [event.offset.frame for event in notes.events if event.kind == "micro"]


def test_every_frame_of_a_file_is_watched_and_every_candidate_published(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    code, notes = run("fake:frames=300,fps=300,gap_at=70", report=path)
    assert code == 0
    report = json.loads(path.read_text())
    assert report["frames"] == {"captured": 300, "processed": 300, "lost_driver": 1, "lost_ring": 0}
    assert micro_frames(notes) == list(range(live_fakes.EVERY - 1, 300, live_fakes.EVERY))
    assert [event.kind for event in notes.events][-1] == "macro", "what flush gave is missing"
    assert report["events"] == {"micro": 12, "macro": 1, "blink": 0}
    assert report["fps"]["requested"] == 300
    assert 250 < report["fps"]["delivered"] < 301
    assert report["restarts"] == 0
    assert report["ended"] == "end of source"
    assert report["peak_rss_mb"] > 50
    assert report["latency_ms"]["capture_to_watched"]["count"] == 300
    assert report["latency_ms"]["apex_to_published"]["count"] == 13
    assert report["latency_ms"]["flow"]["count"] == 12
    for event in notes.events:
        assert event.latency_ms["total"] > 0
        assert event.apex.wall is not None


def test_duration_bounds_an_endless_source() -> None:
    code, notes = run("fake:fps=200", duration_s=0.5)
    assert code == 0
    assert notes.report["ended"] == "duration"
    assert notes.report["frames"]["captured"] == notes.report["frames"]["processed"]
    assert 80 <= notes.report["frames"]["captured"] <= 101


def test_two_cameras_run_side_by_side() -> None:
    code, notes = run("fake:frames=100,fps=200", "fake:frames=150,fps=200")
    assert code == 0
    assert {one["camera"]: one["frames"]["processed"] for one in notes.report["cameras"]} == {
        "fake": 100,
        "fake-2": 150,
    }
    assert len({event.camera for event in notes.events}) == 2


@pytest.mark.parametrize("source", ["missing"])
def test_a_source_that_cannot_be_opened_is_an_input_error(source: str) -> None:
    with pytest.raises(InputError, match="missing: there is no such thing"):
        run(source)


def test_a_missing_model_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"missing\.onnx"):
        run("fake:fps=100", config=Config(bus=ANYWHERE, recognise=Recognise(model="missing.onnx")))


def test_a_port_in_use_is_an_input_error() -> None:
    from realtime.bus.publisher import Bus as OpenBus

    taken = OpenBus(ANYWHERE)
    try:
        with pytest.raises(InputError, match="in use"):
            run("fake:frames=10", config=Config(bus=Bus(endpoint=taken.endpoint)))
    finally:
        taken.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"report": Path("/nowhere/at/all/r.json")}, "--report"),
        ({"record": Path("/dev/null/x")}, "--record"),
        ({"duration_s": 0.0}, "--duration"),
        ({"pace": -1.0}, "--pace"),
    ],
)
def test_unusable_options_are_found_before_anything_starts(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        run("fake:frames=10", **options)


def test_no_temporary_folder_is_an_input_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "gettempdir", nowhere)
        with pytest.raises(InputError, match="TMPDIR"):
            run("fake:frames=10")
        patched.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "x")[-50:])
        with pytest.raises(InputError, match="TMPDIR"):
            run("fake:frames=10")


def test_a_truncated_file_is_recognised_reported_and_then_refused(tmp_path: Path) -> None:
    notes, path = live_fakes.Notes(), tmp_path / "r.json"
    with pytest.raises(InputError, match="truncated"):
        run("fake:frames=50,fps=200,problem=truncated", notes=notes, report=path)
    report = json.loads(path.read_text())
    assert report["problem"] == "truncated"
    assert report["frames"]["processed"] == 50
    assert len(notes.events) == 3


def test_a_recogniser_that_dies_at_a_candidate_loses_and_repeats_none(plan: Any, tmp_path: Path) -> None:
    plan(recognise_dies_at=49, once=str(tmp_path / "died"))
    code, notes = run("fake:frames=200,fps=200")
    assert code == 0
    assert (tmp_path / "died").exists()
    assert micro_frames(notes) == list(range(24, 200, 25))
    assert notes.report["restarts"] == 1
    assert notes.report["frames"]["lost_ring"] == 0


def test_a_candidate_that_kills_every_recogniser_is_given_up(
    plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "ATTEMPTS", 3)
    plan(recognise_dies_at=49)
    code, notes = run(
        "fake:frames=100,fps=200", config=Config(bus=ANYWHERE, supervise=Supervise(restarts_a_minute=20))
    )
    assert code == 0
    assert micro_frames(notes) == [24, 74, 99]
    assert notes.report["unrecognised"] == 1


def test_a_watcher_that_dies_is_started_again_and_its_loss_counted(plan: Any, tmp_path: Path) -> None:
    plan(watch_dies_from=60, once=str(tmp_path / "died"))
    code, notes = run("fake:fps=100", duration_s=5.0)
    assert code == 0
    frames = notes.report["frames"]
    assert notes.report["restarts"] == 1
    assert frames["processed"] + frames["lost_ring"] == frames["captured"]
    assert frames["processed"] > 60
    assert micro_frames(notes)[-1] > 100


def test_a_capture_that_dies_goes_on_where_it_was(tmp_path: Path) -> None:
    code, notes = run(f"fake:frames=200,fps=100,die_at=100,once={tmp_path / 'died'}")
    assert code == 0
    assert notes.report["restarts"] == 1
    assert micro_frames(notes)[-1] == 199
    assert notes.report["ended"] == "end of source"


def test_a_process_that_keeps_dying_ends_the_run_clearly(plan: Any, tmp_path: Path) -> None:
    plan(watch_dies_from=3)
    path = tmp_path / "r.json"
    code, _ = run(
        "fake:frames=2000,fps=100",
        report=path,
        config=Config(bus=ANYWHERE, supervise=Supervise(restarts_a_minute=1)),
    )
    assert code == 1
    ended = json.loads(path.read_text())["ended"]
    assert "watch died 2 times within a minute, the last time: ended with status 7" in ended


def test_a_camera_that_goes_away_is_opened_again(plan: Any, tmp_path: Path) -> None:
    plan(renumbered=True)
    code, notes = run(f"fake:kind=camera,fps=100,lost_at=150,once={tmp_path / 'lost'}", duration_s=4.0)
    assert code == 0, notes.lines
    assert any("source lost" in line for line in notes.lines)
    assert any("capturing again" in line for line in notes.lines)
    without = [view.health[0] for view in notes.views if view.health[0].status == "source lost"]
    assert without
    assert notes.report["frames"]["captured"] > without[-1].captured > 50
    assert notes.report["processes"]["watch"]["restarts"] == 0
    frames = micro_frames(notes)
    assert frames == sorted(set(frames)), "indices went back"


def test_what_several_processes_find_is_said_once(plan: Any) -> None:
    plan(all_say="what is compiled cannot be kept")
    _, notes = run("fake:frames=30,fps=100", "fake:frames=30,fps=100")
    assert notes.lines.count("what is compiled cannot be kept") == 1


def test_a_watch_that_reads_the_end_before_capture_says_so_is_believed() -> None:
    code, notes = run("fake:frames=30,fps=100,last_truth_takes_s=0.5")
    assert code == 0
    assert notes.report["seconds"] < 3
    assert notes.report["frames"]["processed"] == 30


def test_the_duration_is_kept_while_a_camera_is_away() -> None:
    code, notes = run("fake:kind=camera,lost_at=20,fps=100", duration_s=1.0)
    assert code == 0
    assert notes.report["ended"] == "duration"
    assert notes.report["seconds"] < 2.5


def test_a_late_subscriber_gets_state_at_once_and_every_later_event() -> None:
    notes = live_fakes.Notes()
    reader: list[Subscriber] = []
    heard: list[messages.Message] = []

    def on_event(event: messages.Event) -> None:
        if not reader:
            endpoint = notes.lines[0].removeprefix("bus ")
            reader.append(Subscriber(endpoint, ["event", "state", "health"]))
            # Bound by the run itself: give its loop time to see the subscription.
        while (message := reader[0].receive(0)) is not None:
            heard.append(message)

    notes.on_event = on_event
    code, _ = run("fake:frames=400,fps=200", notes=notes)
    assert code == 0
    while (message := reader[0].receive(0.2)) is not None:
        heard.append(message)
    reader[0].close()
    assert isinstance(heard[0], messages.State | messages.Health)
    got = [message.offset.frame for message in heard if isinstance(message, messages.Event)]
    assert got == [event.offset.frame for event in notes.events][-len(got) :]
    assert len(got) >= len(notes.events) - 2
    states = [message for message in heard if isinstance(message, messages.State)]
    assert len(states) > 5
    last = [message for message in heard if isinstance(message, messages.Health)][-1]
    assert last.captured == 400
    assert {process.name for process in last.processes} == {"capture", "watch", "recognise", "main"}


class Program:
    """A live run in a process of its own."""

    def __init__(self, source: str, report: Path) -> None:
        self.report = report
        self.process = subprocess.Popen(
            [sys.executable, str(Path(live_fakes.__file__)), source, str(report)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    def wait_for(self, text: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if text in line:
                return
        raise AssertionError(f"{text!r} never came: {self.process.stderr and self.process.stderr.read()}")

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, timeout: float = 20) -> int:
        _, err = self.process.communicate(timeout=timeout)
        assert "Traceback" not in err, err
        assert folders(self.process.pid) == []
        return self.process.returncode


def test_nobody_reading_the_lines_does_not_end_the_run(tmp_path: Path) -> None:
    program = Program("fake:frames=200,fps=200", tmp_path / "r.json")
    program.wait_for("ready")
    assert program.process.stdout is not None
    assert program.process.stderr is not None
    program.process.stdout.close()
    assert program.process.wait(20) == 0
    assert program.process.stderr.read() == ""
    assert json.loads(program.report.read_text())["frames"]["processed"] == 200


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_running_ends_in_order(tmp_path: Path, number: signal.Signals) -> None:
    program = Program("fake:fps=100", tmp_path / "r.json")
    program.wait_for("micro")
    workers = program.workers()
    assert len(workers) >= 3
    program.process.send_signal(number)
    assert program.end() == 0
    report = json.loads(program.report.read_text())
    assert report["frames"]["captured"] == report["frames"]["processed"] > 0
    assert gone(workers)


@posix
@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.3, 0.8])
def test_ctrl_c_while_starting_leaves_nothing(tmp_path: Path, after_s: float) -> None:
    program = Program("fake:fps=100", tmp_path / "r.json")
    program.wait_for("bus ")
    time.sleep(after_s)
    workers = program.workers()
    # A terminal sends it to the whole group.
    for worker in workers:
        if "resource_tracker" not in " ".join(worker.cmdline()):
            worker.send_signal(signal.SIGINT)
    program.process.send_signal(signal.SIGINT)
    assert program.end() == 0
    assert json.loads(program.report.read_text())["ended"] == "Ctrl-C"
    assert gone(workers)


@posix
def test_a_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    program = Program("fake:fps=100,hang_at=60", tmp_path / "r.json")
    program.wait_for("micro")
    time.sleep(0.8)
    workers = program.workers()
    program.process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # two at one moment are one
    program.process.send_signal(signal.SIGINT)
    assert program.end() == 130
    report = json.loads(program.report.read_text())
    # The movement that was going on is told once capture has ended: that was not waited for.
    assert report["events"]["macro"] == 0
    assert report["frames"]["captured"] == report["frames"]["processed"] + report["frames"]["lost_ring"] > 0
    assert gone(workers)


@posix
def test_a_capture_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    program = Program("fake:fps=100,hang_at=60", tmp_path / "r.json")
    program.wait_for("micro")
    time.sleep(0.8)
    program.process.send_signal(signal.SIGTERM)
    assert program.end() == 0
    report = json.loads(program.report.read_text())
    assert report["frames"]["processed"] == 60
    assert report["events"]["macro"] == 1


@posix
def test_killing_main_takes_everybody_along(tmp_path: Path) -> None:
    program = Program("fake:fps=100", tmp_path / "r.json")
    program.wait_for("micro")
    workers = program.workers()
    made = [name for name in segment.names() if segment.owner(name) == program.process.pid]
    assert made
    program.process.kill()
    program.process.communicate(timeout=20)
    assert gone(workers)
    assert not [name for name in segment.names() if segment.owner(name) == program.process.pid]
    assert folders(program.process.pid) == []


def gone(workers: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(workers, timeout=5)
    return all(worker.status() == psutil.STATUS_ZOMBIE for worker in alive)
