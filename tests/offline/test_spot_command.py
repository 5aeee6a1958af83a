"""`apexbench spot` as people call it, on very short videos."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import cv2
import msgspec
import openpyxl
import pytest

from engines.errors import InputError
from engines.synthesis import Identity, Performance, Renderer, Scene
from offline.spotting import batch, sweep
from offline.spotting.command import setup_of
from offline.spotting.measure import Measured
from offline.spotting.megc_files import read_intervals
from offline.spotting.rendered import Knobs, RenderedVideo
from offline.spotting.results import summarise, watched

sys.path.insert(0, str(Path(__file__).parent))
import apexbench_command

SHORT = ("--rendered", "--seeds", "102", "--seconds", "7", "--fps", "60", "--jobs", "1")


def call(monkeypatch, capsys, *arguments):
    return apexbench_command.call(monkeypatch, capsys, "spot", *arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run: what it printed, and its folder."""
    out = tmp_path_factory.mktemp("spot") / "run"
    return apexbench_command.results("spot", *SHORT, "--out", out), out


def test_a_rendered_run_finds_what_was_performed_and_writes_it(finished):
    printed, out = finished
    assert printed == json.loads((out / "results.json").read_text())
    assert printed["schema"] == "apexbench.spot/1" and printed["method"] == "motion"
    micro = printed["metrics"]["full"]["micro"]
    assert micro["performed"] >= 1 and micro["recall"] == 1.0
    assert micro["apex_mae_frames"] <= 3
    assert [video["neutral"] for video in printed["videos"]] == [False, True]
    rules = {row["rule"]: row for row in printed["apex_rules"]}
    assert set(rules) == {"streaming", "motion", "dcrois", "interframe", "middle"}
    assert rules["motion"]["mae_frames"] <= 3


def test_events_are_a_line_each_with_truth_and_finding(finished):
    printed, out = finished
    rows = list(csv.DictReader(io.StringIO((out / "events.csv").read_text())))
    micro = [row for row in rows if row["kind"] == "micro" and row["video"].startswith("face102")]
    assert len(micro) == printed["metrics"]["full"]["micro"]["performed"]
    for row in micro:
        assert row["outcome"] == "hit" and float(row["iou"]) >= 0.5
        assert int(row["apex"]) - int(row["true_apex"]) == int(row["apex_error"])
        assert row["label"] in ("negative", "positive", "surprise")
        assert sum(float(row[f"p_{name}"]) for name in ("negative", "positive", "surprise")) == pytest.approx(
            1, abs=0.01
        )
        assert row["regions"] and row["reason"]


def test_the_page_stands_alone_and_follows_light_and_dark(finished):
    _, out = finished
    page = (out / "report.html").read_text()
    assert "http" not in page
    assert "<script" not in page and "<link" not in page and "src=" not in page
    assert page.count("<svg") == 3
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {r.split("-")[0] for r in re.findall(r'href="#([^"]+)"', page)} <= {i.split("-")[0] for i in ids}
    assert not re.search(r"#0[1-7]0[1-7]0[1-7]", page)
    assert "prefers-color-scheme:dark" in page and "var(--found)" in page
    for words in ("False alarms on neutral video", "Found, by kind", "Missed and false", "STRS"):
        assert words in page


def test_a_finished_run_is_not_measured_again(finished, monkeypatch, capsys):
    printed, out = finished

    def never(*_):
        raise AssertionError("measured again")

    monkeypatch.setattr(batch, "measure", never)
    code, text, err = call(monkeypatch, capsys, *SHORT, "--out", out)
    assert code == 0 and "written:" in err
    assert "motion on rendered videos" in text and "false micro a minute" in text
    again = json.loads((out / "results.json").read_text())
    assert again["metrics"] == printed["metrics"]


