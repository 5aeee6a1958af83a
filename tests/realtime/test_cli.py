import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from realtime import messages
from realtime.bus.publisher import Bus
from realtime.cli import app
from realtime.config import Bus as BusSettings
from realtime.machine import doctor

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some

ROOT = Path(__file__).parents[2]


def program(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "realtime.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def invoke(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("command", ["live", "analyze", "subscribe", "keys", "bench", "cameras", "doctor"])
def test_help_shows_an_example(command: str) -> None:
    code, out, _ = invoke(command, "--help")
    assert code == 0
    assert "Example: apexcam" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["live", "demo", "--set", "source.speed=3"], "--set source.speed=3: unknown key 'source.speed'"),
        (["live", "demo", "--config", "/no/such.yaml"], "/no/such.yaml: cannot read"),
        (["live", "demo", "--report", "/no/such/r.json"], "--report"),
        (["live", "demo", "--duration", "-1"], "--duration"),
        (["live", "demo", "--set", "bus.endpoint=tcp://*:5557"], "reachable from other machines"),
        (["live", "demo", "--set", "bus.endpoint=nonsense"], "bus.endpoint nonsense"),
        (["analyze", "/no/such.mp4", "--out", "x"], "no such file"),
        (["analyze", "demo", "--out", "x"], "--frames"),
        (["analyze", str(ROOT / "pyproject.toml"), "--out", "x"], "not a video"),
        (["subscribe", "--topic", "gossip"], "topic 'gossip': unknown"),
        (["subscribe", "--endpoint", "five"], "five: not an endpoint"),
        (["subscribe", "--endpoint", "tcp://127.0.0.1:1", "--timeout", "0.05"], "no message within"),
        (["doctor", "--set", "nonsense"], "expected section.key=value"),
        (["cameras", "--set", "source.fps=x"], "'source.fps'"),
        (["live", "demo", "--duration", "inf"], "--duration inf: must be a number"),
        (["live", "demo", "--duration", "nan"], "--duration nan: must be a number"),
        (["live", "demo", "--pace", "inf"], "--pace inf: must be a number"),
        (["analyze", "demo", "--fps", "inf", "--out", "x"], "--fps inf: must be a number"),
        (["cameras", "--measure", "inf"], "--measure inf: must be a number"),
        (["bench", "--seconds", "inf"], "--seconds inf: must be a number"),
        (["subscribe", "--timeout", "inf"], "--timeout inf: must be a number"),
    ],
)
def test_unusable_input_is_one_line_and_status_2(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = invoke(*arguments)
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith("apexcam: ")


@pytest.mark.parametrize("command", ["realtime", "engines", "offline"])
def test_every_command_says_its_version_and_has_short_help(command: str) -> None:
    app = importlib.import_module(f"{command}.cli").app
    for option in ("--version", "-V"):
        done = CliRunner().invoke(app, [option])
        assert done.exit_code == 0
        assert done.stdout.startswith("apexcam")
    short, long = (CliRunner().invoke(app, [option]) for option in ("-h", "--help"))
    assert short.exit_code == 0
    assert short.stdout == long.stdout


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_doctor_ends_with_1_when_something_is_broken(
    as_json: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [doctor.Finding("flow", "well"), doctor.Finding("watch", "fails", "broken", advice="mend it")]
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: found)
    code, out, _ = invoke("doctor", *as_json)
    assert code == 1
    assert "mend it" in out
    found.pop()
    assert invoke("doctor", *as_json)[0] == 0


def test_a_missing_source_of_a_real_run_is_one_line_and_status_2(tmp_path: Path) -> None:
    run = program(
        "live", str(tmp_path / "gone.mp4"), "--no-dashboard", "--set", "bus.endpoint=tcp://127.0.0.1:*"
    )
    _, err = run.communicate(timeout=60)
    assert run.returncode == 2
    assert len(err.strip().splitlines()) == 1, err
    assert "gone.mp4" in err


def test_a_missing_model_of_a_real_run_is_one_line_and_status_2(tmp_path: Path) -> None:
    run = program(
        *("live", "demo", "--no-dashboard", "--set", "bus.endpoint=tcp://127.0.0.1:*"),
        *("--set", f"recognise.model={tmp_path / 'none.onnx'}"),
    )
    _, err = run.communicate(timeout=60)
    assert run.returncode == 2
    assert len(err.strip().splitlines()) == 1, err
    assert "none.onnx" in err


def test_the_schema_is_json() -> None:
    code, out, _ = invoke("subscribe", "--schema")
    assert code == 0
    assert set(json.loads(out)["$defs"]) >= {"Event", "State", "Health", "Preview"}


def test_subscribe_in_a_pipe_prints_each_message_at_once() -> None:
    bus = Bus(BusSettings(endpoint="tcp://127.0.0.1:*"))
    reader = program("subscribe", "--endpoint", bus.endpoint, "--topic", "event", "--count", "2")
    try:
        deadline = time.monotonic() + 30
        while not bus.subscriptions:
            bus.serve()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        bus.publish(some.event(1))
        assert reader.stdout is not None
        first = reader.stdout.readline()  # would block until the second if it were not flushed
        assert json.loads(first)["event_id"] == "desk-1"
        assert json.loads(first)["schema"] == "apexcam.event/1"
        bus.publish(some.event(2))
        out, err = reader.communicate(timeout=30)
        assert json.loads(out)["event_id"] == "desk-2"
        assert err == ""
        assert reader.returncode == 0
    finally:
        reader.kill()
        bus.close()


def test_a_reader_that_goes_away_ends_subscribe_quietly() -> None:
    bus = Bus(BusSettings(endpoint="tcp://127.0.0.1:*"))
    reader = program("subscribe", "--endpoint", bus.endpoint, "--topic", "state")
    try:
        deadline = time.monotonic() + 30
        assert reader.stdout is not None
        assert reader.stderr is not None
        reader.stdout.close()
        while reader.poll() is None:
            bus.serve()
            bus.publish(some.state())
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert reader.stderr.read() == ""
        assert reader.returncode == 0
    finally:
        reader.kill()
        bus.close()


def test_pretty_lines_take_every_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from realtime.cli.subscribe import pretty

    show = pretty()
    every: list[messages.Message] = [some.event(), some.state(), some.health(), some.preview()]
    for message in every:
        show(message)
    out = capsys.readouterr().out
    assert "positive 0.80" in out
    assert "199.9/200 fps" in out
    assert "no face" in out


def test_cameras_lists_what_is_there() -> None:
    code, out, _ = invoke("cameras", "--measure", "0", "--json")
    assert code == 0
    for row in json.loads(out):
        assert {"index", "name", "modes", "delivered_fps", "advice"} <= set(row)


def test_analyze_writes_and_says(tmp_path: Path) -> None:
    code, out, err = invoke("analyze", "demo", "--frames", "20", "--out", str(tmp_path / "o"), "--json")
    assert code == 0, err
    assert json.loads(out)["frames"] == 20
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == [
        "early.jsonl",
        "events.csv",
        "events.eaf",
        "events.jsonl",
        "report.html",
    ]


def test_doctor_times_the_whole_path() -> None:
    code, out, _ = invoke("doctor", "--json", "--set", "bus.endpoint=tcp://127.0.0.1:*")
    assert code == 0
    rows = {row["what"]: row for row in json.loads(out)}
    for what in (
        "machine",
        "shared memory",
        "landmarks",
        "watch",
        "flow cpu precise",
        "classify onnxruntime",
        "bus",
    ):
        assert rows[what]["verdict"] in ("ok", "slow"), rows[what]
    for what in ("landmarks", "watch", "flow cpu precise", "classify onnxruntime"):
        assert rows[what]["ms_p99"] >= rows[what]["ms_p50"] > 0
