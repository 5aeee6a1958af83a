"""Annotation tables by themselves: whose, which version, what is odd; and all that circulate, where they lie."""

import sys
from collections import Counter
from pathlib import Path

import openpyxl
import pytest

from engines.errors import InputError
from offline.datasets.annotations import read_annotations
from offline.datasets.flowmaps import MEGC_TABLE, TABLE, load_flowmaps
from offline.datasets.sheets import nearest

sys.path.insert(0, str(Path(__file__).parent))
from databases import CASME2_HEADER, casme2_rows, write_table

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "sheets"

LONG = (
    "Subject",
    "Filename",
    "Inducement Code",
    "Onset",
    "Apex",
    "Offset",
    "Duration",
    "Type",
    "Action Units",
)
DFME = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId", "Fps", "AU")


def test_fractions_of_frames_are_rounded_as_the_owners_did(tmp_path):
    rows = [LONG, ("006", "006_1_1", 1, 566.4, 647.6, 743.0, 178, "Macro", "4")]
    (found,) = read_annotations(write_table(tmp_path / "anything.xlsx", rows))
    (clip,) = found.clips
    assert (found.dataset, clip.onset, clip.apex, clip.offset) == ("samm-lv", 566, 648, 743)
    assert "fractions of frames in 1, rounded" in found.version


@pytest.mark.parametrize(("cell", "frame"), [(566.5, 567), ("566,4", 566), ("1.50", 2), (7, 7), ("7.0", 7)])
def test_the_nearest_frame(cell, frame):
    assert nearest(cell, "row 1") == frame


@pytest.mark.parametrize("cell", ["?", None, "1e3", float("nan"), float("inf"), "-1.5"])
def test_what_is_no_frame_at_all(cell):
    with pytest.raises(InputError, match=r"row 1: .* is not a frame number"):
        nearest(cell, "row 1")


def long_workbook(path, cells, lead=()):
    book = openpyxl.Workbook()
    book.active.title = "CASFEcode_final"
    for row in (*lead, (1, "anger1_1", 557, 572, 608, cells[0], "negative", "macro-expression", "anger")):
        book.active.append(row)
    book.active.append((1, "anger2_1", 2155, 2163, 0, cells[1], "negative", "macro-expression", "anger"))
    for title, rule in (
        ("naming rule1", (15, "s15", 1)),
        ("naming rule2", ("0401", "anger1")),
    ):
        book.create_sheet(title).append(rule)
    book["naming rule2"].append(("0402", "anger2"))
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("cells", "version"), [(("4+10+14+15", "NULL"), "version A"), (("4+10+14", 4), "version B")]
)
def test_both_codings_of_action_units_are_told_apart(tmp_path, cells, version):
    (found,) = read_annotations(long_workbook(tmp_path / "t.xlsx", cells, lead=[("###",) * 9]))
    assert version in found.version and len(found.clips) == 2
    assert found.clips[1].offset == 2163  # an offset of 0: the apex


def test_a_rate_a_row(tmp_path):
    rows = [
        DFME,
        ("sub1", "sub1_01", 0, 9, 20, "fear", 3, 500, "4"),
        ("sub1", "sub1_02", 0, 9, 20, "fear", 3, 200, "4"),
    ]
    (found,) = read_annotations(write_table(tmp_path / "t.csv", rows))
    assert found.dataset == "dfme" and [clip.fps for clip in found.clips] == [500.0, 200.0]
    assert found.version == "of no known version, 2 rows (1 at 500 fps, 1 at 200 fps)"


def test_one_bad_row_is_named_and_a_clip_listed_twice_counts_once(tmp_path):
    rows = [
        *(
            DFME,
            ("sub1", "sub1_01", 0, 9, 20, "fear", 3, 500, "4"),
            ("sub1", "sub1_01", 0, 9, 20, "fear", 3, 500, "4"),
        ),
        *(
            ("sub1", None, 0, 9, 20, "fear", 3, 500, "4"),
            ("sub1", "sub1_03", "?", 9, 20, "fear", 3, 500, "4"),
        ),
    ]
    (found,) = read_annotations(write_table(tmp_path / "t.csv", rows))
    assert [clip.name for clip in found.clips] == ["sub1_01", "sub1_03"]
    assert "'?' is not a frame number" in found.clips[1].fault
    assert any("listed twice" in note for note in found.notes)
    assert any("row 4: no file name" in note and "left out" in note for note in found.notes)


