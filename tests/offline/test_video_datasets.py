"""The video databases as unpacked: every layout, version and known mistake; nothing dropped without a word."""

import datetime
import shutil
import sys
from collections import Counter
from pathlib import Path

import openpyxl
import pytest

from engines.errors import InputError
from offline.datasets.class_maps import CDE, CDMER, FIVE, FOUR, SAMM_FIVE, compare_with_published
from offline.datasets.video import open_video_dataset

sys.path.insert(0, str(Path(__file__).parent))
from databases import (
    CASME2_HEADER,
    CASME2_KNOWN,
    SAMM_HEADER,
    V1,
    V2,
    V3,
    casme2,
    casme2_rows,
    pictures,
    samm,
    samm_rows,
    smic,
    smic_clips,
    write_table,
)


def counts(database, chosen):
    kept, left_out = chosen.labelled(database.clips)
    assert len(kept) + sum(left_out.values()) == len(database.clips)
    assert len(database.usable) + len(database.faults) == len(database.clips)
    labels = Counter(label for _, label in kept)
    return tuple(labels[i] for i in range(len(chosen.classes)))


def by_name(database):
    return {(clip.subject, clip.name): clip for clip in database.clips}


@pytest.fixture
def casme2_root(tmp_path):
    pictures(tmp_path / "CASME2" / "Cropped" / "sub01" / "EP02_01f", range(46, 87), "reg_img{}.jpg")
    return tmp_path / "CASME2"


@pytest.mark.parametrize(
    ("version", "emotions", "five", "cdmer"),
    [
        ("V1", V1, (32, 25, 63, 27, 99), (72, 32, 25)),
        ("V2", V2, (32, 28, 63, 27, 99), (69, 32, 28)),
        ("V3", V3, (32, 25, 64, 27, 99), (73, 32, 25)),
    ],
)
def test_casme2_s_versions_are_told_by_their_counts(casme2_root, version, emotions, five, cdmer):
    casme2(casme2_root, casme2_rows(version))
    (database,) = open_video_dataset(casme2_root)
    assert database.version.startswith(version) and f"{sum(emotions.values())} rows" in database.version
    assert database.layout == "cropped" and Counter(clip.emotion for clip in database.clips) == Counter(
        emotions
    )
    assert counts(database, CDE) == (88, 32, 25)  # the composite's 145 of every version
    assert counts(database, FIVE) == five and sum(five) in (246, 249, 247)
    assert counts(database, CDMER) == cdmer and (sum(cdmer) == 130) == (version == "V3")
    assert counts(database, FOUR) == ((73, 32, 25, 126) if version == "V3" else (*cdmer, 126))
    kept, _ = CDMER.labelled(database.clips)
    said = compare_with_published(CDMER, kept)
    assert (said == []) == (version == "V3") and all(
        "published are 130 clips 73/32/25" in line for line in said
    )
    assert compare_with_published(FIVE, FIVE.labelled(database.clips)[0]) == []


@pytest.mark.parametrize(("version", "rows"), [("V1", 246), ("V2", 249), ("V3", 247)])
def test_tables_of_the_five_classes_alone_are_known_too(casme2_root, version, rows):
    casme2(casme2_root, [row for row in casme2_rows(version) if row[6] not in ("sadness", "fear")])
    (database,) = open_video_dataset(casme2_root)
    assert (
        len(database.clips) == rows
        and database.version.startswith(version)
        and "five classes" in database.version
    )


def test_an_unknown_version_says_so_and_is_read(casme2_root):
    casme2(casme2_root, casme2_rows("V1")[:-1])
    (database,) = open_video_dataset(casme2_root)
    assert database.version == "of no known version, 254 rows"
    said = compare_with_published(CDMER, CDMER.labelled(database.clips)[0])
    assert len(said) == 1 and said[0].startswith("casme2: 12")


