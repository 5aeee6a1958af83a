import csv
import json
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import msgspec
import pytest

from engines.errors import InputError
from engines.synthesis import Identity, Performance, Renderer, Scene
from realtime import config, messages
from realtime.analysis import analyze, html_report
from realtime.live.coordinator import run
from realtime.live.options import Options
from realtime.processes.spec import Stages
from realtime.recording import recorded

sys.path.insert(0, str(Path(__file__).parent))
import live_fakes

FPS = 60.0
SHOWN = (
    Performance("micro", "positive", (6, 12), 1.2, 1.35, 1.55, amplitude_px=2.5),
    Performance("blink", None, (45,), 2.1, 2.2, 2.35),
    Performance("micro", "surprise", (1, 2, 5, 26), 2.8, 2.95, 3.2, amplitude_px=2.5),
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered face with two micro-expressions and a blink, 3.8 s, as a video file."""
    path = tmp_path_factory.mktemp("clip") / "Rendered Face.avi"
    scene = Scene(identity=Identity.from_seed(5), fps=FPS, seed=5, performances=SHOWN, sway_px=1.0, noise=1.0)
    renderer = Renderer(scene)
    out = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), FPS, (640, 480))
    out.set(cv2.VIDEOWRITER_PROP_QUALITY, 98)
    for index in range(round(3.8 * FPS)):
        out.write(renderer.frame(index))
    out.release()
    return path


@pytest.fixture(scope="module")
def analysis(clip: Path) -> analyze.Analysis:
    source = analyze.open_recording(str(clip))
    return analyze.analyse(source, config.load())


def plain(event: messages.Event) -> dict[str, Any]:
    """An event without what a clock adds."""
    told: dict[str, Any] = msgspec.to_builtins(event)
    del told["latency_ms"]
    for name in ("onset", "apex", "offset"):
        del told[name]["wall"]
    return told


def test_every_frame_is_seen_and_what_was_performed_is_there(analysis: analyze.Analysis) -> None:
    assert analysis.frames == round(3.8 * FPS)
    assert analysis.problem == ""
    assert analysis.seen.counts["ok"] > 0.7 * analysis.seen.counts.total()
    assert analysis.events, "nothing was found in a face that moves"
    summary = analysis.summary()
    assert sum(summary["events"].values()) == len(analysis.events)
    assert summary["seconds"] == pytest.approx(3.8, abs=0.05)


@pytest.fixture(scope="module")
def lived(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[live_fakes.Notes, Path]:
    """A paced live run of the clip with everything recorded: events, and the session without loss."""
    folder = tmp_path_factory.mktemp("record")
    notes = live_fakes.Notes()
    options = Options(
        sources=(str(clip),),
        # A ring that holds the whole clip: nothing is dropped however busy this machine is.
        config=config.load(
            None,
            [
                "bus.endpoint=tcp://127.0.0.1:*",
                "ring.seconds=5",
                "record.keep_free_mb=0",
                "record.session=true",
                "record.session_codec=bmp",
            ],
        ),
        pace=FPS,
        dashboard=False,
        record=folder,
        stages=Stages(),
    )
    assert run(options, notes) == 0, notes.lines
    return notes, folder


def test_a_paced_live_run_gives_the_same_events_frame_for_frame(
    lived: tuple[live_fakes.Notes, Path], analysis: analyze.Analysis
) -> None:
    notes, _ = lived
    assert notes.report["frames"] == {
        "captured": analysis.frames,
        "processed": analysis.frames,
        "lost_driver": 0,
        "lost_ring": 0,
    }
    assert [plain(event) for event in notes.events] == [plain(one.event) for one in analysis.events]
    assert all(event.apex.wall is None or event.apex.wall.endswith("Z") for event in notes.events)


def test_a_recorded_event_gives_the_bit_identical_prediction(
    lived: tuple[live_fakes.Notes, Path], tmp_path: Path
) -> None:
    notes, folder = lived
    kept = {event.event_id: event for event in notes.events if event.kind in ("micro", "macro")}
    folders = [one for one in sorted(folder.iterdir()) if not one.name.startswith("session-")]
    assert len(folders) == len(kept) > 0, (sorted(kept), folders, notes.lines)
    for one in folders:
        about, stills = recorded.read(str(one))
        made = analyze.analyse_recorded(str(one), recorded.settings(about))
        again = made.events[0].event
        then = kept.pop(again.event_id)
        assert plain(again) == plain(then)
        assert "bit for bit" in made.again[0]
        assert made.again[1:] == ("the prediction is the recorded one",)
        assert made.events[0].strip[0][0] == then.onset.frame
        assert stills[0].index < then.onset.frame
        assert "bit for bit" in analyze.write(made, tmp_path)[2].read_text()
    assert kept == {}


def test_a_recorded_event_that_was_changed_is_noticed(
    lived: tuple[live_fakes.Notes, Path], tmp_path: Path
) -> None:
    source = next(one for one in sorted(lived[1].iterdir()) if one.name.endswith("micro"))
    folder = Path(shutil.copytree(source, tmp_path / "changed"))
    about, stills = recorded.read(str(folder))
    apex = next(still for still in stills if still.index == about.event.apex.frame)
    image = cv2.imread(str(apex.path))
    x0, y0, x1, y1 = about.taken_from[1].part
    image[y0:y1, x0:x1] = cv2.flip(image[y0:y1, x0:x1], 1)
    cv2.imwrite(str(apex.path), image)
    made = analyze.analyse_recorded(str(folder), recorded.settings(about))
    assert "NOT those recorded" in made.again[0]
    assert any(line.startswith("probabilities was") for line in made.again)
    apex.path.unlink()
    with pytest.raises(InputError, match=apex.path.name):
        analyze.analyse_recorded(str(folder), recorded.settings(about))
    (folder / "event.json").write_text("{}")
    with pytest.raises(InputError, match=r"event\.json"):
        recorded.read(str(folder))


def test_the_recorded_session_holds_every_frame_with_its_time(
    clip: Path, lived: tuple[live_fakes.Notes, Path]
) -> None:
    (folder,) = lived[1].glob("session-*")
    about = json.loads((folder / "session.json").read_text())
    assert about["frames_missing"] == 0
    assert "lossless" in about["codec"]
    original, kept = analyze.open_recording(str(clip)), analyze.open_recording(str(folder))
    count = 0
    while (frame := original.read()) is not None:
        again = kept.read()
        assert again is not None
        assert (again.t_ns, again.gap) == (frame.t_ns, 0)
        assert (again.image == frame.image).all()
        count += 1
    assert kept.read() is None
    assert count == about["frames"]


def test_the_outputs_say_the_same_thing(tmp_path: Path, analysis: analyze.Analysis) -> None:
    out = tmp_path / "not" / "yet"
    written = analyze.write(analysis, out)
    assert sorted(path.name for path in out.iterdir()) == sorted(analyze.OUTPUTS)
    assert [path.name for path in written] == list(analyze.OUTPUTS)
    lines = (out / "events.jsonl").read_text().splitlines()
    assert [msgspec.json.decode(line, type=messages.Event) for line in lines] == [
        one.event for one in analysis.events
    ]
    with (out / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, one in zip(rows, analysis.events, strict=True):
        assert row["event_id"] == one.event.event_id
        assert int(row["apex_frame"]) == one.event.apex.frame
        assert float(row["apex_s"]) == pytest.approx(one.event.apex.t_ns / 1e9)
        assert row["label"] == (one.event.label or "")


class Links(HTMLParser):
    """Everything a page would fetch, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.text = ""
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href") and value:
                self.fetched.append(value)
            if name == "id" and value:
                self.ids.add(value)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_holds_everything_itself(tmp_path: Path, analysis: analyze.Analysis) -> None:
    page = Links()
    page.feed(analyze.write(analysis, tmp_path)[2].read_text())
    assert all(link.startswith(("data:image/", "#")) for link in page.fetched)
    assert {link[1:] for link in page.fetched if link.startswith("#")} == page.ids
    assert page.ids == {one.event.event_id for one in analysis.events}
    for one in analysis.events:
        assert one.event.reason in page.text
    for one in analysis.events:
        frames = [strip[0] for strip in one.strip]
        assert frames[0] == one.event.onset.frame
        assert frames[-1] == one.event.offset.frame
        assert one.event.apex.frame in frames
        assert len(frames) == min(analyze.STRIP, frames[-1] - frames[0] + 1)
    micro = sum(one.event.kind == "micro" for one in analysis.events)
    pictures = sum(link.startswith("data:image/") for link in page.fetched)
    assert pictures == sum(len(one.strip) for one in analysis.events) + 2 * micro


def test_markup_in_a_file_name_or_reason_stays_text(analysis: analyze.Analysis) -> None:
    from realtime.analysis.html_report import page

    evil = "<script>alert(1)</script>"
    one = analysis.events[0]
    event = msgspec.structs.replace(one.event, reason=evil, event_id=f"x'{evil}")
    made = analyze.Analysis(analysis.info, [analyze.Analysed(event, one.pictures)], problem=evil, seconds=1.0)
    assert "<script" not in page(made)


def test_outputs_appear_together_or_not_at_all(
    tmp_path: Path, analysis: analyze.Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", broken)
    with pytest.raises(InputError, match="No space left"):
        analyze.write(analysis, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_video_gives_what_could_be_read(tmp_path: Path, clip: Path) -> None:
    short = tmp_path / "short.avi"
    data = clip.read_bytes()
    short.write_bytes(data[: len(data) // 2])
    source = analyze.open_recording(str(short))
    made = analyze.analyse(source, config.load())
    assert 20 < made.frames < round(3.8 * FPS)
    if made.problem:
        assert "truncated" in made.problem
        text = analyze.write(made, tmp_path)[2].read_text()
        assert "Partial" in text


def test_an_image_folder_needs_a_rate_and_then_works(tmp_path: Path, clip: Path) -> None:
    video = cv2.VideoCapture(str(clip))
    for index in range(12):
        cv2.imwrite(str(tmp_path / f"{index:03d}.png"), video.read()[1])
    with pytest.raises(InputError, match="frame rate; give --fps FPS"):
        analyze.open_recording(str(tmp_path))
    made = analyze.analyse(analyze.open_recording(str(tmp_path), fps=60.0), config.load(), frames=10)
    assert made.frames == 10
    for index in (4, 5, 6):
        (tmp_path / f"{index:03d}.png").unlink()
    made = analyze.analyse(analyze.open_recording(str(tmp_path), fps=60.0), config.load())
    assert (made.frames, made.lost, made.seconds) == (9, 3, pytest.approx(11 / 60))
    assert "3 images between 000.png and 011.png are missing" in made.summary()["advice"]
    assert made.info.advice in html_report.page(made) and made.problem == ""


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("0", "apexcam live 0"),
        ("demo", "--frames"),
        ("rtsp://host/x", "apexcam live"),
        ("no.mp4", "no such file"),
    ],
)
def test_what_cannot_be_analysed_is_said(spec: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        analyze.open_recording(spec)


def test_without_pictures_the_report_has_none(analysis: analyze.Analysis, tmp_path: Path) -> None:
    with_them, without = (
        analyze.write(analysis, tmp_path, pictures=wanted)[2].read_text() for wanted in (True, False)
    )
    assert "data:image" in with_them
    assert "data:image" not in without
    assert "<img" not in without
    assert without.count("<article") == with_them.count("<article")


def test_the_summary_is_json(analysis: analyze.Analysis) -> None:
    json.loads(msgspec.json.encode(analysis.summary()))