def test_a_table_without_offsets_is_read_and_said(tmp_path):
    rows = [
        ("Filename", "OnsetFrame", "ApexFrame", "Estimated Emotion", "Subject"),
        ("EP02_01f", 46, 59, "happiness", "01"),
    ]
    (found,) = read_annotations(write_table(tmp_path / "t.csv", rows))
    assert (found.dataset, found.clips[0].apex, found.clips[0].offset) == ("casme2", 59, 59)
    assert any("without offsets" in note for note in found.notes)


def test_casme2_is_named_by_its_rows_and_its_nearest_version(tmp_path):
    header = [cell for cell in CASME2_HEADER if cell]
    rows = [*casme2_rows("V1"), (9, "EP02_02f", 1, 5, 9, "12", "happiness")]
    (found,) = read_annotations(write_table(tmp_path / "t.xlsx", [header, *rows]))
    assert found.version == "of no known version, 256 rows"
    assert "the nearest known table is V1 (coding of 2014-05-08): happiness 33 for 32" in found.notes


def test_the_megcs_table_has_no_header_and_writes_10_for_010(tmp_path):
    rows = [("samm", "10", "010_1_1", 0), ("samm", "6", "006_1_2", 2), ("casme2", "sub01", "EP02_01f", 1)]
    (found,) = read_annotations(write_table(tmp_path / "t.csv", rows))
    assert [clip.subject for clip in found.clips] == ["010", "006", "sub01"]
    assert [clip.emotion for clip in found.clips] == ["negative", "surprise", "positive"]


def test_flow_maps_are_found_by_the_megcs_table(release):
    before = load_flowmaps(release)
    lines = (release / TABLE).read_text().splitlines()[1:]
    short = [",".join([*line.split(",")[:4]]).replace("samm,00", "samm,") for line in lines]
    (release / TABLE).unlink()
    (release / MEGC_TABLE).write_text("\n".join(short))
    after = load_flowmaps(release)
    assert after.subjects.tolist() == before.subjects.tolist() and (after.maps == before.maps).all()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("Subject", "Filename", "Objective Class"), ("01", "EP02_01f", 1)], "has objective classes alone"),
        ([("a", "b"), (1, 2)], "no table of a database known here, it begins with a, b"),
    ],
)
def test_what_is_no_annotation_is_refused_in_one_line(tmp_path, rows, said):
    with pytest.raises(InputError, match=said) as refused:
        read_annotations(write_table(tmp_path / "t.xlsx", rows))
    assert "\n" not in str(refused.value)


def test_a_damaged_table_is_refused_as_such(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match=r"cannot read .*t\.xlsx"):
        read_annotations(tmp_path / "t.xlsx")


