"""Whatever film is thrown at ``analyze`` and ``live``: true words, the right count of frames, never a traceback.

A few dozen films; thousands with APEXCAM_LONG=1.
"""

import contextlib
import json
import os
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))
sys.path.insert(0, str(Path(__file__).parent))
import live_fakes
from made_films import CONTAINERS, Made, cut, flipped, make

from realtime import messages, ring
from realtime.cli import app
from realtime.config import Bus, Config
from realtime.live import coordinator
from realtime.live.options import Options
from realtime.processes import table
from realtime.stages import watcher

LONG = bool(os.environ.get("APEXCAM_LONG"))
NAMES = ("film", "a film (1)", "12:30", "видео", "面部", "50%25", "it's <b>&", "-x", "film-\udce4")
# What says how long it is, or lists its frames: there a missing end is always told.
_TELLS = ("mp4", "mov", "mkv", "webm", "avi", "wmv")


class Blind:
    """A watcher that is sure of somebody at rest, and needs no models for it."""

    def __init__(self, faces: Any, spotting: Any, camera: str, wall: Any = None) -> None:
        self._camera = camera

    def step(self, frame: ring.Frame) -> list[Any]:
        return []

    def state(self, frame: ring.Frame) -> messages.State:
        at = messages.Moment(frame.index, frame.t_ns, None)
        return messages.State(camera=self._camera, at=at, fps=0.0, faces=[live_fakes.face_at_rest()])

    def early(self) -> tuple[list[Any], list[Any]]:
        return [], []

    def refused_of(self, face: int) -> dict[str, int]:
        return {}

    def refused(self) -> Counter[str]:
        return Counter()

    def crop_of(self, *_: Any) -> None:
        return None

    def flush(self) -> list[Any]:
        return []

    def close(self) -> None: ...


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "Watcher", Blind)
    monkeypatch.setattr("realtime.stages.recogniser.Recogniser", lambda _: None)


def analyze(path: Path, *more: str) -> tuple[int, dict[str, Any], list[str]]:
    """Status, the JSON printed, and the lines on stderr."""
    out = path.parent / "out"
    done = CliRunner().invoke(app, ["analyze", f"./{path.name}", "--out", str(out), "--json", *more])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, json.loads(done.stdout) if done.stdout else {}, done.stderr.splitlines()


@st.composite
def films(draw: Any) -> dict[str, Any]:
    container = draw(st.sampled_from(sorted(CONTAINERS)))
    codec = draw(st.sampled_from(CONTAINERS[container]))
    rates = (
        [25, 30, 50] if codec in ("mpeg2video", "msmpeg4", "wmv2") else [12, 25, 30, 60, 200, "24000/1001"]
    )
    return {
        "container": container,
        "frames": draw(st.integers(3, 40)),
        "made": Made(
            codec=codec,
            fps=Fraction(draw(st.sampled_from(rates))),
            size=draw(st.sampled_from([(64, 64), (96, 64), (128, 160)])),
            # FFmpeg gives key frames alone in a program stream times of its own.
            group=draw(st.sampled_from([5, 12] if codec == "mpeg2video" else [1, 5, 12, 250])),
            turn=draw(st.sampled_from([0, 0, 90, 180, 270])) if container in ("mp4", "mov") else 0,
            sound_s=draw(st.sampled_from([0.0, 0.0, 1.3]))
            if container in ("mp4", "mkv", "webm", "mov")
            else 0.0,
        ),
        "cut": draw(st.one_of(st.none(), st.none(), st.floats(0.02, 0.98))),
        "flips": draw(
            st.one_of(st.just([]), st.just([]), st.lists(st.floats(0, 1), min_size=1, max_size=20))
        ),
        "name": draw(st.sampled_from(NAMES)),
    }


