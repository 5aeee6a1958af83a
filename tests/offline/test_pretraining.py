"""Pretraining on ordinary expressions, and that nobody it has seen is scored."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training is an extra: install apexcam[train]")

from engines.networks import atnet, frames, open_network  # noqa: E402
from engines.networks.weights import about, load_weights, read_state  # noqa: E402
from offline.datasets.class_maps import CDE, ORDINARY  # noqa: E402
from offline.datasets.clips import Clip  # noqa: E402
from offline.datasets.pictures import open_pictures  # noqa: E402
from offline.datasets.rendered import Rendering, open_layout, render  # noqa: E402
from offline.datasets.samples import Samples  # noqa: E402
from offline.datasets.video import open_video_dataset  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
from apexbench_command import call  # noqa: E402


@pytest.fixture(scope="module")
def smic(tmp_path_factory):
    """SMIC in three cameras: two people, three clips each, the second one's by every camera."""
    out = tmp_path_factory.mktemp("rendered") / "smic"
    render(Rendering(open_layout("smic"), 2, 3, seed=7), out)
    return out


@pytest.fixture
def faces(smic, tmp_path):
    """Pictures in folders called by emotions, and one by none."""
    for at, clip in enumerate(open_video_dataset(smic)[0].usable):
        for emotion in ("neutral", ("Happiness", "anger", "surprised")[at % 3]):
            folder = tmp_path / "faces" / emotion / "session"
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(clip.frames[-1][1], folder / f"{clip.name}{clip.frames[-1][1].suffix}")
    return tmp_path / "faces"


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.setattr(frames, "SIDE", 64)
    monkeypatch.chdir(tmp_path)


def pretrain(monkeypatch, capsys, model, *more):
    command = ("pretrain", "--model", model, "--epochs", 1, "--jobs", 1, "--cache", "cache")
    return call(monkeypatch, capsys, *command, *more)


def test_pictures_are_read_by_their_folders(faces):
    one = next(path for path in faces.rglob("*") if path.is_file())
    shutil.copy(one, one.with_name(f"{one.stem} (1){one.suffix}"))
    one.with_name(f"._{one.name}").write_bytes(b"\0\5\26\7Mac OS X")
    database = open_pictures([faces])
    kept, left_out = ORDINARY.labelled(database.clips)
    assert len(database.clips) == 12 and left_out == {"emotion neutral": 6}
    assert sorted({(clip.emotion, label) for clip, label in kept}) == [
        ("anger", 0),
        ("happiness", 1),
        ("surprised", 2),
    ]
    assert {clip.subject for clip, _ in kept} == {"faces"} and kept[0][0].name.startswith(
        "Happiness/session/"
    )


def test_ordinary_expressions_count_for_pretraining_only():
    macro = Clip("casme-sq", "s15", "a", (), 30.0, 1, 2, 3, "happiness", kind="macro")
    assert ORDINARY.class_of(macro)[0] == "positive" and CDE.class_of(macro) == (None, "macro-expressions")
    assert ORDINARY.class_of(replace(macro, kind="micro"))[0] == "positive"


@pytest.mark.parametrize("model", ["atnet-spatial", "mscnn-grey"])
def test_a_stream_pretrained_on_pictures_begins_a_run(faces, smic, monkeypatch, capsys, model):
    code, out, err = pretrain(monkeypatch, capsys, model, "--pictures", faces, "--out", "w.safetensors")
    assert code == 0 and f"w.safetensors: {model} after 1 epochs on 6 clips" in out
    assert "12 = 6 used + 6 left out (6 emotion neutral) + 0 unreadable" in err
    state, fused = read_state(Path("w.safetensors")), open_network("atnet" if model[0] == "a" else "mscnn")
    assert not any(name.startswith("fc.") for name in state)
    load_weights(fused, Path("w.safetensors"), 5)
    for backbone in fused.backbones():
        own = backbone.state_dict()
        assert set(own) == set(state) and all(torch.equal(own[name], state[name]) for name in state)
    run = ("run", "--protocol", "loso-smic", "--model", model, "--data", smic, "--epochs", 1, "--jobs", 1)
    run += ("--cache", "cache", "--no-features", "--weights", "w.safetensors", "--out", "run", "--json")
    code, out, _ = call(monkeypatch, capsys, *run)
    notes = json.loads(out)["notes"]
    assert code == 0 and any(note.startswith("trained from the weights w.safetensors") for note in notes)