def test_every_known_mistake_of_casme2_is_mended_once_and_can_be_left(casme2_root):
    casme2(casme2_root, casme2_rows("V1"))
    (database,) = open_video_dataset(casme2_root)
    (raw,) = open_video_dataset(casme2_root, errata=False)
    clips, untouched = by_name(database), by_name(raw)
    assert clips["sub04", "EP12_01f"].apex is None and untouched["sub04", "EP12_01f"].apex is None
    assert clips["sub05", "EP09_05f"].apex is None and untouched["sub05", "EP09_05f"].apex == 30
    for name in (("sub05", "EP16_04f"), ("sub12", "EP09_06"), ("sub20", "EP16_01"), ("sub25", "EP18_04f")):
        assert clips[name] == untouched[name] and clips[name].apex == clips[name].offset
        assert any(f"casme2 {name[0]} {name[1]}: apex = offset: kept" in note for note in database.notes)
    assert (clips["sub07", "EP06_01"].onset, clips["sub07", "EP06_01"].offset) == (56, 116)
    assert (clips["sub12", "EP09_02"].onset, clips["sub12", "EP09_02"].offset) == (161, 206)
    assert (untouched["sub07", "EP06_01"].onset, untouched["sub12", "EP09_02"].offset) == (500, 20)
    assert clips["sub16", "EP01_08"].offset == 96 and untouched["sub16", "EP01_08"].offset == 110
    assert {("sub03", "EP01_2"), ("sub09", "EP09f"), ("sub07", "EP06_02_01")} <= set(clips)
    assert sum(clip.action_units == "?" for clip in clips.values()) == 5
    assert len(database.notes) == 9 and all("(" in note for note in database.notes)
    assert not any("EP09_05f" in note for note in raw.notes)
    casme2(casme2_root, casme2_rows("V2"))  # here the offset is right already
    (newer,) = open_video_dataset(casme2_root)
    assert by_name(newer)["sub16", "EP01_08"].offset == 96 and not any("EP01_08" in n for n in newer.notes)


@pytest.mark.parametrize("order", ["as released", "no blank columns", "csv"])
def test_columns_are_read_by_name(casme2_root, order):
    rows = casme2_rows("V3")
    if order == "as released":
        casme2(casme2_root, rows)
    elif order == "no blank columns":
        casme2(casme2_root, rows, tuple(cell for cell in CASME2_HEADER if cell))
    else:
        header = (
            "Estimated Emotion",
            "Subject",
            "Filename",
            "Onset Frame",
            "Apex Frame",
            "Offset Frame",
            "Action Units",
        )
        write_table(casme2_root / "casme2.csv", [header, *[(row[6], *row[:6]) for row in rows]])
    (database,) = open_video_dataset(casme2_root)
    clip = by_name(database)["sub24", "EP02_07"]
    assert (clip.onset, clip.apex, clip.offset, clip.action_units) == (61, 91, 106, "4")
    assert len(database.clips) == 256


@pytest.mark.parametrize(
    ("folder", "pattern", "layout"),
    [
        ("Cropped", "reg_img{}.jpg", "cropped"),
        ("CASME2_RAW_selected", "img{}.jpg", "selected raw"),
        ("CASME2-RAW", "img{:04d}.jpg", "raw"),
    ],
)
def test_the_three_kinds_of_frames_are_told_apart(tmp_path, folder, pattern, layout):
    root = tmp_path / "CASME2"
    pictures(root / folder / "sub01" / "EP02_01f", range(40, 60), pattern)
    pictures(root / folder / "sub03" / "EP01_02", range(8, 33), pattern)
    rows = [(1, "EP02_01f", 46, 50, 58, "12", "happiness"), ("03", "EP01_2", 10, 20, 30, "1+2", "surprise")]
    casme2(root, rows)
    for given in (root, root / folder):
        (database,) = open_video_dataset(given)
        first, second = database.clips
        assert database.layout == layout and not database.faults
        assert first.frames[0][0] == 40 and [n for n, _ in first.frames] == list(range(40, 60))
        assert (second.subject, len(second.frames), second.fps) == ("sub03", 25, 200.0)  # EP01_2 is EP01_02


