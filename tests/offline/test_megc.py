"""Intervals counted as the MEGC challenges count them, and the files in which they are handed in."""

import json
import sys
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from engines.errors import InputError
from offline.spotting.megc import count, outcomes, scores
from offline.spotting.megc_files import read_intervals, video_key, write_intervals
from offline.spotting.truth import Interval

sys.path.insert(0, str(Path(__file__).parent))
from apexbench_command import call


def spans(kind, *ends):
    return [Interval(kind, first, None, last) for first, last in ends]


# Two overlapping labels that one prediction finds, a label nobody finds, a prediction of nothing.
LABELS = {"1_1": spans("macro", (10, 29), (12, 31), (100, 119)), "1_2": spans("micro", (5, 14))}
TOLD = {"1_1": spans("macro", (11, 30), (60, 79)), "1_3": spans("micro", (5, 14))}


@pytest.mark.parametrize(
    ("counting", "predictions", "found"), [("official", 2, 2), ("lines", 3, 2), ("strict", 2, 1)]
)
def test_one_prediction_that_finds_two_labels(counting, predictions, found):
    counted = count(LABELS, TOLD, "macro", counting)
    assert (counted.labels, counted.predictions, counted.found) == (3, predictions, found)
    assert counted.f1 == pytest.approx(2 * found / (3 + predictions))


def test_both_ends_belong_to_an_interval():
    told = spans("micro", (10, 14))
    assert outcomes(spans("micro", (10, 19)), told, strict=True)[0].word == "TP"  # 5 of 10 frames
    assert outcomes(spans("micro", (10, 20)), told, strict=True)[0].word == "FN"  # 5 of 11


def test_a_kind_is_only_found_by_its_own_kind_and_overall_pools_the_counts():
    found = scores(LABELS, TOLD)["official"]
    assert found["micro"] == {
        **{"labels": 1, "predictions": 1, "found": 0},
        **{"precision": 0.0, "recall": 0.0, "f1": 0.0},
    }
    assert found["overall"]["labels"] == 4 and found["overall"]["found"] == 2
    assert found["overall"]["f1"] == pytest.approx(4 / 7, abs=1e-4)


def test_nothing_at_all_scores_nothing():
    assert scores({}, {})["strict"] == {
        "overall": {"labels": 0, "predictions": 0, "found": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    }


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("s15/15_0102*", "15_102"),
        ("15_0102disgustingteeth", "15_102"),
        ("s15-0102", "15_102"),
        ("006_1", "6_1"),
        ("samm_1", "samm_1"),
    ],
)
def test_a_video_is_the_same_under_all_its_names(name, key):
    assert video_key(name) == key


def test_what_is_written_is_read_again(tmp_path):
    written = write_intervals(LABELS, TOLD, tmp_path)
    assert [path.name for path in written] == ["megc.csv", "LOG_micro.txt", "LOG_macro.txt"]
    assert read_intervals(tmp_path / "megc.csv").predictions == TOLD
    log = read_intervals(tmp_path / "LOG_macro.txt")
    assert log.labels["1_1"] == LABELS["1_1"] and log.predictions["1_1"] == TOLD["1_1"]
    words = [line.word for line in log.written["1_1"]]
    assert words == ["TP", "TP", "FN", "FP"]


def test_a_file_a_video_in_a_folder_named_after_the_kind(tmp_path):
    folder = tmp_path / "ME2_micro_txtClips" / "p1"
    folder.mkdir(parents=True)
    (folder / "s15_0101.txt").write_text("33 40 1.0\n42 45 1.0\n")
    assert read_intervals(tmp_path).predictions == {"15_101": spans("micro", (33, 40), (42, 45))}


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("told.csv", "vid,pred_onset,type\na,1,me\n", "no column predoffset"),
        ("told.csv", "vid,pred_onset,pred_offset,type\na,1,9,blink\n", "line 2: type 'blink'"),
        ("told.csv", "vid,pred_onset,pred_offset,type\na,9,1,me\n", "offset 1 comes before onset 9"),
        ("told.csv", "vid,pred_onset,pred_offset,type\na,x,1,me\n", "line 2: 'x' is not a frame number"),
        ("LOG_micro.txt", "\na 1 9 __ __ TP\n", "line 2: TP does not fit"),
        ("LOG_micro.txt", "\na 1 9 __ __ FN\nb 1\n", "line 3: 'b 1' is no line of a log"),
        ("a.txt", "1 9\n", "name the file or its folder after its kind"),
        ("micro.txt", "1\n", "line 1: '1' is not an onset and an offset"),
    ],
)
def test_what_cannot_be_read_is_said_by_file_and_line(tmp_path, file, text, said):
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=file.replace(".", r"\.")) as refused:
        read_intervals(tmp_path)
    assert said in str(refused.value)


