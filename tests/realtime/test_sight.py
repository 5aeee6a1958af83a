"""A run that was blind says so."""

import subprocess
import sys
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from realtime.cli import app
from realtime.messages import FaceState, Moment, State
from realtime.stages.sight import Sight


def seen(*faces: tuple[str, str]) -> State:
    made = [
        FaceState(
            face=-1 if status == "lost" else number,
            status=status,  # type: ignore[arg-type]
            reason=reason,
            phase="rest",
            box=None,
            landmarks=[],
            crop_to_frame=None,
            regions=[],
        )
        for number, (status, reason) in enumerate(faces)
    ]
    return State(camera="c", at=Moment(0, 0), fps=30.0, faces=made)


def told(*samples: tuple[State, int]) -> str:
    sight = Sight()
    for state, times in samples:
        for _ in range(times):
            sight.look(state)
    return sight.problem()


OK, NOBODY = seen(("ok", "")), seen(("lost", "no face in the picture"))
FAR = seen(("small", "face 60 px wide, needs 90: come closer"))


def test_what_was_seen_for_most_of_the_time_is_not_blind() -> None:
    assert told() == ""
    assert told((OK, 60), (NOBODY, 40)) == ""
    assert told((seen(("turned", "head turned"), ("ok", "")), 10)) == ""  # of two faces one is seen


def test_most_of_the_time_blind_is_said_with_its_commonest_reason() -> None:
    assert told((OK, 20), (FAR, 50), (NOBODY, 30)) == (
        "nothing could be seen in 80% of the time: face 60 px wide, needs 90: come closer"
    )
    assert "no face in the picture; is it the right source" in told((NOBODY, 10))
    assert "no face in the picture" in told((seen(), 3))
    gone = msgspec.structs.replace(seen(("lost", "face lost")).faces[0], face=0)
    assert "no face in the picture" in told((NOBODY, 9), (msgspec.structs.replace(seen(), faces=[gone]), 1))


def test_too_short_to_judge_is_said() -> None:
    assert "long enough" in told((seen(("settling", "settling")), 5))
    assert told((seen(("settling", "settling")), 5), (OK, 1)) == ""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for name, level in (("black", 3), ("white", 250), ("wall", 90)):
        out = cv2.VideoWriter(str(folder / f"{name}.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 30, (320, 240))
        for _ in range(12):
            out.write(np.full((240, 320, 3), level, np.uint8))
        out.release()
    return folder


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("black", "the picture is black: give light"),
        ("white", "less light"),
        ("wall", "no face in the picture"),
    ],
)
def test_analyze_says_it_on_the_terminal_in_json_and_in_the_report(
    name: str, says: str, films: Path, tmp_path: Path
) -> None:
    command = ["analyze", str(films / f"{name}.avi"), "--out", str(tmp_path)]
    plain, as_json = (CliRunner().invoke(app, [*command, *more]) for more in ((), ("--json",)))
    assert plain.exit_code == as_json.exit_code == 0
    (line,) = [
        line for line in plain.stdout.splitlines() if "nothing could be seen in 100% of the time" in line
    ]
    assert says in line
    assert says in msgspec.json.decode(as_json.stdout)["problem"]
    assert says in (tmp_path / "report.html").read_text()


def test_live_says_it_at_its_end(films: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    command = ["live", str(films / "wall.avi"), "--no-dashboard", "--set", "bus.endpoint=tcp://127.0.0.1:*"]
    done = subprocess.run(
        [sys.executable, "-m", "realtime.cli", *command, "--report", str(report)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert "no face in the picture" in done.stdout
    assert "no face in the picture" in msgspec.json.decode(report.read_bytes())["problem"]