def test_frames_of_another_kind_beside_the_ones_used_are_said(casme2_root):
    pictures(casme2_root / "CASME2-RAW" / "sub01" / "EP02_01f", range(1, 200))
    casme2(casme2_root, casme2_rows("V1"))
    (database,) = open_video_dataset(casme2_root)
    assert database.layout == "cropped" and any("raw frames are there too" in note for note in database.notes)


def test_missing_folders_and_frames_are_reported_clip_by_clip(tmp_path):
    root = tmp_path / "CASME2"
    for clip, numbers in {
        "EP01": range(10, 41),
        "EP02": range(30, 41),
        "EP03": [*range(10, 20), *range(23, 41)],
        "EP04": range(10, 39),
        "EP05": [],
    }.items():
        pictures(root / "Cropped" / "sub01" / clip, numbers, "reg_img{}.jpg")
    casme2(root, [(1, f"EP0{i}", 10, 25, 40, "4", "disgust") for i in range(1, 7)])
    (database,) = open_video_dataset(root)
    reasons = {fault.clip.name: fault.reason for fault in database.faults}
    assert reasons == {
        "EP02": "onset 10 is not among its frames 30 to 40",
        "EP05": "its folder is missing or holds no image",
        "EP06": "its folder is missing or holds no image",
    }
    notes = " ".join(database.notes)
    assert "EP03: 3 of the frames 10 to 40 are missing" in notes
    assert (
        "EP04: onset 10, apex 25, offset 40 are not all among its files: onset 10, apex 25, offset 38"
        in notes
    )
    assert [clip.name for clip in database.usable] == ["EP01", "EP03", "EP04"] and len(database.clips) == 6


def test_samm_s_counts_and_mistakes(tmp_path):
    root = samm(tmp_path / "SAMM", samm_rows())
    pictures(root / "006" / "006_9_29", range(5, 40), "006_{:05d}.jpg")
    (database,) = open_video_dataset(root)
    assert database.version == "V2, 159 rows" and len({clip.subject for clip in database.clips}) == 29
    assert counts(database, CDE) == (92, 26, 15)
    assert counts(database, SAMM_FIVE) == (26, 15, 57, 12, 26)
    assert counts(database, FOUR) == (92, 26, 15, 26)
    assert all(compare_with_published(m, m.labelled(database.clips)[0]) == [] for m in (CDE, SAMM_FIVE, FOUR))
    clips = by_name(database)
    assert clips["028", "028_4_1"].apex is None and clips["032", "032_3_1"].apex is None
    assert clips["013", "013_1_9"].offset == 5739 and clips["032", "032_3_2"].apex == 5130
    assert clips["006", "006_9_29"].frames[0][0] == 5 and {f.clip.name for f in database.faults} >= {
        "013_1_9"
    }
    assert {clip.action_units for clip in database.clips} == {"AU12 or R14", "4"}
    (raw,) = open_video_dataset(root, errata=False)
    assert by_name(raw)["028", "028_4_1"].apex == 3000
    rows = [(*row[:3], 1105, 1113, 1124, *row[6:]) if row[1] == "028_4_1" else row for row in samm_rows()]
    (fixed,) = open_video_dataset(samm(root, rows))  # the mended table that circulates
    assert by_name(fixed)["028", "028_4_1"].apex == 1113 and not any(
        "028_4_1" in note for note in fixed.notes
    )


def test_samm_with_unpadded_frames_and_names_is_the_same(tmp_path):
    root = samm(tmp_path / "SAMM", samm_rows())
    pictures(root / "frames" / "6" / "6_9_29", range(5, 40), "006_{}.jpg")
    (database,) = open_video_dataset(root)
    assert len(by_name(database)["006", "006_9_29"].frames) == 35


