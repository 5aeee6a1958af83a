"""`apexbench spot --real`: real videos as they are, and with known micro-expressions implanted in them."""

import csv
import io
import json
import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.errors import InputError
from engines.synthesis import Identity, Renderer, Scene
from offline.spotting import batch, footage, keep
from offline.spotting.activity import ACTIVITIES, activities
from offline.spotting.footage import Faces, find_videos, read_frames
from offline.spotting.measure import kind_of
from offline.spotting.real import ImplantedVideo, Implants, RealVideo, usable_runs
from offline.spotting.real_report import spread
from offline.spotting.real_results import interval

sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))
sys.path.insert(0, str(Path(__file__).parent))
import apexbench_command
from made_films import Made, make

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "video" / "real"
FPS = 25


def call(monkeypatch, capsys, *arguments):
    return apexbench_command.call(monkeypatch, capsys, "spot", *arguments)


def write_video(path, frames):
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"FFV1"), FPS, (width, height))
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def face_frames(count, side=320):
    renderer = Renderer(
        Scene(
            identity=Identity(face_px=150, smile=0.2),
            width=side,
            height=side,
            fps=float(FPS),
            performances=[],
            noise=1.0,
            sway_px=1.0,
            sway_deg=0.0,
            yaw_px=0.0,
            breathing=0.0,
        )
    )
    return [renderer.frame(i) for i in range(count)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two videos: a face at rest; and one that is cut to an empty room and comes back elsewhere."""
    folder = tmp_path_factory.mktemp("videos")
    still = face_frames(5 * FPS)
    write_video(folder / "calm.mkv", still)
    room = [np.full((320, 320, 3), 90, np.uint8)] * 10
    elsewhere = [np.roll(frame, 60, axis=1) for frame in still[:60]]
    write_video(folder / "cut.mkv", [*still[:60], *room, *elsewhere])
    (folder / "notes.txt").write_text("no video")
    return folder


@pytest.fixture(scope="module")
def finished(videos, tmp_path_factory):
    """A finished run with implants: what it printed, its folder, and the folder of the videos it kept."""
    out, kept = tmp_path_factory.mktemp("real") / "run", tmp_path_factory.mktemp("kept")
    arguments = ["--real", videos, "--implant", "--size", "2-2.6", "--keep", kept, "--out", out, "--jobs", 1]
    return apexbench_command.results("spot", *arguments), out, kept


def implanted_of(finished, videos, name):
    _, out, _ = finished
    return ImplantedVideo(RealVideo(videos / name, out / "faces"), 1, Implants(size_px=(2.0, 2.6)))


def test_a_face_that_goes_and_comes_back_is_implanted_in_neither_first_second_nor_gap(finished, videos):
    cut = implanted_of(finished, videos, "cut.mkv")
    faces = cut.real.faces
    assert faces.usable[:60].all() and not faces.usable[60:70].any() and faces.usable[-50:].all()
    stretches = usable_runs(faces)
    assert len(stretches) == 2 and stretches[0] == (0, 59) and 70 <= stretches[1][0] <= 80
    for seed in range(20):
        truths = ImplantedVideo(cut.real, seed).performed()
        for t in truths:
            inside = [first for first, last in stretches if first + FPS <= t.onset + 1 and t.offset < last]
            assert len(inside) == 1
    assert ImplantedVideo(cut.real, 3).performed() == ImplantedVideo(cut.real, 3).performed()


def test_implants_are_apart_and_as_asked(finished, videos):
    video = implanted_of(finished, videos, "calm.mkv")
    every = [ImplantedVideo(video.real, seed, Implants((1.0, 1.5), (0.3, 0.4))) for seed in range(20)]
    for one in every:
        acts = one.performances
        assert acts and acts[0].onset_s >= 1.0
        assert all(b.onset_s - a.offset_s >= 1.2 for a, b in pairwise(acts))
        assert all(1 <= a.amplitude_px <= 1.5 and 0.3 <= a.offset_s - a.onset_s <= 0.4 for a in acts)
    assert len({one.performances[0].onset_s for one in every}) == 20
    assert len({one.identity() for one in every}) == 20


def test_frames_without_an_implant_are_those_of_the_file(finished, videos):
    video = implanted_of(finished, videos, "calm.mkv")
    moving = {i for t in video.performed() for i in range(t.onset, t.offset + 1)}
    changed = set()
    for (i, image), (_, _, original) in zip(video.frames(), read_frames(video.real.path), strict=True):
        if (image != original).any():
            changed.add(i)
    assert changed and changed <= moving
    assert {t.apex for t in video.performed()} <= changed


def test_results_say_alarms_a_minute_and_what_was_found_of_the_implants(finished):
    printed, out, _ = finished
    assert printed == json.loads((out / "results.json").read_text())
    assert printed["schema"] == "apexbench.spot/1" and printed["source"] == "real"
    real = printed["real"]
    assert [row["name"] for row in real["videos"]] == ["calm.mkv", "cut.mkv"]
    total = real["total"]
    assert 5 < total["usable_s"] < 10 and total["told"] == len(real["alarms"])
    assert total["told_per_minute"] == pytest.approx(60 * total["told"] / total["usable_s"], abs=0.01)
    assert total["bootstrap"] == {"resamples": 2000, "seed": 0, "over": "people"}
    assert [row["activity"] for row in real["by_activity"]] == list(ACTIVITIES)
    assert sum(row["usable_s"] for row in real["by_activity"]) == pytest.approx(total["usable_s"], abs=0.1)
    assert set(real) >= {"alarms", "refused", "blind_s"} and real["blind_s"]["settling"] > 0.5
    found = printed["implanted"]
    assert found["implanted"] == sum(row["implanted"] for row in found["by_size"]) >= 1
    assert found["hits"] + len(found["misses"]) == found["implanted"]
    assert sum(found["missed_by"].values()) == len(found["misses"])
    # Where the implants fall is drawn by the file's content: one video may get none, and then there is no interval.
    several = sum(row["implanted"] > 0 for row in found["by_video"]) > 1
    ends = found["recall_ci95_over_people"]
    assert (ends is not None) == several
    assert ends is None or 0 <= ends[0] <= found["recall"] <= ends[1] <= 1
    bins = {"2-2.15", "2.15-2.3", "2.3-2.45", "2.45-2.6"}
    assert {row["size_px"] for row in found["by_size"]} <= bins
    for name in ("by_activity", "by_action_units", "by_label", "by_video"):
        assert sum(row["hits"] for row in found[name]) == found["hits"]
    assert found["hits"] == 0 or {"mae_frames", "mae_ms"} == set(found["apex"])


def test_the_page_shows_alarms_and_misses_and_stands_alone(finished):
    printed, out, _ = finished
    page = (out / "report.html").read_text()
    assert "Without annotation: an alarm may be real" in page
    assert "http" not in page and "<script" not in page and "<link" not in page
    strips = len(printed["real"]["alarms"]) + len(printed["implanted"]["misses"])
    assert page.count("<figure class=strip>") == strips
    assert page.count("<img") == page.count('src="data:image/jpeg;base64,') >= 4 * strips
    for words in ("By video", "meanwhile", "Why nothing was spotted", "Implanted micro-expressions"):
        assert words in page
    assert len(page) < 2_000_000


def test_events_are_a_line_each_and_nothing_unannotated_is_called_false(finished):
    printed, out, _ = finished
    rows = list(csv.DictReader(io.StringIO((out / "events.csv").read_text())))
    assert {row["outcome"] for row in rows} <= {"hit", "missed", "told"}
    implanted = [row for row in rows if row["outcome"] in ("hit", "missed")]
    assert len(implanted) == printed["implanted"]["implanted"]


def test_kept_videos_are_what_was_measured_and_carry_their_truth(finished, videos):
    _, _, kept = finished
    assert sorted(p.name for p in kept.iterdir()) == [
        *("calm.mkv-implanted1.mkv", "cut.mkv-implanted1.mkv", "truth.csv")
    ]
    video = implanted_of(finished, videos, "calm.mkv")
    again = read_frames(kept / "calm.mkv-implanted1.mkv")
    for (i, image), (k, t_s, read) in zip(video.frames(), again, strict=True):
        assert i == k and (image == read).all()
        assert t_s == pytest.approx(video.time_s(i), abs=0.002)
    rows = [
        row
        for row in csv.DictReader(io.StringIO((kept / "truth.csv").read_text()))
        if row["video"] == video.name
    ]
    for row, truth in zip(rows, video.performed(), strict=True):
        assert [int(row[k]) for k in ("onset", "apex", "offset")] == [truth.onset, truth.apex, truth.offset]
        assert row["action_units"] == "+".join(map(str, truth.aus)) and row["activity"] in ACTIVITIES
        assert float(row["size_px"]) == pytest.approx(truth.amplitude_px, abs=0.001)


def test_frames_of_an_odd_size_are_kept_as_pictures_and_nothing_half_written_stays(tmp_path):
    class Odd:
        name, fps, count = "odd", 25.0, 3
        images = np.random.default_rng(0).integers(0, 256, (3, 31, 41, 3), dtype=np.uint8)

        def frames(self):
            yield from enumerate(self.images)

    class Broken(Odd):
        name = "broken"

        def frames(self):
            yield 0, self.images[0]
            raise OSError(28, "No space left on device")

    place = keep.keep_clip(Odd(), lambda _: None, tmp_path)
    for path, image in zip(sorted(place.iterdir()), Odd.images, strict=True):
        assert (cv2.imread(str(path)) == image).all()
    with pytest.raises(InputError, match=r"disk of .* is full"):
        keep.keep_clip(Broken(), lambda _: None, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["odd"]


def test_a_finished_run_is_neither_seen_nor_measured_again(finished, videos, monkeypatch, capsys):
    printed, out, _ = finished

    def never(*_):
        raise AssertionError("done again")

    monkeypatch.setattr(batch, "measure", never)
    monkeypatch.setattr(footage, "FaceTracker", never)
    code, text, err = call(
        monkeypatch, capsys, "--real", videos, "--implant", "--size", "2-2.6", "--out", out, "--jobs", 1
    )
    assert code == 0 and "written:" in err
    assert "motion on real videos" in text and "implanted:" in text and "an alarm may be real" in text
    assert json.loads((out / "results.json").read_text())["real"] == printed["real"]


def test_rest_head_motion_and_speech_are_told_apart_by_the_landmarks(finished, videos):
    seen = implanted_of(finished, videos, "cut.mkv").real.faces
    assert (activities(seen)[60:70] == -1).all() and (activities(seen)[10:50] == 0).mean() > 0.8
    times = np.arange(100) / FPS
    marks = np.repeat(seen.landmarks[30:31].astype(np.float64), 100, 0)
    marks += np.random.default_rng(0).normal(0, 0.15, marks.shape)
    wide, middle = np.linalg.norm(marks[0, 454] - marks[0, 234]), marks[0].mean(0)

    def doing(moved):
        faces = Faces(times, moved.astype(np.float32), np.ones(100, bool), np.zeros(100, np.int32))
        return activities(faces)[20:80]

    assert (doing(marks) == ACTIVITIES.index("rest")).all()
    travel = np.array([1.0, 0, 0]) * (0.2 * wide * times)[:, None, None]
    assert (doing(marks + travel) == ACTIVITIES.index("head motion")).all()
    angles = np.radians(8) * np.sin(2 * np.pi * 0.5 * times)
    turns = np.array([[[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]] for a in angles])
    turned = np.einsum("nij,npj->npi", turns, marks - middle) + middle
    assert (doing(turned) == ACTIVITIES.index("head motion")).mean() > 0.7
    speaking = turned.copy()
    speaking[:, 14, 1] += 0.04 * wide * (1 + np.sin(2 * np.pi * 4 * times))
    assert (doing(speaking) == ACTIVITIES.index("speech")).all()
    smiling = marks.copy()
    smiling[50:, [61, 291], 0] += np.array([-0.05, 0.05]) * wide
    assert (doing(smiling)[25:35] == ACTIVITIES.index("speech")).all()


def test_faces_are_kept_whole_or_looked_for_again(finished, videos, tmp_path):
    faces = implanted_of(finished, videos, "cut.mkv").real.faces
    footage.save_faces(tmp_path / "faces" / "a.npz", faces)
    again = footage.load_faces(tmp_path / "faces" / "a.npz")
    assert (again.usable == faces.usable).all() and (again.times_s == faces.times_s).all()
    whole = (tmp_path / "faces" / "a.npz").read_bytes()
    for part in (b"", whole[:100], whole[: len(whole) // 2]):
        (tmp_path / "cut.npz").write_bytes(part)
        assert footage.load_faces(tmp_path / "cut.npz") is None
    assert footage.load_faces(tmp_path / "nothing.npz") is None
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        footage.save_faces(tmp_path / "file" / "a.npz", faces)


def test_a_damaged_frame_shows_nobody(tmp_path):
    path = make(tmp_path / "film.mkv", Made("ffv1", frames=30))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    frames = list(read_frames(path))
    black = [index for index, _, image in frames if not image.any()]
    assert [index for index, _, _ in frames] == list(range(30))
    assert [t_s for _, t_s, _ in frames] == pytest.approx([i / 30 for i in range(30)], abs=0.001)
    assert 0 < len(black) < 15


def test_reasons_are_one_kind_whatever_their_numbers():
    assert kind_of("too long for a micro-expression (620 ms)") == "too long for a micro-expression"
    assert kind_of("face 80 px wide, needs 90: come closer") == "face wide, needs: come closer"
    assert kind_of("head turned sideways (34°, 2°): look here") == "head turned sideways: look here"
    assert kind_of("too faint") == "too faint"


def test_the_interval_is_over_people_and_always_the_same():
    counts = [("ann", 0, 1.0), ("bob", 6, 1.0), ("cy", 3, 1.0)]
    low, high = interval(counts)
    assert [low, high] == interval(counts) and 0 <= low < 3 < high <= 6
    assert interval(counts[:1]) is None and interval([("ann", 0, 0.0), ("bob", 0, 0.0)]) is None
    # Two videos of one person are no second person.
    assert interval([("ann", 0, 1.0), ("ann", 6, 1.0)]) is None
    halves = [(who, part, 0.5) for who, part, _ in counts for part in (part / 2, part / 2)]
    assert interval(halves) == [low, high]


def test_common_expressions_are_four_and_all_are_more(finished, videos):
    real = implanted_of(finished, videos, "calm.mkv").real

    def drawn(expressions):
        every = [ImplantedVideo(real, seed, Implants(expressions=expressions)) for seed in range(150)]
        return {one.aus for video in every for one in video.performances}

    assert drawn("common") == {(6, 12), (1, 2, 26), (4, 15), (9, 15)} < drawn("all") | {(9, 15)}
    assert len(drawn("all")) > 8


def test_people_of_a_table_share_an_interval(finished, videos, tmp_path, monkeypatch, capsys):
    table = tmp_path / "people.csv"
    table.write_text("file,person\ncalm.mkv,ann\ncut.mkv,ann\n")
    _, out, _ = finished
    arguments = ["--real", videos, "--people", table, "--out", out, "--jobs", 1, "--json"]
    code, said, _ = apexbench_command.call(monkeypatch, capsys, "spot", *arguments)
    total = json.loads(said)["real"]["total"]
    assert code == 0 and total["people"] == 1 and total["told_per_minute_ci95"] is None


def test_a_page_shows_some_of_many_from_beginning_to_end():
    many = [{"k": k} for k in range(150)]
    shown = [m["k"] for m in spread(many, 60)]
    assert len(shown) == 60 and shown[0] == 0 and shown[-1] > 145
    assert spread(many[:5], 60) == many[:5]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--real", "nowhere"), "no such folder or video: nowhere"),
        (("--real", "empty"), "no video in"),
        (("--real", "broken"), "not a video"),
        (("--real", "broken/b.mp4", "--rendered"), "give either --data DIR"),
        (("--rendered", "--implant"), "--implant and --keep go with --real DIR"),
        (("--real", "broken", "--keep", "k"), "give --implant too"),
        (("--real", "broken", "--implant", "--size", "big"), "--size 'big' is not a range"),
        (("--real", "broken", "--implant", "--size", "3-1"), "choose within 0 and 12"),
        (("--real", "broken", "--implant", "--length", "0.2-2"), "lasts 0.04 to 0.5 s"),
        (("--real", "broken", "--implant", "--course", "square"), "choose from minimum-jerk, raised-cosine"),
        (("--real", "broken", "--implant", "--implant-seeds", "x"), "--implant-seeds 'x' is not a list"),
    ],
)
def test_unusable_input_is_one_line_and_exit_2(arguments, words, tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "b.mp4").write_bytes(b"not a video at all" * 100)
    monkeypatch.chdir(tmp_path)
    code, out, err = call(monkeypatch, capsys, "--out", tmp_path / "run", *arguments)
    assert code == 2 and out == ""
    said = [line for line in err.splitlines() if line.startswith("apexbench:")]
    assert len(said) == 1 and words in said[0]
    assert "Traceback" not in err


def test_one_file_is_a_run_too(videos):
    assert find_videos(videos / "calm.mkv") == [videos / "calm.mkv"]
    (videos / "._calm.mkv").write_bytes(b"\0\5\26\7Mac OS X")
    assert find_videos(videos) == [videos / "calm.mkv", videos / "cut.mkv"]


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the measuring data is not beside the checkout")
def test_a_real_clip_of_a_speaking_man(tmp_path, monkeypatch, capsys):
    code, text, _ = call(
        monkeypatch,
        capsys,
        "--real",
        SHARED / "sentence_a.mpg",
        "--out",
        tmp_path / "run",
        "--jobs",
        1,
        "--json",
    )
    assert code == 0
    (row,) = json.loads(text)["real"]["videos"]
    assert row["frames"] == 75 and row["usable_s"] > 2
    assert row["activity_s"]["speech"] > row["activity_s"]["rest"]
