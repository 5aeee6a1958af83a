"""The load bench: a short real run, its table and its JSON; growth told from flatness."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engines.errors import InputError
from realtime.cli import app
from realtime.machine import endurance, load


def test_a_short_case_says_what_was_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "CASES", (load.Case(1, 20, 3),))
    done = CliRunner().invoke(app, ["bench", "--seconds", "1.5", "--json"])
    assert done.exit_code == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["cameras"], row["fps"], row["subscribers"]) == (1, 20, 3)
    assert 0 < row["watched_fps"] <= row["delivered_fps"] < 40
    assert row["capture_to_watched_ms"]["count"] + row["skipped"] > 0
    assert set(row["cpu"]) >= {"capture", "watch", "recognise", "main"}
    # Both that read heard everything alike; the third never reads.
    assert 0 < row["heard"][0] <= row["heard"][1] <= row["heard"][0] + 3
    assert row["told_ms"]["count"] > 0


def test_the_table_has_a_line_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    latency = {"p50": 1.0, "p99": 9.0, "max": 12.0, "count": 5}
    row = load.Load(
        2, 60, 5, 119.9, 110.0, 49, True, latency, {"watch": 80}, 1, (7, 7), 0, latency, "too much"
    )
    monkeypatch.setattr(load, "CASES", (load.Case(2, 60), load.Case(4, 60)))
    monkeypatch.setattr(load, "measure", lambda case, seconds: row)
    done = CliRunner().invoke(app, ["bench"])
    assert done.exit_code == 0
    assert done.stdout.count("49 (said)") == 2
    assert "too much" in done.stdout


REPORT = {"restarts": 0, "frames": {}, "fps": {"delivered": 200.0}}


def sample(at: int, memory: float, handles: int = 60) -> endurance.Sample:
    return endurance.Sample(float(at), {"main": memory / 2, "watch": memory / 2}, handles, 30, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("memory", "handles", "flat"),
    [
        (lambda i: 100 + 30 / (1 + i), lambda i: 60, True),
        (lambda i: 100 + 0.01 * i, lambda i: 60, True),
        (lambda i: 100 + 0.2 * i, lambda i: 60, False),
        (lambda i: 100, lambda i: 60 + i // 10, False),
    ],
)
def test_growth_is_told_from_a_warm_up(memory: object, handles: object, flat: bool) -> None:
    samples = [sample(i, memory(i), handles(i)) for i in range(60)]  # type: ignore[operator]
    assert endurance.judge(1.0, 200.0, samples, REPORT).flat is flat


def test_a_run_too_short_to_judge_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too short"):
        endurance.judge(1.0, 200.0, [sample(0, 1.0)], REPORT)