@pytest.mark.parametrize("layout", ["cropped", "raw"])
def test_smic_is_read_by_its_folders(tmp_path, layout):
    root = tmp_path / f"SMIC_all_{layout}"
    for camera in ("HS", "VIS", "NIR"):
        smic(root, camera, layout=layout)
    high, visible, infrared = open_video_dataset(root)
    assert [d.name for d in (high, visible, infrared)] == ["smic", "smic-vis", "smic-nir"]
    assert [d.layout for d in (high, visible, infrared)] == [layout] * 3
    assert [clip.fps for clip in (high.clips[0], visible.clips[0], infrared.clips[0])] == [100, 25, 25]
    for database, published in ((high, (70, 51, 43)), (visible, (23, 28, 20)), (infrared, (23, 28, 20))):
        assert counts(database, CDE) == counts(database, CDMER) == published and not database.faults
    clip = by_name(high)["s01", "s01_ne_02"]
    assert (clip.onset, clip.apex, clip.offset) == (559740, None, 559743)
    assert open_video_dataset(root / "VIS")[0].name == "smic-vis"


def test_smic_s_sheet_lacks_two_clips_and_names_one_wrongly(tmp_path):
    root = smic(tmp_path / "SMIC_all_cropped", "HS", empty=("s18_sur_03",))
    header = ("Subject", "Filename", "OnsetF", "OffsetF", "FirstF", "LastF", "TotalMF1", "TotalVL", "Emotion")
    rows = [
        (subject, name, 559740, 559743, 1, 9, 4, 9, "negative" if name == "s18_sur_03" else word)
        for subject, name, word in smic_clips("HS")
        if name not in ("s1_ne_02", "s2_sur_05")
    ]
    write_table(root / "SMIC_HS.xlsx", [header, *rows])
    assert len(rows) == 162
    (database,) = open_video_dataset(root)
    assert database.version == "of 162 rows, 2 more by their folders" and len(database.clips) == 164
    assert any("s01_ne_02, s02_sur_05" in note for note in database.notes)
    assert counts(database, CDE) == (70, 51, 43)
    assert [fault.clip.name for fault in database.faults] == ["s18_sur_03"]
    (raw,) = open_video_dataset(root, errata=False)
    assert counts(raw, CDE) == (71, 51, 42)


def test_extended_smic_needs_its_table_and_may_hold_several_expressions_a_clip(tmp_path):
    root = tmp_path / "HS_long" / "SMIC-HS-E"
    pictures(root / "s20" / "s20_ne_01", range(100, 200), "image{}.jpg")
    pictures(root / "s20" / "s20_po_01", range(100, 140), "image{}.jpg")
    with pytest.raises(InputError, match="no table of SMIC-HS-E"):
        open_video_dataset(root)
    header = ("Subject", "Filename", "OnsetF", "OffsetF", "Onset2F", "Offset2F", "FirstF", "LastF", "Emotion")
    rows = [
        (20, "s20_ne_01", 120, 140, 160, 175, 100, 199, "negative"),
        (20, "s20_po_01", 110, 130, None, None, 100, 139, "positive"),
    ]
    write_table(root.parent / "SMIC-HS-E_annotation.xlsx", [header, *rows])
    (database,) = open_video_dataset(root)
    assert database.layout == "extended"
    assert [(c.name, c.onset, c.offset, len(c.frames)) for c in database.clips] == [
        ("s20_ne_01", 120, 140, 100),
        ("s20_ne_01#2", 160, 175, 100),
        ("s20_po_01", 110, 130, 40),
    ]


def test_long_videos_give_their_expressions_as_clips(tmp_path):
    root = tmp_path / "SAMM_LV"
    header = ("Subject", "Filename", "Onset", "Apex", "Offset", "Type", "Action Units")
    rows = [
        ("006", "006_1_2", 10, 15, 20, "Micro - 1/2", "4"),
        ("006", "006_1_3", 25, -1, 30, "Macro", "12"),
        ("007", "007_3_1", 5, 6, 7, "Macro", ""),
    ]
    words = [(f"line {i}",) for i in range(9)]
    write_table(root / "SAMM_LongVideos_V3_Release.xlsx", [*words, header, *rows])
    pictures(root / "SAMM_longvideos" / "006_1", range(1, 60), "006_1_{:04d}.jpg")
    (database,) = open_video_dataset(root)
    assert (database.name, database.version) == ("samm-lv", "2 macro and 1 micro rows")
    assert [(c.name, c.kind, c.apex) for c in database.clips][:2] == [
        ("006_1_2", "micro", 15),
        ("006_1_3", "macro", None),
    ]
    assert [fault.clip.name for fault in database.faults] == ["007_3_1"]