# File, then of each database in it: name, the version's first words, clips, the commonest emotion; or why refused.
CASME2_V1 = ("casme2", "V1 (coding of 2014-05-08), 255 rows, action units of 2014-05-08", 255, ("others", 99))
LONG_ROWS = "300 macro and 57 micro rows, action units of version"
CIRCULATING = {
    "CASME1/casme.xls": [("casme1", "as it circulates without offsets, 189 rows", 189, ("tense", 68))],
    "CASME2/annotations.csv": [
        ("casme2", "of no known version, 257 rows, action units of 2014-05-08", 257, ("others", 99))
    ],
    "CASME2/coding-20140508-no-blank-columns.xlsx": [CASME2_V1],
    "CASME2/coding-20140508.xlsx": [CASME2_V1],
    "CASME2/coding-20181220.xlsx": [
        ("casme2", "V3, five classes alone, 247 rows, apexes of 2018-12-20", 247, ("others", 99))
    ],
    "CASME2/coding-20190701.xlsx": [
        ("casme2", "V2, 255 rows, action units of 2019-07-01", 255, ("surprise", 28))
    ],
    "CASME2/objective-classes.xlsx": "has objective classes alone",
    "CASME2/old.xls": [("casme2", "of no known version, 240 rows", 240, ("others", 96))],
    "CASME3/part-a.xlsx": [("casme3", "part A, 860 rows", 860, ("sadness", 57))],
    "CASME_sq/code-final-other-action-units.xlsx": [("casme-sq", f"{LONG_ROWS} B", 357, ("surprise", 25))],
    "CASME_sq/code-final.xlsx": [("casme-sq", f"{LONG_ROWS} A", 357, ("surprise", 25))],
    "CASME_sq/hash-row-and-text-codes.xlsx": [("casme-sq", f"{LONG_ROWS} B", 357, ("surprise", 25))],
    "DFME/test-a.xlsx": [
        ("dfme", "test A, 474 rows (215 at 500 fps, 143 at 300 fps, 116 at 200", 474, ("disgust", 129))
    ],
    "DFME/training.xlsx": [
        ("dfme", "training, 1856 rows (695 at 500 fps, 605 at 300", 1856, ("disgust", 548))
    ],
    "MEVIEW/meview.xls": [("meview", "as released, 40 rows", 40, ("surprise", 9))],
    "MMEW/micro-exp.csv": [("mmew", "micro-expressions, 300 rows", 300, ("surprise", 89))],
    "SAMM/codes-v2-mended.xlsx": [
        ("samm", "V2, 159 rows, apex mended of 028_4_1 and 032_3_1", 159, ("anger", 57))
    ],
    "SAMM/codes-v2.xlsx": [("samm", "V2, 159 rows", 159, ("anger", 57))],
    "SAMM/old.xls": [("samm", "of no known version, 157 rows", 157, ("anger", 55))],
    "SAMM/semicolons.csv": [("samm", "V2, 159 rows", 159, ("anger", 57))],
    "SAMM_LV/fractional-frames.xlsx": [
        ("samm-lv", "343 macro and 159 micro rows, fractions of", 502, ("", 502))
    ],
    "SAMM_LV/header-in-row-1.xlsx": [("samm-lv", "343 macro and 159 micro rows", 502, ("", 502))],
    "SAMM_LV/integer-frames.xlsx": [("samm-lv", "343 macro and 159 micro rows", 502, ("", 502))],
    "SMIC/hs-cropped-164.csv": [("smic", "164 clips", 164, ("negative", 70))],
    "SMIC/hs-e-annotation-157.xlsx": [
        ("smic", "157 clips, published are 164", 172, ("positive", 51)),
        ("smic-vis", "71 clips", 76, ("positive", 28)),
    ],
    "SMIC/hs-e-annotation-162.xlsx": [
        ("smic", "162 clips, published are 164", 167, ("positive", 51)),
        ("smic-vis", "71 clips", 76, ("positive", 28)),
    ],
    "composite/combined_3class_gt.csv": [("composite", "MEGC 2019, 442 clips", 442, ("negative", 250))],
}


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not here")
def test_every_table_that_circulates_is_read_or_refused_with_its_reason():
    pytest.importorskip("python_calamine")
    there = {str(path.relative_to(SHARED)) for path in SHARED.rglob("*") if path.is_file()}
    assert there == set(CIRCULATING)
    for name, expected in CIRCULATING.items():
        if isinstance(expected, str):
            with pytest.raises(InputError, match=expected):
                read_annotations(SHARED / name)
            continue
        found = read_annotations(SHARED / name)
        assert len(found) == len(expected), name
        for one, (dataset, version, clips, (emotion, count)) in zip(found, expected, strict=True):
            assert one.dataset == dataset and one.version.startswith(version), (name, one.version)
            assert len(one.clips) == clips and one.emotions()[emotion] == count, name
            assert not [clip.fault for clip in one.clips if clip.fault], name
    marks = {
        name: Counter(
            (c.name, c.onset, c.apex, c.offset) for c in read_annotations(SHARED / "SAMM_LV" / name)[0].clips
        )
        for name in ("fractional-frames.xlsx", "integer-frames.xlsx")
    }
    apart = marks["fractional-frames.xlsx"] - marks["integer-frames.xlsx"]
    # Nine onsets of 0 that became 1, two other offsets, and one clip coded anew.
    assert apart.total() == 12