def test_what_is_kept_counts_only_for_the_same_code_settings_and_frames(finished, monkeypatch):
    _, out = finished
    file = next((out / "videos").glob("face*.json"))
    kept = msgspec.json.decode(file.read_bytes(), type=Measured)
    video, setup = RenderedVideo(102, Knobs(fps=60.0, seconds=7.0)), setup_of("motion")
    assert batch.key_of(video, setup) == kept.key
    assert batch.key_of(RenderedVideo(103, Knobs(fps=60.0, seconds=7.0)), setup) != kept.key
    assert batch.key_of(video, setup_of("dcrois")) != kept.key
    monkeypatch.setattr(batch, "code_version", lambda: "other")
    assert batch.key_of(video, setup) != kept.key


def test_processes_measure_the_same_and_count_every_frame(tmp_path):
    videos = [RenderedVideo(seed, Knobs(fps=25.0, seconds=3.0)) for seed in (101, 104)]
    setup, seen = setup_of("motion"), []
    together = batch.measure_all(
        videos, setup, tmp_path / "two", 2, lambda done, all_: seen.append((done, all_))
    )
    assert [m.name for m in together] == [v.name for v in videos]
    assert seen[-1] == (150, 150) and sorted(seen) == seen
    alone = batch.measure_all(videos[:1], setup, tmp_path / "one")[0]
    assert (alone.found, alone.performed, alone.refusals) == (
        together[0].found,
        together[0].performed,
        together[0].refusals,
    )


