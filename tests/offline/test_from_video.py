"""From a rendered database in an official layout to scores: rendered, read, prepared, cached, run."""

import csv
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.errors import InputError
from engines.face import CROP_HEIGHT, CROP_WIDTH
from offline.datasets import rendered
from offline.datasets.class_maps import CDE, FIVE
from offline.datasets.rendered import Rendering, open_layout, render
from offline.datasets.video import open_video_dataset
from offline.inputs import INPUTS, Input, work
from offline.inputs.cache import load
from offline.inputs.from_video import from_video, measured_by
from offline.inputs.loading import default_cache
from offline.inputs.work import make_inputs
from offline.preparation.prepare import AROUND, prepare
from offline.preparation.settings import Preparation

sys.path.insert(0, str(Path(__file__).parent))
from apexbench_command import call

FIRST = Input("first", "1", lambda clip: clip.crops[clip.onset])


@pytest.fixture(scope="module")
def casme2(tmp_path_factory):
    out = tmp_path_factory.mktemp("rendered") / "casme2"
    assert render(Rendering(open_layout("casme2"), 2, 2), out) == {"": 4}
    return out


@pytest.fixture
def mine(casme2, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(casme2, tmp_path / "casme2")


@pytest.fixture
def fast_inputs(monkeypatch):
    monkeypatch.setitem(INPUTS, "first", FIRST)


def clips_of(folder):
    return open_video_dataset(folder)[0].usable


# -- rendered ----------------------------------------------------------------------------------------------------------


def test_a_rendered_database_is_read_back_whole(casme2):
    (database,) = open_video_dataset(casme2)
    assert (database.name, database.layout, len(database.clips)) == ("casme2", "cropped", 4)
    assert (
        not database.faults
        and not database.notes
        and {clip.subject for clip in database.clips} == {"sub01", "sub02"}
    )
    for clip in database.clips:
        numbers = [number for number, _ in clip.frames]
        assert numbers == list(range(clip.onset, clip.offset + 1)) and clip.onset < clip.apex < clip.offset
        assert clip.frames[0][1].name == f"reg_img{clip.onset}.jpg" and clip.action_units
    kept, left_out = FIVE.labelled(database.clips)
    assert len(kept) == 4 and not left_out
    assert cv2.imread(str(database.clips[0].frames[0][1])).shape == (340, 280, 3)


class Blank:
    """A renderer that renders nothing."""

    def __init__(self, scene):
        self.eyes = np.zeros((478, 3), np.float32)
        self.eyes[362, 0] = 60

    def landmarks(self, index):
        return self.eyes

    def frame(self, index):
        return np.full((48, 64, 3), 90, np.uint8)


@pytest.fixture
def blank_faces(monkeypatch):
    """No picture is rendered, everything else is done."""
    monkeypatch.setattr(rendered, "Renderer", Blank)


def test_a_rendered_database_is_told_from_a_recorded_one(tmp_path, blank_faces, monkeypatch):
    render(Rendering(open_layout("casme2"), 1, 2, seed=5, errata=True), tmp_path / "casme2")
    mark = tmp_path / "casme2" / "RENDERED.txt"
    assert "1 people, 2 clips each, seed 5, cropped images, with the" in mark.read_text()
    monkeypatch.chdir(tmp_path / "casme2" / "Cropped")
    for folder in (tmp_path, tmp_path / "casme2", Path(), Path("..")):
        assert [database.rendered for database in open_video_dataset(folder)] == ["seed 5"]
    mark.unlink()
    assert open_video_dataset(tmp_path)[0].rendered == "seed 5"  # the folder of images has one too
    inner = mark.parent / "Cropped" / mark.name
    inner.write_text("what somebody else calls so")
    assert not open_video_dataset(tmp_path)[0].rendered
    inner.unlink()
    assert not open_video_dataset(tmp_path)[0].rendered


@pytest.mark.parametrize(
    ("layout", "images", "first"),
    [
        ("casme2", "raw", "CASME2_RAW_selected/sub01"),
        ("smic", "cropped", "SMIC_all_cropped/HS/s1/micro"),
        ("smic", "raw", "SMIC_all_raw/VIS/s2/micro"),
        ("samm", "raw", "006/006_5_1"),
    ],
)
def test_every_layout_is_told_by_its_folder_alone(tmp_path, blank_faces, layout, images, first):
    counts = render(Rendering(open_layout(layout), 2, 1, images=images), tmp_path / "out")
    assert (tmp_path / "out" / first).is_dir()
    databases = open_video_dataset(tmp_path / "out")
    assert all(d.rendered for d in databases)
    assert [len(d.clips) for d in databases] == list(counts.values()) and not any(d.faults for d in databases)
    assert {d.name.split("-")[0] for d in databases} == {layout}
    assert all(
        clip.onset < (clip.apex or clip.onset + 1) <= clip.offset for d in databases for clip in d.clips
    )


def test_rendering_depends_on_the_seed_alone(tmp_path, blank_faces):
    chosen = open_layout("smic")

    def files(name, **changes):
        render(Rendering(chosen, 2, 1, **changes), tmp_path / name)
        return sorted(str(path.relative_to(tmp_path / name)) for path in (tmp_path / name).rglob("*.bmp"))

    first = files("a")
    assert files("b") == first and files("c", seed=1) != first
    with pytest.raises(InputError, match="is not an empty folder"):
        files("a")
    with pytest.raises(InputError, match="choose one of casme2, smic, samm"):
        open_layout("casme")
    with pytest.raises(InputError, match="choose cropped or raw"):
        Rendering(chosen, 1, 1, images="warped")
    with pytest.raises(InputError, match="--intensity 9: choose"):
        Rendering(chosen, 1, 1, intensity=9)


def test_errata_are_rendered_and_mended(tmp_path, blank_faces):
    render(Rendering(open_layout("casme2"), 5, 2, errata=True), tmp_path / "casme2")
    (mended,), (raw,) = (open_video_dataset(tmp_path / "casme2", errata=errata) for errata in (True, False))
    marks = {clip.name: (clip.onset, clip.apex, clip.offset) for clip in raw.clips}
    assert marks["EP12_01f"][1] is None and marks["EP09_05f"][0] == marks["EP09_05f"][1]
    assert marks["EP16_04f"][1] == marks["EP16_04f"][2] and "EP01_2" in marks
    assert {clip.name for clip in mended.clips if clip.apex is None} == {"EP12_01f", "EP09_05f"}
    assert [fault.clip.name for fault in raw.faults] == ["EP09_05f"] and not mended.faults
    assert sum(clip.action_units == "?" for clip in raw.clips) == 1


# -- prepared ----------------------------------------------------------------------------------------------------------


def test_a_clip_s_crops_have_the_benchmark_s_geometry(casme2):
    clip = clips_of(casme2)[0]
    made = prepare(clip)
    assert made.crops.shape == (len(clip.frames), CROP_HEIGHT, CROP_WIDTH) and made.crops.dtype == np.uint8
    assert (made.onset, made.apex, made.offset) == (0, clip.apex - clip.onset, clip.offset - clip.onset)
    # The rendered frames are the benchmark's crop at twice its size.
    frame = cv2.imread(str(clip.frames[made.apex][1]))
    expected = cv2.resize(frame, (CROP_WIDTH, CROP_HEIGHT), interpolation=cv2.INTER_AREA)
    middle = np.s_[30:150, 20:120]
    moved, _ = cv2.phaseCorrelate(
        made.crops[made.apex].astype(np.float32),
        cv2.cvtColor(expected, cv2.COLOR_BGR2GRAY).astype(np.float32),
    )
    assert np.hypot(*moved) < 3
    colours = made.apex_colour[middle].mean((0, 1)), expected[middle].mean((0, 1))[::-1]
    assert np.allclose(*colours, atol=12)
    assert INPUTS["flow-map"].make(made).shape == (3, 28, 28)


def test_frames_around_the_apex_are_kept_where_there_are_any(tmp_path, blank_faces, monkeypatch):
    render(Rendering(open_layout("samm"), 1, 1), tmp_path / "samm")
    (clip,) = clips_of(tmp_path / "samm")
    monkeypatch.setattr(
        "offline.preparation.prepare._transform", lambda clip, paths: np.array([[2.0, 0, 0], [0, 2, 0]])
    )
    made = prepare(clip)
    assert made.onset == clip.onset - (clip.apex - AROUND) or clip.apex - AROUND > clip.onset
    assert len(made.crops) - 1 - made.apex >= AROUND and made.offset - made.onset == clip.offset - clip.onset
    assert np.array_equal(made.apex_colour[..., 0], made.apex_colour[..., 1])


@pytest.mark.parametrize("kept", ["12 bits", "turned"])
def test_depth_and_orientation_of_the_files_do_not_change_a_clip(casme2, tmp_path, kept):

    from PIL import Image

    exif = Image.Exif()
    exif[0x112] = 6
    clip = clips_of(casme2)[0]
    plain, other = [], []
    for number, path in clip.frames:
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        for found, suffix in ((plain, "p"), (other, "o")):
            found.append((number, tmp_path / f"reg_img{number}{suffix}.png"))
        cv2.imwrite(str(plain[-1][1]), grey)
        if kept == "turned":
            Image.fromarray(np.rot90(grey)).save(other[-1][1], exif=exif.tobytes())
        else:
            cv2.imwrite(str(other[-1][1]), grey.astype(np.uint16) << 4)
    first, second = (prepare(replace(clip, frames=tuple(frames))) for frames in (plain, other))
    assert np.array_equal(first.crops, second.crops)
    assert np.array_equal(first.apex_colour, second.apex_colour)


@pytest.mark.parametrize("rule", ["motion", "dcrois", "interframe", "middle"])
def test_an_apex_that_is_not_annotated_is_spotted(casme2, rule):

    annotated = clips_of(casme2)[0]
    made = prepare(replace(annotated, apex=None), rule)
    assert made.onset < made.apex <= made.offset
    if rule == "motion":
        assert abs(made.apex - (annotated.apex - annotated.onset)) <= 12
    if rule == "middle":
        assert made.apex == len(made.crops) // 2


def test_what_cannot_be_prepared_is_named(mine, monkeypatch):
    broken, small, plain, whole = clips_of(mine)
    broken.frames[3][1].write_bytes(b"no picture")
    with pytest.raises(
        InputError, match=rf"{broken.name}: .*reg_img{broken.frames[3][0]}\.jpg is not a readable image"
    ):
        prepare(broken)
    cv2.imwrite(str(small.frames[2][1]), np.zeros((50, 50, 3), np.uint8))
    with pytest.raises(InputError, match=f"frame {small.frames[2][0]} is of another size"):
        prepare(small)
    for _, path in plain.frames:
        cv2.imwrite(str(path), np.full((340, 280, 3), 90, np.uint8))
    assert prepare(plain).crops.shape[1:] == (CROP_HEIGHT, CROP_WIDTH)  # cropped by its owners: taken whole
    for _, path in whole.frames:
        cv2.imwrite(str(path), np.full((340, 280, 3), 90, np.uint8))
        path.rename(path.with_name(path.name.removeprefix("reg_")))
    again = next(clip for clip in clips_of(mine) if clip.name == whole.name and clip.subject == whole.subject)
    with pytest.raises(InputError, match="no face found on 5 of its frames"):
        prepare(again)


# -- cached ------------------------------------------------------------------------------------------------------------


def test_a_second_call_reads_the_cache_and_other_settings_do_not(casme2, tmp_path, monkeypatch, fast_inputs):
    clips = clips_of(casme2)[:2]
    first = make_inputs(clips, "first", tmp_path)
    assert [made.cached for made in first.made] == [
        False,
        False,
    ] and "0 of them from the cache" in first.summary()

    def refuse(clip, rule):
        raise AssertionError("prepared again")

    monkeypatch.setattr(work, "prepare", refuse)
    second = make_inputs(clips, "first", tmp_path)
    assert [made.cached for made in second.made] == [True, True]
    assert all(np.array_equal(a.value, b.value) for a, b in zip(first.made, second.made, strict=True))
    # Another input is made of the crops that are there; its settings are part of its key.
    kind = np.dtype([("grey", np.float32, (2,)), ("apex", np.int64)])
    several = Input("several", "1", lambda clip: np.array(((clip.crops[0].mean(), 1), clip.apex), kind))
    monkeypatch.setitem(INPUTS, "several", several)
    made = make_inputs(clips, "several", tmp_path).made
    assert made[0].value.dtype == kind and made[0].value.shape == () and not made[0].cached
    monkeypatch.setitem(INPUTS, "several", Input("several", "2", several.make))
    assert not make_inputs(clips, "several", tmp_path).made[0].cached


def test_another_preset_or_alpha_is_another_input_and_its_clip_is_prepared_once(
    casme2, tmp_path, monkeypatch
):
    clips = clips_of(casme2)[:1]

    def made(name, **how):
        return make_inputs(clips, name, tmp_path, Preparation(**how)).made[0]

    precise = made("flow")
    monkeypatch.setattr(work, "prepare", lambda clip, rule: pytest.fail("prepared again"))
    opencv = made("flow", flow="opencv")
    assert not opencv.cached and not np.allclose(opencv.value, precise.value)
    assert made("flow", flow="opencv").cached and made("flow", magnification=2.0).cached
    plain, strong = (made("streams", magnification=alpha).value for alpha in (0.0, 8.0))
    assert (plain["grey"] == strong["grey"]).all() and (plain["flow"] != strong["flow"]).any()
    assert made("streams").cached  # alpha 8 is the default


def test_what_was_measured_names_only_what_the_input_follows_from(casme2):
    (database,) = open_video_dataset(casme2)
    clips, how = database.usable, Preparation("dcrois", "opencv", 4.0)
    annotated = measured_by([database], INPUTS["bi-woof"], how, clips)
    assert annotated["apex_rule"] is None and annotated["flow"] == "TV-L1 opencv"
    assert annotated["magnification"] is None and annotated["crop"] == "140x170" and annotated["alignment"]
    assert annotated["tables"] == {"casme2": database.version}
    spotted = [replace(clip, apex=None) for clip in clips]
    found = measured_by([database], INPUTS["streams"], how, spotted)
    assert found["apex_rule"] == "dcrois" and found["apexes_spotted"] == {"casme2": len(clips)}
    assert found["magnification"] == 4
    texture = measured_by([database], INPUTS["lbp-top-r3p8"], how, spotted)
    assert (texture["apex_rule"], texture["flow"], texture["apexes_spotted"]) == (None, None, {})


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (Preparation(apex="last"), "unknown apex rule 'last'"),
        (Preparation(flow="farneback"), "unknown flow preset 'farneback': choose opencv or precise"),
        (Preparation(magnification=-1.0), "alpha is 0 .none. or more"),
        (Preparation(magnification=float("nan")), "alpha is 0 .none. or more"),
    ],
)
def test_a_preparation_that_there_is_not_is_refused(how, said):
    with pytest.raises(InputError, match=said):
        how.check()