def test_databases_with_a_row_a_clip(tmp_path):
    third = tmp_path / "CASME3"
    pictures(third / "part_A" / "spNO.1" / "a" / "color", range(0, 60), "{}.jpg")
    pictures(third / "part_A" / "spNO.1" / "a" / "depth", range(0, 60), "{}.png")
    header = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
    rows = [("spNO.1", "A", 5, 10, 20, "4", 2, "disgust"), ("spNO.1", "a", 30, 35, 40, "12", 1, "happy")]
    write_table(third / "labels.xlsx", [header, *rows])
    (database,) = open_video_dataset(third)
    assert database.name == "casme3" and [clip.onset for clip in database.usable] == [5, 30]
    assert all(path.parent.name == "color" for clip in database.usable for _, path in clip.frames)
    assert counts(database, CDE) == (1, 1, 0)

    mmew = tmp_path / "MMEW"
    pictures(mmew / "Micro_Expression" / "happiness" / "S01-01-001", range(1, 30), "{}.jpg")
    pictures(mmew / "Micro_Expression" / "surprise" / "S02-01-001", range(1, 30), "{}.jpg")
    header = (
        "Subject",
        "Filename",
        "OnsetFrame",
        "ApexFrame",
        "OffsetFrame",
        "ActionUnits",
        "Estimated Emotion",
    )
    rows = [
        ("S01", "S01-01-001", 1, 9, 20, "12", "happiness"),
        ("S02", "S02-01-001", 1, 9, 25, "1+2", "surprise"),
    ]
    write_table(mmew / "MMEW_Micro_Exp.xlsx", [header, *rows])
    (database,) = open_video_dataset(mmew)
    assert database.name == "mmew" and len(database.usable) == 2 and counts(database, CDE) == (0, 1, 1)

    fourth = tmp_path / "4DME"
    pictures(fourth / "frames" / "S01_01", range(1, 30), "{}.jpg")
    header = ("sub_ID", "fold_name", "Onset", "Apex", "Offset", "AUs", "Emotion")
    write_table(fourth / "labels.csv", [header, ("S01", "S01_01", 3, 9, 20, "4", "Negative")])
    (database,) = open_video_dataset(fourth)
    assert (database.name, database.clips[0].subject, len(database.usable)) == ("4dme", "S01", 1)