def test_a_truncated_result_is_measured_again(finished, tmp_path):
    _, out = finished
    whole = next((out / "videos").glob("face*.json")).read_bytes()
    (tmp_path / "cut.json").write_bytes(whole[: len(whole) // 2])
    key = msgspec.json.decode(whole, type=Measured).key
    assert batch._load(tmp_path / "cut.json", key) is None
    assert batch._load(tmp_path / "nothing.json", key) is None


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A tiny CAS(ME)^2: one person, one video of a rendered face with a smile and a brow raise, at 30 fps."""
    root = tmp_path_factory.mktemp("CASME_sq")
    moves = [
        Performance("micro", "positive", (6, 12), 1.6, 1.8, 2.0, amplitude_px=2.4),
        Performance("micro", "surprise", (1, 2), 3.6, 3.8, 4.0, amplitude_px=2.4),
    ]
    renderer = Renderer(
        Scene(identity=Identity.from_seed(7), fps=30.0, performances=moves, noise=1.5, sway_px=1.0)
    )
    folder = root / "rawpic" / "s15" / "15_0101disgustingteeth"
    folder.mkdir(parents=True)
    for i in range(150):
        cv2.imwrite(str(folder / f"img{i + 1}.jpg"), renderer.frame(i), [cv2.IMWRITE_JPEG_QUALITY, 95])
    book = openpyxl.Workbook()
    book.active.title = "CASFEcode_final"
    for k, t in enumerate(renderer.truth(150)):
        book.active.append(
            (
                1,
                f"disgust1_{k + 1}",
                t.onset + 1,
                t.apex + 1,
                t.offset + 1,
                "12",
                t.label,
                "micro-expression",
                "x",
            )
        )
    book.create_sheet("naming rule1").append((15, "s15", 1))
    book.create_sheet("naming rule2").append(("0101", "disgust1"))
    book.save(root / "CAS(ME)^2code_final.xlsx")
    return root


def test_a_database_is_scored_by_its_own_frame_numbers(database, tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    code, text, _ = call(monkeypatch, capsys, "--data", database, "--out", out, "--jobs", 1)
    assert code == 0 and "motion on casme2long videos" in text
    results = json.loads((out / "results.json").read_text())
    micro = results["metrics"]["full"]["micro"]
    assert (micro["performed"], micro["hits"]) == (2, 2)
    assert micro["apex_mae_frames"] <= 1
    assert results["metrics"]["full"]["neutral"] is None
    assert results["metrics"]["full"]["recognition"]["named"] == 2
    overall = results["metrics"]["full"]["megc"]["official"]["overall"]
    assert overall["labels"] == results["metrics"]["full"]["expressions"]["performed"]
    told = read_intervals(out / "megc.csv").predictions if overall["predictions"] else {}
    assert sum(map(len, told.values())) == overall["predictions"]
    assert sum(map(len, read_intervals(out / "LOG_micro.txt").labels.values())) == overall["labels"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give either --data DIR"),
        (("--rendered", "--data", "x"), "give either --data DIR"),
        (("--data", "nowhere"), "no such folder: nowhere"),
        (("--rendered", "--method", "guess"), "choose from motion, interframe, dcrois"),
        (("--rendered", "--seeds", "9-3"), "is not a list of whole numbers"),
        (("--rendered", "--seeds", "a-b"), "is not a list of whole numbers"),
        (("--rendered", "--fps", "fast"), "is not a list of frame rates"),
        (("--rendered", "--fps", "2"), "between 10 and 500"),
        (("--rendered", "--seconds", "1"), "between 2 and 3600"),
    ],
)
def test_unusable_input_is_one_line_and_exit_2(arguments, words, tmp_path, monkeypatch, capsys):
    code, out, err = call(monkeypatch, capsys, "--out", tmp_path / "run", *arguments)
    assert code == 2 and out == ""
    said = [line for line in err.splitlines() if line.startswith("apexbench:")]
    assert len(said) == 1 and words in said[0]
    assert "Traceback" not in err


def test_an_output_that_cannot_be_written_is_said_before_anything_is_rendered(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    code, _, err = call(monkeypatch, capsys, *SHORT, "--out", tmp_path / "file")
    assert code == 2 and "is a file; give a folder" in err and "Traceback" not in err


def test_a_sweep_changes_one_thing_at_a_time():
    points = sweep.plan((101, 102), 30.0, 200.0)
    assert {p.curve for p in points} == set(sweep.VALUES)
    steady = {"amplitude_px": (0.8, 2.6), "noise": (2.0, 2.0), "sway_px": (4.0, 4.0), "fps": 200.0}
    for point in points:
        for video in point.videos:
            knobs = {name: getattr(video.knobs, name) for name in steady}
            changed = {name for name, value in knobs.items() if value != steady[name]}
            assert changed <= {point.curve}
            assert knobs[point.curve] in (point.value, (point.value, point.value))
    names = {}
    for video in (v for p in points for v in p.videos):
        assert names.setdefault(video.name, video.identity()) == video.identity()


def test_a_point_of_a_curve_has_its_interval(finished):
    _, out = finished
    kept = [
        msgspec.json.decode(file.read_bytes(), type=Measured) for file in (out / "videos").glob("face*.json")
    ]
    point = sweep.Point("noise", 1.5, ())
    row = sweep.row(point, [watched(m) for m in kept])
    assert row["recall"] == 1.0 and row["recall_ci95"][0] < 0.8 and row["recall_ci95"][1] == 1.0
    assert sweep.row(point, [])["recall"] is None


def test_curves_are_drawn_for_every_knob(finished):
    from offline.spotting.figures import curves
    from offline.spotting.report import page

    printed, out = finished
    kept = [msgspec.json.decode(file.read_bytes(), type=Measured) for file in (out / "videos").glob("*.json")]
    points = [sweep.row(point, [watched(m) for m in kept]) for point in sweep.plan((101,), 30.0, 200.0)]
    assert set(curves(points)) == set(sweep.VALUES)
    # A point where nothing was performed leaves a gap.
    points[0] |= {"recall": None, "precision": None, "apex_mae_ms": None}
    text = page(printed | {"sweep": points}, kept)
    assert text.count("<svg") == 7 and "One thing at a time" in text and "http" not in text


def test_another_database_beside_the_measured_one_has_other_figures(finished):
    printed, out = finished
    kept = [msgspec.json.decode(file.read_bytes(), type=Measured) for file in (out / "videos").glob("*.json")]
    one = summarise(kept, setup_of("motion"), "rendered")
    assert one["metrics"] == printed["metrics"]
    none = summarise([], setup_of("motion"), "rendered")
    assert "micro" not in none["metrics"]["full"] and none["apex_rules"] == []


def test_a_full_disk_says_how_many_videos_are_kept(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(batch, "write_bytes", full)
    video = RenderedVideo(101, Knobs(fps=10.0, seconds=2.0))
    with pytest.raises(InputError, match=r"disk of .* is full; 0 of 1 videos are kept"):
        batch.measure_all([video], setup_of("motion"), tmp_path / "run")