def test_results_say_what_was_measured_and_a_recipe_brings_its_papers_defaults(
    casme2, tmp_path, monkeypatch, capsys
):
    arguments = ("--data", casme2, "--cache", tmp_path / "cache", "--jobs", 1, "--no-features")
    run = ("run", "--protocol", "loso-casme2-5", "--model", "bi-woof", "--flow", "opencv", *arguments)
    assert call(monkeypatch, capsys, *run, "--out", tmp_path / "a")[0] == 0
    measured = results_of(tmp_path / "a")[0]["measured"]
    assert measured["flow"] == "TV-L1 opencv" and measured["errata"] is True
    run = ("run", "--protocol", "loso-casme2", "--epochs", 1, "--model", "dual-inception", *arguments)
    for name, flow in (("paper", "opencv"), ("ours", "precise")):
        assert (
            call(monkeypatch, capsys, *run, "--recipe", name, "--no-errata", "--out", tmp_path / name)[0] == 0
        )
        report = results_of(tmp_path / name)[0]
        assert report["measured"]["flow"] == f"TV-L1 {flow}" and report["measured"]["errata"] is False
    assert report["training"]["recipe"] == "ours"


def test_the_cache_goes_by_what_the_frames_hold(mine, tmp_path, fast_inputs):
    clip, other = clips_of(mine)[:2]
    path = clip.frames[0][1]
    pictures = [path.read_bytes(), other.frames[0][1].read_bytes()]
    size = max(map(len, pictures))
    shown, changed = (picture.ljust(size, b"\0") for picture in pictures)  # what follows its end is not read
    path.write_bytes(shown)

    def made(folder):
        return make_inputs(clips_of(folder)[:1], "first", tmp_path / "cache").made[0]

    first = made(mine)
    copied = shutil.copytree(mine, tmp_path / "copied", copy_function=shutil.copyfile)
    assert made(copied).cached
    for frame in mine.rglob("*.jpg"):
        os.utime(frame, (1, 1))
    assert made(mine).cached

    path.write_bytes(changed)
    os.utime(path, (1, 1))
    edited = made(mine)
    assert path.stat().st_size == len(shown) and not edited.cached
    assert not np.array_equal(edited.value, first.value)
    assert made(copied).cached and np.array_equal(made(copied).value, first.value)