def test_nobody_is_scored_by_weights_that_have_seen_them(smic, tmp_path, monkeypatch, capsys):
    """Begun with again, a file hands on whom it knew; the same numbers drawn from another seed are other people."""
    written = ("--out", "first.safetensors", "--data", smic)
    assert pretrain(monkeypatch, capsys, "micro-attention", *written)[0] == 0
    assert json.loads(about(Path("first.safetensors"))["people"]) == [
        "smic rendered from seed 7/s1",
        "smic rendered from seed 7/s2",
    ]
    others = shutil.copytree(smic, tmp_path / "others")
    mark = others / "RENDERED.txt"
    mark.write_text(mark.read_text().replace("seed 7", "seed 8"))
    second = ("--out", "second.safetensors", "--data", others, "--weights", "first.safetensors")
    assert pretrain(monkeypatch, capsys, "micro-attention", *second)[0] == 0
    assert len(json.loads(about(Path("second.safetensors"))["people"])) == 4
    run = ("run", "--protocol", "loso-smic", "--model", "micro-attention", "--epochs", 1, "--jobs", 1)
    run += ("--cache", "cache", "--no-features", "--out", "run", "--data")
    for data, weights, refused in (
        (smic, "first", True),
        (smic, "second", True),
        (others, "second", True),
        (others, "first", False),
    ):
        code, _, err = call(monkeypatch, capsys, *run, data, "--weights", f"{weights}.safetensors")
        told = (
            "apexbench: leak: " in err and "was pretrained on 2 of the people here, smic rendered from" in err
        )
        assert (code, told) == ((2, True) if refused else (0, False)), err
        assert Path("run").exists() is not refused


def test_a_person_has_one_name_in_every_database(samples):
    def identities(dataset, subjects, **more):
        many = len(subjects)
        names = np.array(subjects)
        maps, labels = np.zeros((many, 1)), np.zeros(many, np.int64)
        return Samples(maps, labels, np.array([dataset] * many), names, names, **more).identities

    assert identities("smic-vis", ["s03"]) == identities("smic", ["s3"]) == {"smic/s3"}
    assert identities("samm-lv", ["006"]) == identities("samm", ["6", "006"])
    assert identities("casme2", ["sub01"], rendered={"casme2": "seed 1"}) == {
        "casme2 rendered from seed 1/sub1"
    }
    assert "casme2/sub1" in samples.identities and len(samples.identities) == 7


def test_a_header_that_is_none_of_ours_is_one_line(smic, monkeypatch, capsys):
    import safetensors.torch

    state = atnet.spatial(3).backbones()[0].state_dict()
    Path("odd.safetensors").write_bytes(safetensors.torch.save(state, {"people": "[1, {"}))
    run = ("run", "--protocol", "loso-smic", "--model", "atnet-spatial", "--data", smic, "--jobs", 1)
    code, _, err = call(
        monkeypatch, capsys, *run, "--cache", "cache", "--out", "r", "--weights", "odd.safetensors"
    )
    assert code == 2 and "odd.safetensors does not say whom it was pretrained on as it should" in err


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        ("atnet", (), "nothing to learn from: give --pictures DIR or --data DIR"),
        ("linear", ("--pictures", "faces"), "linear is no network"),
        ("mscnn", ("--pictures", "faces"), "mscnn has 3 streams: pretrain one, its file fits each of them"),
        ("atnet-temporal", ("--pictures", "faces"), "no pretrained part"),
        ("atnet", ("--pictures", "nowhere", "--out", "new/w.safetensors"), "no such folder: nowhere"),
        ("mobilenetv2-u", ("--pictures", "faces"), "mobilenetv2-u reads motion, which pictures do not have"),
        ("atnet", ("--pictures", "nowhere"), "no such folder: nowhere"),
        (
            "atnet",
            ("--pictures", "faces/anger"),
            "no pictures in folders called by emotions: one folder each",
        ),
        ("atnet", ("--pictures", "faces", "--pictures", "faces/"), "a folder is given twice"),
        ("atnet", ("--data", "faces"), "none of the known layouts"),
        ("atnet", ("--pictures", "faces", "--weights", "none.pth"), "cannot read the weights none.pth"),
        ("atnet", ("--pictures", "faces", "--out", "w.pth"), "weights are written as .safetensors"),
        ("atnet", ("--pictures", "faces", "--precision", "half"), "unknown precision 'half'"),
        (
            "atnet",
            ("--pictures", "faces", "--out", "faces/anger/w/w.safetensors"),
            "faces/anger/w: is a file",
        ),
    ],
)
def test_what_cannot_be_pretrained_is_one_line(faces, monkeypatch, capsys, model, more, words):
    (faces / "anger" / "w").write_text("a file where a folder would be needed")
    code, _, err = pretrain(monkeypatch, capsys, model, "--out", "w.safetensors", *more)
    lines = [line for line in err.splitlines() if line.startswith("apexbench:")]
    assert code == 2 and len(lines) == 1 and words in lines[0]
    assert not Path("w.safetensors").exists() and not Path("new").exists()


def test_a_picture_without_a_face_is_named_and_the_rest_goes_on(faces, monkeypatch, capsys):
    import cv2

    cv2.imwrite(str(faces / "anger" / "wall.png"), np.full((120, 100, 3), 130, np.uint8))
    (faces / "anger" / "torn.jpg").write_bytes(b"no picture")
    code, out, err = pretrain(
        monkeypatch, capsys, "micro-attention", "--pictures", faces, "--out", "w.safetensors", "--json"
    )
    made = json.loads(out)
    assert code == 1 and made["clips"] == 6 and made["epochs"] == 1
    assert made["accuracy"] * 6 == pytest.approx(round(made["accuracy"] * 6)) and made["loss"] > 0
    assert "cannot be used: pictures faces anger/wall.png: no face found" in err
    assert "torn.jpg is not a readable image" in err and "apexbench: 2 clips were left out" in err