def test_a_folder_that_is_no_database_says_what_was_looked_for(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        open_video_dataset(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"none of the known layouts; looked for CASME II: sub01/EP02_01f/"):
        open_video_dataset(tmp_path)
    with pytest.raises(InputError, match="samm in no known layout"):
        open_video_dataset(tmp_path, "samm")
    with pytest.raises(InputError, match="unknown database 'fer2013'; choose from casme2, smic"):
        open_video_dataset(tmp_path, "fer2013")


def test_a_table_with_other_columns_or_none_is_one_line(casme2_root):
    with pytest.raises(InputError, match=r"no \.xlsx or \.csv table"):
        open_video_dataset(casme2_root)
    casme2(
        casme2_root, casme2_rows("V1"), tuple(cell for cell in CASME2_HEADER if cell != "Estimated Emotion")
    )
    with pytest.raises(InputError, match=r"CASME2-coding\.xlsx: no column estimatedemotion"):
        open_video_dataset(casme2_root)
    (casme2_root / "CASME2-coding.xlsx").write_text("a,b")
    with pytest.raises(InputError, match=r"should be an \.xlsx file"):
        open_video_dataset(casme2_root)
    for rows, words in (
        ([(1, "EP01", "ten", 20, 30, "4", "disgust")], "row 2: 'ten' is not a frame number"),
        ([(None, "EP01", 10, 20, 30, "4", "disgust")], "row 2: no subject"),
    ):
        casme2(casme2_root, rows)
        with pytest.raises(InputError, match=words) as raised:
            open_video_dataset(casme2_root)
        assert "\n" not in str(raised.value)


ODD = (1, "EP02", 10, 20, 30, "4", "disgust")
FINE = (1, "EP01", 10, 20, 30, "4", "disgust")


@pytest.fixture
def two_clips(tmp_path):
    """A function that makes a database of FINE and other rows, each with its folder."""

    def make(*rows, header=CASME2_HEADER):
        root = tmp_path / "CASME2"
        for clip in ("EP01", "EP02"):
            pictures(root / "Cropped" / "sub01" / clip, range(8, 33), "reg_img{}.jpg")
        return casme2(root, [FINE, *rows], header)

    return make


def changed(place, value):
    return (*ODD[:place], value, *ODD[place + 1 :])


@pytest.mark.parametrize(
    "cell",
    [
        "nan",
        "-",
        "N/A",
        "30?",
        "30,0",
        "30.5",
        "3_0",
        "#REF!",
        "inf",
        True,
        datetime.date(2020, 1, 1),
        "",
        None,
    ],
)
def test_a_row_with_an_odd_cell_is_left_out_and_named(two_clips, cell):
    (database,) = open_video_dataset(two_clips(changed(4, cell)))
    assert [clip.name for clip in database.usable] == ["EP01"]
    (fault,) = database.faults
    assert fault.clip.name == "EP02" and "row 3: " in fault.reason and "is not a frame number" in fault.reason


@pytest.mark.parametrize("cell", [30, 30.0, "30", " 30 ", "30.0", "３０"])
def test_a_frame_number_may_be_written_in_many_ways(two_clips, cell):
    (database,) = open_video_dataset(two_clips(changed(4, cell)))
    assert by_name(database)["sub01", "EP02"].offset == 30 and len(database.usable) == 2


@pytest.mark.parametrize("cell", ["nan", "-", "N/A", "20?"])
def test_an_odd_apex_is_spotted_and_said(two_clips, cell):
    (database,) = open_video_dataset(two_clips(changed(3, cell)))
    assert by_name(database)["sub01", "EP02"].apex is None and len(database.usable) == 2
    assert any(
        f"row 3: {cell!r} is not a frame number: its apex is spotted" in note for note in database.notes
    )


def test_lines_that_are_no_clip_are_passed_over_and_said(two_clips):
    note = ("Note: coded by two raters", *[None] * 6)
    (database,) = open_video_dataset(two_clips(ODD, note, (None, "EP02", *ODD[2:])))
    assert [clip.name for clip in database.usable] == ["EP01", "EP02"]
    assert any(
        "row 4: no file name: 'Note: coded by two raters': left out" in line for line in database.notes
    )
    assert [fault.reason.partition(": ")[2] for fault in database.faults] == ["no subject; fill it in"]


def test_merged_cells_and_formulas_of_a_workbook(two_clips):
    root = two_clips(ODD)
    table = root / "CASME2-coding.xlsx"
    book = openpyxl.load_workbook(table)
    book.active.merge_cells("A2:A3")
    book.save(table)
    assert [c.subject for c in open_video_dataset(root)[0].usable] == ["sub01", "sub01"]
    book.active["D3"] = "=4+6"
    book.save(table)
    (database,) = open_video_dataset(root)
    assert [clip.name for clip in database.usable] == ["EP01"]
    assert "'=4+6' is not a frame number, a formula that was never calculated" in database.faults[0].reason


@pytest.mark.parametrize(
    ("again", "labels"),
    [
        (FINE, ""),
        (("01", "ep1", *FINE[2:]), ""),
        ((*FINE[:6], "happiness"), ", as disgust and as happiness"),
        ((1, "EP01", 12, 20, 30, "4", "disgust"), ""),
    ],
)
def test_a_clip_listed_twice_counts_once_and_is_said(two_clips, again, labels):
    (database,) = open_video_dataset(two_clips(ODD, again))
    assert [(clip.name, clip.emotion) for clip in database.clips] == [
        ("EP01", "disgust"),
        ("EP02", "disgust"),
    ]
    said = f"listed twice (CASME2-coding.xlsx, row 2 and row 4){labels}: counted once, as in row 2"
    assert any(said in note for note in database.notes)


def test_of_a_clip_listed_twice_the_row_that_can_be_used_counts(two_clips):
    (database,) = open_video_dataset(two_clips(changed(2, "?"), ODD))
    assert len(database.usable) == 2 and any("counted once, as in row 4" in note for note in database.notes)


@pytest.mark.parametrize("separator", [";", "\t", "sep=;"])
def test_a_coding_table_may_have_any_separator_and_mark(two_clips, separator):
    root = two_clips()
    (root / "CASME2-coding.xlsx").unlink()
    rows = [[cell for cell in CASME2_HEADER if cell], FINE, ODD]
    lines = [separator[-1].join(map(str, row)) for row in rows]
    if separator.startswith("sep"):
        lines.insert(0, separator)
    (root / "coding.csv").write_text("\r\n".join(lines), encoding="utf-8-sig")
    assert len(open_video_dataset(root)[0].usable) == 2
    (root / "coding (1).csv").write_text(lines[0], encoding="utf-8-sig")  # a copy, and not whole
    assert len(open_video_dataset(root)[0].usable) == 2


def test_what_macs_and_windows_leave_in_a_database_is_no_frame(two_clips):
    root = two_clips(ODD)
    (plain,) = open_video_dataset(root)
    for picture in list(root.rglob("reg_img*.jpg")):
        picture.with_name(f"._{picture.name}").write_bytes(b"\0\5\26\7Mac OS X")
        (picture.parent / "Thumbs.db").touch()
        (picture.parent / ".DS_Store").touch()
    shutil.copytree(root / "Cropped", root / "__MACOSX" / "Cropped", ignore=shutil.ignore_patterns("reg_*"))
    assert open_video_dataset(root) == (plain,)
    clip = root / "Cropped" / "sub01" / "EP01"
    shutil.copy(clip / "reg_img9.jpg", clip / "reg_img9 (1).jpg")
    (database,) = open_video_dataset(root)
    assert database.clips[0].frames == plain.clips[0].frames and len(database.usable) == 2
    assert any("EP01: 1 copy left out: reg_img9 (1).jpg" in note for note in database.notes)


def test_a_clip_whose_folder_holds_two_series_is_left_out_and_named(two_clips):
    root = two_clips(ODD)
    pictures(root / "Cropped" / "sub01" / "EP02", range(8, 33), "other{}.jpg")
    (database,) = open_video_dataset(root)
    assert [clip.name for clip in database.usable] == ["EP01"]
    assert "2 series of images" in database.faults[0].reason


def test_cropped_smic_is_told_by_its_pictures_alone(tmp_path):
    smic(tmp_path / "S")
    for folder in [path for path in (tmp_path / "S").rglob("s*_*_*") if path.is_dir()]:
        (folder / "Thumbs.db").touch()
        (folder / "._a.bmp").touch()
    (database,) = open_video_dataset(tmp_path / "S")
    assert database.layout == "cropped" and len(database.usable) == 164


def test_an_old_excel_table_is_read_and_a_damaged_one_named(casme2_root, tmp_path):
    pytest.importorskip("python_calamine")
    (casme2_root / "CASME2-coding.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(
        InputError, match=r"cannot read .*CASME2-coding\.xls: .*it should be an \.xls file"
    ) as raised:
        open_video_dataset(casme2_root)
    assert "\n" not in str(raised.value)
    casme2(casme2_root, casme2_rows("V1"))
    assert len(open_video_dataset(casme2_root)[0].clips) == sum(V1.values())
    (table,) = casme2_root.glob("*.xlsx")
    table.rename(casme2_root / "CASME2-coding.xls")  # as some are: a newer file under the old name
    (database,) = open_video_dataset(casme2_root)
    assert len(database.clips) == sum(V1.values()) and database.version.startswith("V1")

    cropped, extended = tmp_path / "SMIC", tmp_path / "HS_long" / "SMIC-HS-E"
    smic(cropped)
    pictures(extended / "s20" / "s20_ne_01", range(3), "image{}.jpg")
    for folder in (cropped, extended):
        (folder / "SMIC-HS.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    (database,) = open_video_dataset(cropped)
    assert "SMIC-HS.xls" in database.notes[0] and len(database.usable) == 164
    with pytest.raises(InputError, match=r"no table of SMIC-HS-E.*cannot read .*SMIC-HS\.xls"):
        open_video_dataset(extended)

    other = tmp_path / "long"
    other.mkdir()
    (other / "SAMM_LongVideos.xls").write_bytes(b"")
    with pytest.raises(InputError, match=r"none of the known layouts; cannot read .*SAMM_LongVideos\.xls"):
        open_video_dataset(other)


def test_a_samm_row_that_is_no_clip_is_named(tmp_path):
    root = samm(tmp_path / "SAMM", [(6, "page 3", *[None] * 10)], SAMM_HEADER)
    pictures(root / "006" / "006_1_2", range(3))
    with pytest.raises(InputError, match=r"'page 3' is not a clip's name"):
        open_video_dataset(root)
    shutil.rmtree(root / "006")
    with pytest.raises(InputError, match="none of the known layouts"):
        open_video_dataset(root)


def test_the_known_mistakes_are_all_in_the_table_of_the_tests():
    from offline.datasets.errata import ERRATA

    named = {(f"sub{row[0]:02d}", row[1]) for row in CASME2_KNOWN}
    assert {(e.subject, e.clip) for e in ERRATA if e.dataset == "casme2"} <= named


@pytest.mark.parametrize(
    ("name", "header", "row", "folder", "expected"),
    [
        (
            "dfme",
            (
                "Subject",
                "Filename",
                "OnsetFrame",
                "ApexFrame",
                "OffsetFrame",
                "Emotion",
                "EmotionId",
                "Fps",
                "AU",
            ),
            ("sub0003", "sub0003_01", 2, 5, 8, "anger", 0, 300, "23"),
            "part1/sub0003_01",
            ("sub0003", 300.0, 2, 5, 8, "anger"),
        ),
        (
            "casme1",  # no offsets: to the last image
            ("Subject", "Filename", "OnsetF", "ApexF1", "Emotion"),
            (1, "EP01_12", 2, 5, "tense"),
            "sub01/EP01_12",
            ("1", 60.0, 2, 5, 10, "tense"),
        ),
        (
            "meview",  # no apexes
            ("Subject", "Filename", "OnsetFrame", "OffsetFrame", "VideoFile", "StartFrameVideo", "Emotion"),
            (1, "sub01-1", 2, 8, "a.mp4", 64967, "comtempt"),
            "sub01-1",
            ("1", 25.0, 2, None, 8, "contempt"),
        ),
    ],
)
def test_databases_of_one_row_a_clip_that_their_table_tells(tmp_path, name, header, row, folder, expected):
    write_table(tmp_path / name / "labels.xlsx", [header, row])
    pictures(tmp_path / name / folder, range(1, 11), "img{}.jpg")
    for given in (None, name):
        (database,) = open_video_dataset(tmp_path / name, given)
        (clip,) = database.usable
        found = (clip.subject, clip.fps, clip.onset, clip.apex, clip.offset, clip.emotion)
        assert database.name == name and found == expected


def test_the_cameras_of_smic_are_read_from_their_own_sheets(tmp_path):
    book = openpyxl.Workbook()
    for title, first, last in (("HS", 100, 120), ("VIS", 25, 30)):
        sheet = book.create_sheet(title)
        sheet.append(("Subject", "Filename", "OnsetF", "OffsetF", "Emotion"))
        sheet.append((1, "s1_ne_01", first, last, "negative"))
    del book["Sheet"]
    for camera, first in (("HS", 100), ("VIS", 25)):
        pictures(
            tmp_path / camera / f"SMIC-{camera}-E" / "s1" / "s1_ne_01",
            range(first - 5, first + 30),
            "image{}.jpg",
        )
    book.save(tmp_path / "annotation.xlsx")
    marks = {d.name: [(c.onset, c.offset) for c in d.usable] for d in open_video_dataset(tmp_path)}
    assert marks == {"smic": [(100, 120)], "smic-vis": [(25, 30)]}