def test_a_stopped_call_goes_on_where_it_was(casme2, tmp_path, fast_inputs):
    clips = clips_of(casme2)[:3]

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_inputs(clips, "first", tmp_path, progress=stop)
    again = make_inputs(clips, "first", tmp_path)
    assert [made.cached for made in again.made] == [True, True, False]


RUN = ("run", "--protocol", "loso-casme2-5", "--model", "majority", "--apex", "middle")


def results_of(folder):
    """What a run says, but for how long it took."""
    report = json.loads((folder / "results.json").read_text())
    del report["seconds"]
    return report, (folder / "predictions.csv").read_text()


def entries(cache):
    """The arrays of every entry of a cache; a damaged one raises."""
    found = {path.name: load(path) for path in cache.glob("*.npz")}
    return {
        f"{name} {key}": (array.dtype.str, array.shape, array.tobytes())
        for name, arrays in found.items()
        for key, array in (arrays or {}).items()
    }


def test_two_at_a_time_give_what_one_at_a_time_gives(mine, tmp_path, monkeypatch, capsys):
    clips_of(mine)[1].frames[2][1].write_bytes(b"no picture")
    shutil.rmtree(clips_of(mine)[3].frames[0][1].parent)
    said = []
    for jobs in (1, 2):
        folders = ("--cache", tmp_path / f"cache{jobs}", "--out", tmp_path / f"out{jobs}")
        code, _, err = call(monkeypatch, capsys, *RUN, "--data", mine, "--jobs", jobs, *folders)
        said.append([line for line in err.splitlines() if line.startswith(("note: ", "cannot be used: "))])
        assert code == 1
    assert said[0] == said[1] and sum(line.startswith("cannot be used") for line in said[0]) == 2
    assert results_of(tmp_path / "out1") == results_of(tmp_path / "out2")
    one, two = (entries(tmp_path / f"cache{jobs}") for jobs in (1, 2))
    assert one == two and sum("value" in name for name in one) == 2


