"""The command apexengine: flow, list, bench flow."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.flow.warped import warped_pair

sys.path.insert(0, str(Path(__file__).parent))
from apexengine_command import apexengine


@pytest.fixture
def images(tmp_path):
    pair = warped_pair(0)
    for name, image in (("onset", pair.onset), ("apex", pair.apex), ("small", pair.apex[:50])):
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "nothing.png").touch()
    return tmp_path


def test_flow_writes_u_v_and_strain(monkeypatch, images, capsys):
    out = images / "flow.npz"
    assert apexengine(monkeypatch, "flow", images / "onset.png", images / "apex.png", "--out", out) == 0
    assert "flow.npz" in capsys.readouterr().out
    with np.load(out, allow_pickle=False) as saved:
        assert set(saved.files) == {"u", "v", "strain"}
        assert {saved[k].shape for k in saved.files} == {(170, 140)}
        assert {saved[k].dtype for k in saved.files} == {np.dtype(np.float32)}
        truth = warped_pair(0)
        assert np.abs(saved["u"] - truth.u).mean() < 0.05


def test_flow_draws_a_picture_with_the_chosen_solver(monkeypatch, images, capsys):
    out = images / "flow.png"
    arguments = ["flow", images / "onset.png", images / "apex.png", "--out", out]
    assert apexengine(monkeypatch, *arguments, "--backend", "opencv", "--preset", "opencv") == 0
    assert "opencv, opencv" in capsys.readouterr().out
    assert cv2.imread(str(out)).shape == (170, 140, 3)


@pytest.mark.parametrize(
    ("onset", "apex", "out", "more", "words"),
    [
        ("gone.png", "apex.png", "f.npz", [], "ONSET .*gone.png: no such file"),
        ("onset.png", "text.png", "f.npz", [], "APEX .*text.png: not an image"),
        ("nothing.png", "apex.png", "f.npz", [], "ONSET .*nothing.png: not an image"),
        ("onset.png", "small.png", "f.npz", [], "apex: 50x140 is not the size of onset"),
        ("onset.png", "apex.png", "f.txt", [], "--out .*f.txt: end it in"),
        ("onset.png", "apex.png", "no/f.npz", [], "--out .*no folder"),
        ("onset.png", "apex.png", "f.npz", ["--backend", "abacus"], "backend 'abacus' is unknown"),
        ("onset.png", "apex.png", "f.npz", ["--preset", "vague"], "preset 'vague' is unknown"),
    ],
)
def test_unusable_input_is_one_line_and_exit_2(monkeypatch, images, capsys, onset, apex, out, more, words):
    before = set(images.iterdir())
    code = apexengine(monkeypatch, "flow", images / onset, images / apex, "--out", images / out, *more)
    said = capsys.readouterr().err
    assert code == 2
    assert said.count("\n") == 1
    assert re.search(words, said)
    assert set(images.iterdir()) == before


def test_the_same_picture_in_more_bits_has_not_moved(monkeypatch, images, capsys):
    onset = cv2.imread(str(images / "onset.png"), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(images / "deep.png"), onset.astype(np.uint16) << 4)
    out = images / "FLOW.NPZ"
    assert apexengine(monkeypatch, "flow", images / "onset.png", images / "deep.png", "--out", out) == 0
    said = capsys.readouterr().out
    assert "longest displacement 0.00 px" in said and "taken as 12 bits" in said
    with np.load(out, allow_pickle=False) as saved:
        assert np.abs(saved["u"]).max() == 0
    cv2.imwrite(str(images / "real.tif"), onset.astype(np.float32))
    assert apexengine(monkeypatch, "flow", images / "onset.png", images / "real.tif", "--out", out) == 2
    assert "real.tif: float32 values" in capsys.readouterr().err


def test_list_names_what_works_here(monkeypatch, capsys):
    assert apexengine(monkeypatch, "list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert "cpu" in listed["flow"]["backends"]
    assert listed["flow"]["presets"] == ["opencv", "precise"]
    assert apexengine(monkeypatch, "list") == 0
    assert "precise" in capsys.readouterr().out


def test_bench_flow_has_a_row_for_every_solver(monkeypatch, capsys):
    assert apexengine(monkeypatch, "bench", "flow", "--json", "--quick") == 0
    rows = json.loads(capsys.readouterr().out)
    fields = "backend preset height width threads amplitude_px condition ms_p50 ratio_to_cv2 epe_inside epe_outside"
    assert all(list(row) == fields.split() for row in rows)
    solvers = {(row["backend"], row["preset"]) for row in rows}
    assert {("cv2", "DualTVL1"), ("skimage", "TV-L1"), ("cpu", "opencv"), ("cpu", "precise")} <= solvers
    by_solver = {(row["backend"], row["preset"]): row for row in rows}
    assert by_solver["cv2", "DualTVL1"]["ratio_to_cv2"] == 1
    assert by_solver["cpu", "precise"]["epe_inside"] < by_solver["cv2", "DualTVL1"]["epe_inside"]


def test_bench_flow_prints_a_table(monkeypatch, capsys):
    assert apexengine(monkeypatch, "bench", "flow", "--quick") == 0
    printed = capsys.readouterr().out
    assert "cpu precise" in printed
    assert "170x140" in printed


def test_the_flow_engine_starts_without_torch_and_scikit_learn():
    code = (
        "import sys, engines.flow; engines.flow.open_solver(); print({'torch', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