def test_a_folder_without_intervals(tmp_path):
    with pytest.raises(InputError, match="holds no intervals"):
        read_intervals(tmp_path)


def table_of_long_videos(root):
    book = openpyxl.Workbook()
    for row in (
        ("Subject", "Filename", "Onset", "Apex", "Offset", "Type", "Action Units"),
        ("006", "006_1_1", 10, 15, 29, "Macro", "4"),
        ("006", "006_1_2", 100, 105, 119, "Micro - 1/2", "4"),
        ("007", "007_2_1", 5, 9, 14, "Micro - 1/2", "4"),
    ):
        book.active.append(row)
    root.mkdir()
    book.save(root / "SAMM_LongVideos.xlsx")


def test_anybody_s_intervals_are_scored_against_a_table_without_images(tmp_path, monkeypatch, capsys):
    table_of_long_videos(tmp_path / "data")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "samm_pred.csv").write_text(
        "vid,pred_onset,pred_offset,type\n006_1,12,30,mae\n006_1,100,119,me\n7_2,50,60,me\n9_9,1,2,me\n"
    )
    out = tmp_path / "out"
    arguments = (
        "spot",
        "--intervals",
        tmp_path / "theirs",
        "--data",
        tmp_path / "data",
        "--out",
        out,
        "--json",
    )
    code, printed, _ = call(monkeypatch, capsys, *arguments)
    results = json.loads(printed)
    assert code == 0 and results == json.loads((out / "results.json").read_text())
    official = results["megc"]["official"]
    assert official["macro"]["f1"] == 1.0
    assert (official["micro"]["labels"], official["micro"]["predictions"], official["micro"]["found"]) == (
        2,
        3,
        1,
    )
    assert official["overall"]["f1"] == pytest.approx(2 * 2 / 7, abs=1e-4)
    assert "1 videos are not in the table" in results["notes"][0] and "9_9" in results["notes"][0]
    assert read_intervals(out / "LOG_micro.txt").labels["7_2"] == spans("micro", (5, 14))


def test_a_log_brings_its_own_labels_and_predictions_alone_do_not(tmp_path, monkeypatch, capsys):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "LOG_micro.txt").write_text("\na_1_2 1 9 1 8 TP\na_1_2 20 29 __ __ FN\n")
    arguments = ("spot", "--intervals", theirs, "--out", tmp_path / "out")
    code, printed, _ = call(monkeypatch, capsys, *arguments)
    assert code == 0 and "0.6667" in printed
    (theirs / "told.csv").write_text("vid,pred_onset,pred_offset,type\n006_1,12,30,mae\n")
    for options, said in (
        ((), "holds logs and tables"),
        (("--rendered",), "--intervals are scored against --data"),
        (("--out", theirs / "out"), "lies in the folder of the intervals"),
    ):
        code, _, err = call(monkeypatch, capsys, *arguments, *options)
        assert code == 2 and said in err
    (theirs / "LOG_micro.txt").unlink()
    code, _, err = call(monkeypatch, capsys, *arguments)
    assert code == 2 and "give --data DIR" in err


def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path):
    whole = {
        "LOG_micro.txt": b"\na_1_2 1 9 1 8 TP\na_1_2 20 29 __ __ FN\na_1_2 __ __ 40 49 FP\n",
        "told.csv": b"vid,pred_onset,pred_offset,type\n006_1,12,30,mae\n006_1,40,50,me\n",
    }
    rng = np.random.default_rng(0)
    for name, content in whole.items():
        for _ in range(150):
            spoilt = bytearray(content[: rng.integers(1, len(content) + 1)])
            for at in rng.integers(0, len(spoilt), rng.integers(0, 4)):
                spoilt[at] = rng.integers(0, 256)
            (tmp_path / name).write_bytes(spoilt)
            try:
                read_intervals(tmp_path / name)
            except InputError as refused:
                assert "\n" not in str(refused)