def test_a_killed_run_goes_on_where_it_was(casme2, tmp_path, monkeypatch, capsys):
    """A real process, and those that it prepares clips in, killed as soon as one clip is prepared."""
    cache = tmp_path / "cache"
    command = [*RUN, "--data", str(casme2), "--cache", str(cache), "--out"]
    begun = [sys.executable, "-m", "offline.cli", *command, str(tmp_path / "killed"), "--jobs", "2"]
    killed = subprocess.Popen(begun, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.monotonic() + 120
        while not any(cache.glob("*.flow-map-*.npz")) and killed.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL and not (tmp_path / "killed" / "results.json").exists()
    kept = entries(cache)
    whole = sum("value" in name for name in kept)
    assert whole >= 1
    code, out, err = call(monkeypatch, capsys, *command, tmp_path / "again", "--jobs", 1, "--json")
    assert code == 0 and json.loads(out)["n_samples"] == 4
    assert f"4 clips prepared, {whole} of them from the cache" in err and "damaged" not in err
    now = entries(cache)
    assert kept.items() <= now.items() and sum("value" in name for name in now) == 4


@pytest.mark.parametrize("damage", ["cut", "changed", "pickled", "other"])
def test_a_damaged_entry_is_made_again_and_said(casme2, tmp_path, fast_inputs, damage):
    clips = clips_of(casme2)[:1]
    first = make_inputs(clips, "first", tmp_path).made[0].value
    for entry in tmp_path.glob("*.npz"):
        content = entry.read_bytes()
        if damage == "cut":
            entry.write_bytes(content[: len(content) // 2])
        elif damage == "changed":
            with np.load(entry) as file:
                arrays = {name: file[name] for name in file.files}
            changed = next(name for name in arrays if name in ("value", "crops"))
            arrays[changed] = arrays[changed] ^ 1
            np.savez(entry, **arrays)
        elif damage == "pickled":
            np.savez(entry, value=np.array([{"a": 1}], object), checksum=np.zeros(32, np.uint8))
        else:
            entry.write_bytes(pickle.dumps("not an archive"))
    (made,) = make_inputs(clips, "first", tmp_path).made
    assert not made.cached and len(made.damaged) == 2 and np.array_equal(made.value, first)
    assert make_inputs(clips, "first", tmp_path).made[0].cached


def test_a_cache_that_cannot_be_written_ends_the_work(casme2, tmp_path, fast_inputs):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to the cache"):
        make_inputs(clips_of(casme2)[:1], "first", tmp_path / "file" / "cache")


def test_samples_count_every_clip_once(mine, tmp_path, fast_inputs):
    clips = clips_of(mine)
    clips[0].frames[0][1].write_bytes(b"no picture")
    shutil.rmtree(clips[1].frames[0][1].parent)
    databases = open_video_dataset(mine)
    made = from_video(databases, FIVE, "first", tmp_path / "cache", Preparation())
    assert any(note.endswith(": 4 = 2 used + 0 left out + 2 unreadable") for note in made.samples.notes)
    assert len(made.unread) == 2 and all(any(clip.name in line for line in made.unread) for clip in clips[:2])
    assert len(made.samples) == 2 and made.samples.class_map == "five" and made.samples.maps.dtype == np.uint8
    three = from_video(databases, CDE, "first", tmp_path / "cache", Preparation())
    (counted,) = (note for note in three.samples.notes if "4 = " in note)
    assert sum(int(part.split()[0]) for part in counted.partition("4 = ")[2].split(" + ")) == 4


# -- run ---------------------------------------------------------------------------------------------------------------


def test_a_run_from_video_scores_and_names_what_it_could_not_read(mine, tmp_path, monkeypatch, capsys):
    run = ("run", "--protocol", "loso-casme2-5", "--data", f"casme2={mine}", "--jobs", 1)
    run += ("--cache", tmp_path / "cache", "--out")
    code, out, err = call(monkeypatch, capsys, *run, tmp_path / "linear", "--model", "linear", "--json")
    report = json.loads(out)
    assert code == 0 and report["n_samples"] == 4 and report["classes"] == list(FIVE.classes)
    assert report["rendered"] == ["casme2"] and report["notes"][0].startswith("rendered, not CASME II: ")
    page = (tmp_path / "linear" / "report.html").read_text()
    assert "UF1 on rendered faces" in page and "rendered as CASME II (4)" in page
    assert (
        "casme2: rendered, cropped, table of no known version, 4 rows" in err
        and "0 of them from the cache" in err
    )
    assert any("4 = 4 used + 0 left out + 0 unreadable" in note for note in report["notes"])
    with (tmp_path / "linear" / "predictions.csv").open(newline="") as lines:
        assert {row["subject"] for row in csv.DictReader(lines)} == {"sub01", "sub02"}
    code, out, err = call(
        monkeypatch, capsys, *run, tmp_path / "ststnet", "--model", "ststnet", "--epochs", 2
    )
    assert code == 0 and "4 of them from the cache" in err and "rendered as CASME II (4)" in out

    frame = clips_of(mine)[3].frames[1][1]
    frame.write_bytes(b"no picture")
    code, out, err = call(monkeypatch, capsys, *run, tmp_path / "three", "--model", "majority", "--json")
    assert code == 1 and json.loads(out)["n_samples"] == 3
    assert f"{frame} is not a readable image" in err and "apexbench: 1 clip was left out, named above" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "nowhere"), "no such folder: nowhere"),
        (("--data", "empty"), "none of the known layouts; looked for CASME II"),
        (("--data", "smic=CASME2"), "smic in no known layout"),
        (("--data", "fer=CASME2"), "unknown database 'fer'"),
        (("--data", "CASME2", "--data", "casme2=CASME2"), "casme2 is given twice"),
        (("--data", "CASME2", "--apex", "best"), "unknown apex rule 'best': choose one of motion"),
        (("--data", "CASME2", "--protocol", "loso-samm-5"), "needs samm; given are casme2"),
        (("--data", "CASME2", "--flowmaps", "maps"), "either --flowmaps or --data"),
        (("--flowmaps", "maps"), "is not a flow-map release"),
    ],
)
def test_unusable_input_is_one_line_and_exit_2(casme2, tmp_path, monkeypatch, capsys, arguments, words):
    (tmp_path / "CASME2").symlink_to(casme2)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    run = ("run", "--protocol", "cde", "--model", "linear", "--out", "r", "--cache", "c", *arguments)
    code, _, err = call(monkeypatch, capsys, *run)
    lines = [line for line in err.splitlines() if line.startswith("apexbench:")]
    assert code == 2 and len(lines) == 1 and words in lines[0] and "Traceback" not in err


