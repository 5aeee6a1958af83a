"""Where long videos come from: rendered by seed, or read in the layouts of the databases."""

import pickle
import shutil

import cv2
import numpy as np
import openpyxl
import pytest

from engines.errors import InputError
from offline.spotting.long_videos import load_database
from offline.spotting.rendered import Knobs, RenderedVideo
from offline.spotting.truth import Interval

SAMM_HEADER = (
    *("Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type"),
    *("Action Units", "Notes"),
)


def images(folder, names):
    folder.mkdir(parents=True)
    for shade, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((24, 32, 3), shade, np.uint8))


def casme(root, rows, rule1=None, rule2=None):
    """The workbook of CAS(ME)^2: coded rows without a header, and two naming rules."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "CASFEcode_final"
    for row in rows:
        sheet.append(row)
    for title, rule in (
        ("naming rule1", rule1 or [(15, "s15", 1), (16, "s16", 2)]),
        ("naming rule2", rule2 or [("0101", "disgust1"), ("0502", "happy2")]),
    ):
        sheet = book.create_sheet(title)
        for row in rule:
            sheet.append(row)
    root.mkdir(exist_ok=True)
    book.save(root / "CAS(ME)^2code_final.xlsx")


def samm(root, rows, header=SAMM_HEADER, lead=9):
    """The workbook of SAMM Long Videos: lines of words, then the header."""
    book = openpyxl.Workbook()
    for line in range(lead):
        book.active.append((f"about the recordings, line {line}",))
    book.active.append(header)
    for row in rows:
        book.active.append(row)
    root.mkdir(exist_ok=True)
    book.save(root / "SAMM_LongVideos_V3_Release.xlsx")


CASME_ROWS = [
    (1, "disgust1_1", 3, 5, 8, "4+7", "negative", "macro-expression", "disgust"),
    (1, "disgust1_2", 9, 11, 0, "4", "negative", "micro-expression", "disgust"),
    (2, "happy2_1", 1, 0, 6, "12", "positive", "micro-expression", "happiness"),
    (2, "happy2_2", 7, 9, 12, "12", "others", "macro-expression", "happiness"),
]


@pytest.fixture
def casme_root(tmp_path):
    root = tmp_path / "CASME_sq"
    casme(root, CASME_ROWS)
    images(root / "rawpic" / "s15" / "15_0101disgustingteeth", [f"img{i}.jpg" for i in range(1, 13)])
    images(root / "rawpic" / "s16" / "16_0502loudspeaker", [f"img{i:05d}.jpg" for i in range(1, 15)])
    images(root / "rawpic" / "s16" / "16_0101disgustingteeth", ["img1.jpg", "img2.jpg"])
    return root


def test_casme_s_rows_meet_their_folders_by_the_naming_rules(casme_root):
    database = load_database(casme_root)
    assert database.layout == "casme2long"
    videos = {video.name: video for video in database.videos}
    assert set(videos) == {"s15-0101", "s16-0502", "s16-0101"}
    assert videos["s15-0101"].performed() == [
        Interval("macro", 3, 5, 8, "negative"),
        # An offset of 0 was not seen: the apex ends it.
        Interval("micro", 9, 11, 11, "negative"),
    ]
    assert videos["s16-0502"].performed() == [
        Interval("micro", 1, None, 6, "positive"),
        Interval("macro", 7, 9, 12),
    ]
    assert videos["s16-0101"].performed() == []
    assert all(video.fps == 30 and not video.neutral for video in database.videos)
    assert database.notes == ()


def test_frames_come_in_the_order_of_their_numbers_padded_or_not(casme_root):
    videos = {video.name: video for video in load_database(casme_root).videos}
    numbers = [number for number, _ in videos["s15-0101"].frames()]
    assert numbers == list(range(1, 13)) and videos["s15-0101"].count == 12
    shades = [int(image.mean().round()) for _, image in videos["s16-0502"].frames()]
    assert shades == sorted(shades)


def test_rows_without_a_folder_are_said_and_left_out(casme_root):
    shutil.rmtree(casme_root / "rawpic" / "s15")
    database = load_database(casme_root)
    assert {video.subject for video in database.videos} == {"s16"}
    assert database.notes == ("2 rows belong to 1 videos that are not here (s15-0101); they are left out",)


def test_what_a_video_is_changes_with_its_images_and_its_rows(casme_root):
    video = load_database(casme_root).videos[0]
    before = video.identity()
    assert load_database(casme_root).videos[0].identity() == before
    cv2.imwrite(
        str(casme_root / "rawpic" / "s15" / "15_0101disgustingteeth" / "img13.jpg"), np.zeros((24, 32, 3))
    )
    assert load_database(casme_root).videos[0].identity() != before


def test_samm_s_header_is_found_below_the_words_and_read_by_name(tmp_path):
    root = tmp_path / "samm"
    rows = [
        ("006", "006_1_2", 1, 562, 566, 570, 9, "Micro - 1/2", "4", None),
        ("006", "006_1_3", 1, 580, -1, 590, 11, "Macro", "12", "x"),
        ("007", "007_3_1", 3, 1, 2, 3, 3, "Other", "", None),
    ]
    samm(root, rows)
    images(root / "SAMM_longvideos" / "006_1", [f"006_1_{i:04d}.jpg" for i in range(560, 600)])
    images(root / "SAMM_longvideos" / "007_3", ["007_3_0001.jpg"])
    database = load_database(root, "sammlv")
    first, second = database.videos
    assert (first.name, first.subject, first.fps, first.first, first.count) == (
        "006_1",
        "006",
        200.0,
        560,
        40,
    )
    assert first.performed() == [Interval("micro", 562, 566, 570), Interval("macro", 580, None, 590)]
    assert second.performed() == []
    # Other columns in another order, and longer names, are the same table.
    header = ("Filename", "Type", "Offset Frame", "Apex Frame", "Onset Frame")
    samm(root, [("006_1_2", "Micro - 1/2", 570, 566, 562)], header=header, lead=3)
    assert load_database(root).videos[0].performed() == [Interval("micro", 562, 566, 570)]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (shutil.rmtree, "no such folder"),
        (lambda root: (root / "CAS(ME)^2code_final.xlsx").unlink(), "holds no table of long videos"),
        (lambda root: (root / "CAS(ME)^2code_final.xlsx").write_text("a,b"), "should be an .xlsx file"),
        (lambda root: shutil.rmtree(root / "rawpic"), "no folder rawpic"),
        (lambda root: [shutil.rmtree(p) for p in (root / "rawpic").iterdir()], "no folder of images"),
        (
            lambda root: casme(root, [(1, "anger9_1", 1, 2, 3, "", "negative", "micro-expression", "")]),
            "row 1: ",
        ),
        (
            lambda root: casme(root, [(1, "disgust1_1", 9, 2, 3, "", "", "micro-expression", "")]),
            "after offset 3",
        ),
        (
            lambda root: casme(root, [(1, "disgust1_1", "one", 2, 3, "", "", "micro-expression", "")]),
            "'one' is not",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(casme_root, spoil, words):
    spoil(casme_root)
    with pytest.raises(InputError, match=words) as raised:
        load_database(casme_root)
    assert "\n" not in str(raised.value)


def test_odd_rows_are_left_out_and_named_and_the_rest_goes_on(casme_root):
    kind = "micro-expression"
    rows = [
        (1, "disgust1_1", 3, 5, 8, "", "negative", kind, ""),
        (1, "disgust1_1", 3, 5, 8, "", "negative", kind, ""),
        (1, "disgust1_2", 4, "?", 9, "", "negative", kind, ""),
        (1, "disgust1_3", 5, 6, "n/a", "", "negative", kind, ""),
        (1, "anger9_1", 1, 2, 3, "", "negative", kind, ""),
    ]
    casme(casme_root, rows)
    database = load_database(casme_root)
    video = next(video for video in database.videos if video.intervals)
    assert [(one.onset, one.apex, one.offset) for one in video.intervals] == [(3, 5, 8), (4, None, 9)]
    said = "\n".join(database.notes)
    for words in (
        "row 1 and row 2): counted once",
        "row 3: '?' is not a frame number: its apex is spotted",
        "row 4: 'n/a' is not a frame number: left out",
        "row 5: the naming rules know no subject 1, video anger9_1: left out",
    ):
        assert words in said


def test_a_wrong_layout_and_a_wrong_table_are_refused(casme_root, tmp_path):
    with pytest.raises(InputError, match="choose from casme2long, sammlv"):
        load_database(casme_root, "casme3")
    with pytest.raises(InputError, match="expected SAMM_LongVideos"):
        load_database(casme_root, "sammlv")
    samm(tmp_path / "s", [], header=("Filename", "Onset", "Offset", "Type"))
    with pytest.raises(InputError, match="no column apex"):
        load_database(tmp_path / "s")
    samm(tmp_path / "t", [], header=("A", "B"))
    with pytest.raises(InputError, match="no header with Filename and Onset"):
        load_database(tmp_path / "t")


def test_an_image_that_cannot_be_read_is_named(casme_root):
    broken = casme_root / "rawpic" / "s15" / "15_0101disgustingteeth" / "img7.jpg"
    broken.write_bytes(b"no picture")
    video = next(v for v in load_database(casme_root).videos if v.name == "s15-0101")
    with pytest.raises(InputError, match=r"img7\.jpg is not a readable image"):
        list(video.frames())


def test_a_seed_is_the_same_take_at_every_frame_rate():
    fast, slow = RenderedVideo(107, Knobs(fps=200, seconds=20)), RenderedVideo(107, Knobs(fps=25, seconds=20))
    assert (fast.count, slow.count) == (4000, 500)
    for a, b in zip(fast.performed(), slow.performed(), strict=True):
        assert (a.kind, a.label, a.aus, a.amplitude_px) == (b.kind, b.label, b.aus, b.amplitude_px)
        assert a.onset / 200 == pytest.approx(b.onset / 25, abs=0.06)
    assert any(t.kind == "micro" and 0.8 <= t.amplitude_px <= 2.6 for t in fast.performed())
    assert 1.5 <= fast.scene.noise <= 3 and 3 <= fast.scene.sway_px <= 6


def test_neutral_videos_hold_everything_else():
    kinds = {
        t.kind
        for seed in (1101, 1102)
        for t in RenderedVideo(seed, Knobs(seconds=60, neutral=True)).performed()
    }
    assert kinds == {"macro", "speech", "blink", "gaze", "light"}


def test_lively_videos_are_other_videos_of_the_same_faces():
    calm, lively = RenderedVideo(106), RenderedVideo(106, Knobs(lively=True), "-sway3")
    assert lively.name == "face106-200fps-lively-sway3"
    assert lively.identity() != calm.identity()
    assert lively.scene.identity == calm.scene.identity
    assert (lively.scene.noise, lively.scene.real_head, calm.scene.real_head) == (calm.scene.noise, 1.0, 0.0)
    done = lively.performed()
    assert {t.kind for t in done} >= {"micro", "speech", "laughter", "blink"}
    talks = [t for t in done if t.kind in ("speech", "laughter")]
    assert any(t.onset < m.onset < m.offset < t.offset for m in done if m.kind == "micro" for t in talks)
    assert lively.head_px(0, 2000) > 1.2 * calm.head_px(0, 2000)


def test_the_head_s_way_is_told():
    video = RenderedVideo(101, Knobs(fps=50, seconds=4, sway_px=(6.0, 6.0)))
    still = RenderedVideo(101, Knobs(fps=50, seconds=4, sway_px=(0.0, 0.0)))
    assert video.head_px(20, 20) == 0.0
    assert video.head_px(0, 150) > still.head_px(0, 150) + 1


def test_a_video_travels_to_another_process_without_its_renderer():
    video = RenderedVideo(101, Knobs(fps=25, seconds=2))
    _, image = next(iter(video.frames()))
    sent = pickle.dumps(video)
    assert len(sent) < 2000
    again = pickle.loads(sent)
    assert again.identity() == video.identity()
    assert np.array_equal(next(iter(again.frames()))[1], image)


def test_knobs_change_what_a_video_is():
    base = RenderedVideo(101)
    assert base.identity() != RenderedVideo(102).identity()
    assert base.identity() != RenderedVideo(101, Knobs(noise=(1.0, 1.0))).identity()
    with pytest.raises(InputError, match="between 2 and 3600"):
        Knobs(seconds=0)
    with pytest.raises(InputError, match="between 10 and 500"):
        Knobs(fps=1000)