@settings(
    max_examples=3000 if LONG else 60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(film=films())
def test_any_film_is_analysed_with_true_words(film: dict[str, Any], blind: None) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        made = replace(film["made"], frames=film["frames"])
        path = make(Path(folder) / f"film.{film['container']}", made)
        # Renamed afterwards: FFmpeg's muxers want a name that is text.
        path = path.rename(path.with_stem(film["name"]))
        if film["cut"] is not None:
            cut(path, film["cut"])
        if film["flips"]:
            flipped(path, film["flips"])
        code, told, errors = analyze(path)
        seen = told["frames"] + told["frames_lost"] if told else 0
        if not film["name"].isprintable():
            # Its bytes are no text: no report could name it.
            assert code == 2 and len(errors) == 1 and "not UTF-8" in errors[0]
            return
        assert code in (0, 2)
        assert len(errors) == (1 if code else 0), errors
        assert all(line.startswith("apexcam: ") for line in errors)
        assert not any("Traceback" in line for line in errors)
        assert bool(told.get("problem")) == bool(code and told)
        if film["cut"] is None and not film["flips"]:
            width, height = made.size
            assert (code, errors) == (0, [])
            assert (told["frames"], told["frames_lost"]) == (made.frames, 0)
            assert (told["width"], told["height"]) == (
                (height, width) if made.turn % 180 else (width, height)
            )
            assert told["seconds"] == pytest.approx((made.frames - 1) / made.fps, abs=0.002)
            assert told["fps"] == pytest.approx(float(made.fps), rel=0.02)
            assert told["advice"] == ""
        else:
            # A damaged byte may look like the beginning of a picture.
            assert seen <= made.frames + len(film["flips"])
            if told and seen < made.frames and film["container"] in _TELLS and not film["flips"]:
                assert "truncated" in told["problem"]


def test_the_rate_of_a_film_may_be_given(
    tmp_path: Path, blind: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = make(tmp_path / "film.avi", Made("mjpeg", frames=21, fps=Fraction(25)))
    assert analyze(path)[1]["seconds"] == 0.8
    code, told, _ = analyze(path, "--fps", "200")
    assert (code, told["seconds"], told["fps"]) == (0, 0.1, 200)
    code, told, errors = analyze(path, "--set", "source.fps=200")
    assert (code, told, len(errors)) == (2, {}, 1)
    assert "--fps" in errors[0]


def test_damage_is_told_on_the_terminal_in_the_json_and_in_the_report(
    tmp_path: Path, blind: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = flipped(make(tmp_path / "film.mkv", Made("ffv1", frames=40)), [0.5])
    code, told, errors = analyze(path)
    assert code == 2
    assert told["frames"] + told["frames_lost"] == 40
    assert "damaged at 0." in told["problem"]
    assert errors == [f"apexcam: {told['problem']}"]
    assert told["problem"] in (tmp_path / "out" / "report.html").read_text()


def test_nothing_is_spotted_across_a_damaged_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    seen: list[float] = []

    class FakePipeline:
        def __init__(self, *_: object) -> None: ...

        def warm_up(self) -> None: ...

        def push(self, image: Any, index: int, t_s: float) -> list[Any]:
            seen.append(t_s)
            return []

        def interrupt(self, reason: str) -> None:
            ended.append(reason)

    monkeypatch.setattr(watcher, "Pipeline", FakePipeline)
    looking = watcher.Watcher(Config().faces, Config().spotting, "desk")
    image = np.zeros((48, 64, 3), np.uint8)
    assert looking.step(ring.Frame(5, 10**9, 0, 0, image, damaged=True)) == []
    assert ended == ["the recording is damaged here"]
    assert seen == []
    looking.step(ring.Frame(6, 10**9 + 1, 0, 0, image))
    assert len(seen) == 1


def test_the_ring_carries_damage() -> None:
    name = ring.ring_name("damage", os.getpid())
    image = np.zeros((4, 6, 3), np.uint8)
    with ring.RingWriter(name, 4, 4, 6) as writer, ring.RingReader(name) as reader:
        for index in range(6):
            writer.write(ring.Frame(index, index, 0, 0, image, damaged=index % 2 == 1))
            frame = reader.read(1.0)
            assert isinstance(frame, ring.Frame)
            assert frame.damaged is (index % 2 == 1)


# --- live ------------------------------------------------------------------------------------------------------------


def grey(i: int) -> np.ndarray:
    return np.full((64, 64, 3), i, np.uint8)


def run(path: str, **options: Any) -> live_fakes.Notes:
    notes = live_fakes.Notes()
    chosen = Options(
        sources=(path,),
        config=Config(bus=Bus(endpoint="tcp://127.0.0.1:*")),
        dashboard=False,
        stages=replace(live_fakes.STAGES, open_source="realtime.sources:open_source"),
        **options,
    )
    assert coordinator.run(chosen, notes) == 0
    return notes


def test_a_pause_in_a_films_times_is_no_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "CAPTURE", replace(table.CAPTURE, silent_s=2.0))
    made = Made("ffv1", frames=40, stamp=lambda i: 20 * i + (4000 if i >= 20 else 0))
    path = make(tmp_path / "film.mkv", made, [grey(i) for i in range(40)])
    notes = run(str(path))
    assert notes.report["restarts"] == 0
    assert notes.report["frames"]["processed"] == 40
    assert any("times pause for 4 s; waiting" in line for line in notes.lines)


def test_an_end_is_heard_in_a_pause(tmp_path: Path) -> None:
    """Were it not, capture would be killed, and nothing would stand in its report of the source."""
    made = Made("ffv1", frames=40, stamp=lambda i: 20 * i + (25_000 if i >= 20 else 0))
    path = make(tmp_path / "film.mkv", made, [grey(i) for i in range(40)])
    notes = run(str(path), duration_s=1.5)
    assert notes.report["ended"] == "duration"
    assert notes.report["frames"]["captured"] == notes.report["frames"]["processed"] == 20
    assert notes.report["seconds"] < 20


def test_a_film_played_at_another_pace_keeps_its_times_and_says_so(tmp_path: Path) -> None:
    path = make(
        tmp_path / "film.mkv", Made("ffv1", frames=50, fps=Fraction(25)), [grey(i) for i in range(50)]
    )
    notes = run(str(path), pace=100.0)
    assert any("played at 100 fps, but its times stay those of 25" in line for line in notes.lines)
    again = run(str(path), pace=100.0, rate=100.0)
    assert not any("played at" in line for line in again.lines)
    assert [event.apex.t_ns for event in again.events] == [event.apex.t_ns // 4 for event in notes.events]
    assert again.events