def test_render_writes_what_it_says(tmp_path, monkeypatch, capsys, blank_faces):
    command = ("render", "--layout", "smic", "--subjects", 2, "--clips", 1, "--jobs", 1)
    code, out, _ = call(monkeypatch, capsys, *command, "--out", tmp_path / "smic")
    assert code == 0 and "4 clips of 2 people (HS 2, VIS 1, NIR 1), seed 0" in out
    code, _, err = call(monkeypatch, capsys, *command, "--out", tmp_path / "smic")
    assert code == 2 and "is not an empty folder" in err
    code, out, _ = call(monkeypatch, capsys, "render", "--help")
    assert code == 0 and "Example: apexbench render" in " ".join(out.split())


def test_the_cache_is_shown_and_cleared_and_nothing_else_in_its_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("APEXCAM_CACHE", str(tmp_path))
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "0a.clip.npz").write_bytes(b"x" * 300_000)
    (tmp_path / "clips" / "notes.txt").write_text("mine")
    (tmp_path / "spot-train" / "trained").mkdir(parents=True)
    (tmp_path / "spot-train" / "trained" / "b.msgpack").write_bytes(b"y")
    code, out, _ = call(monkeypatch, capsys, "cache", "--json")
    shown = json.loads(out)
    assert code == 0 and shown["folder"] == str(tmp_path) and not shown["cleared"]
    assert [(row["kind"], row["files"], row["MB"]) for row in shown["kept"]] == [
        ("clips", 1, 0.3),
        ("spot-train/recordings", 0, 0.0),
        ("spot-train/trained", 1, 0.0),
    ]
    code, out, _ = call(monkeypatch, capsys, "cache", "--clear", "--only", "clips")
    assert code == 0 and "removed" in out
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["notes.txt"]
    assert (tmp_path / "spot-train" / "trained" / "b.msgpack").exists()
    code, _, err = call(monkeypatch, capsys, "cache", "--only", "everything")
    assert code == 2 and "choose from clips" in err


def test_a_clip_is_hashed_once_a_call(mine, tmp_path, monkeypatch):
    (database,) = open_video_dataset(mine)
    monkeypatch.setitem(INPUTS, "first", FIRST)
    hashed, key = [], work._key
    monkeypatch.setattr(work, "_key", lambda clip, rule: hashed.append(clip.name) or key(clip, rule))
    clips = database.usable[:2]
    for cached in (False, True):
        hashed.clear()
        assert [one.cached for one in make_inputs(clips, "first", tmp_path / "cache").made] == [cached] * 2
        assert sorted(hashed) == sorted(clip.name for clip in clips)


def test_clips_of_a_user_without_a_home_are_prepared_for_the_run_alone(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("APEXCAM_CACHE", str(tmp_path / "file"))
    said = []
    folder = default_cache(said.append)
    assert folder.is_dir()
    assert len(said) == 1
    assert "give --cache DIR" in said[0]
    monkeypatch.setenv("APEXCAM_CACHE", str(tmp_path / "cache"))
    assert default_cache(said.append) == tmp_path / "cache" / "clips"
    assert len(said) == 1
