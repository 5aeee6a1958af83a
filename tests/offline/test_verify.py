"""Published results recomputed: the checks on small files of the same form, and all of them where the data lies."""

import io
import json
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.io import savemat

from engines.networks.ststnet import PlainSTSTNet
from offline import verify
from offline.datasets.flowmaps import load_flowmaps
from offline.verify.check import Artefacts, figures, printed
from offline.verify.logs import read_log

sys.path.insert(0, str(Path(__file__).parent))
from apexbench_command import call

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def test_a_figure_is_equal_as_printed_rounded_or_cut_off():
    assert printed(0.7353, 0.73530) and printed(0.5989, 0.59898) and printed(0.5990, 0.59898)
    assert not printed(0.7353, 0.7352) and not printed(0.7353, 0.73545)
    said = figures("x", {"UAR": 0.5989}, {"UAR": 0.59898}, "133 clips")
    assert said.ok is True and said.why == "133 clips; the last printed place of UAR is cut off, not rounded"


def test_without_a_folder_only_what_needs_no_file_is_checked(monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "verify", "--json")
    checks = json.loads(out)
    assert code == 0
    assert [set(check) for check in checks] == [{"check", "expected", "ours", "ok", "why"}] * len(checks)
    (whole,) = (check for check in checks if check["ok"] is True)
    assert whole["expected"] == {"accuracy": 0.5301, "F1": 0.5231}
    assert {check["ok"] for check in checks if check is not whole} == {"skipped"}


def test_each_missing_part_is_skipped_by_name(tmp_path, monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "verify", tmp_path, "--json")
    skipped = [check for check in json.loads(out) if check["ok"] == "skipped"]
    assert code == 0
    for part in (
        "STSTNet_python_logfile",
        "STSTNet_logfile",
        "capsulenet-result_log.csv",
        "mdmd",
        "megc2021",
        "tvl1",
    ):
        assert any(part in check["why"] and "is not there" in check["why"] for check in skipped), part


def test_a_damaged_file_fails_its_check_and_no_other(tmp_path, monkeypatch, capsys):
    (tmp_path / "capsulenet-result_log.csv").write_text("casme2 sub01\nEP02_01f 1 7\n")
    code, out, _ = call(monkeypatch, capsys, "verify", tmp_path, "--json")
    (damaged,) = (check for check in json.loads(out) if check["ok"] is False)
    assert code == 1 and "line 2: 'EP02_01f 1 7' is no line of a log" in damaged["why"]
    assert any(check["ok"] is True for check in json.loads(out))


def test_the_table_says_what_differs(tmp_path, monkeypatch, capsys):
    (tmp_path / "capsulenet-result_log.csv").write_text("casme2 sub01\nEP02_01f 1 1\n")
    code, out, _ = call(monkeypatch, capsys, "verify", tmp_path)
    assert code == 1 and "NO" in out and "skipped" in out.splitlines()[-1]


def test_no_folder_is_one_line(tmp_path, monkeypatch, capsys):
    code, _, err = call(monkeypatch, capsys, "verify", tmp_path / "nowhere")
    assert code == 2 and "no such folder" in err


def test_released_networks_answer_as_in_their_log(tmp_path, release):
    samples = load_flowmaps(release)
    weights = tmp_path / "ststnet" / "weights"
    weights.mkdir(parents=True)
    lines = []
    for seed, subject in enumerate(("sub01", "s02")):
        torch.manual_seed(seed)
        network = PlainSTSTNet(3).eval()
        names = {"convolutions": "conv", "norms": "bn"}
        state = {
            (
                f"{names[key.split('.')[0]]}{int(key.split('.')[1]) + 1}.{key.split('.')[2]}"
                if key[0] != "f"
                else key
            ): v
            for key, v in network.state_dict().items()
        }
        torch.save(state, weights / f"{subject}.pth")
        mine = samples.subjects == subject
        order = np.argsort(samples.labels[mine], kind="stable")
        maps = np.ascontiguousarray(samples.maps[mine][order][:, ::-1])
        predicted = network(torch.from_numpy(maps)).argmax(1).tolist()
        truth = samples.labels[mine][order].tolist()
        lines.append(
            f"Subject: {subject} \nPredicted   : {predicted} \nGround Truth: {truth} \nUF1: 1 | UAR: 1 \n"
        )
    log = tmp_path / "ststnet" / "STSTNet_python_logfile.txt"
    log.write_text("".join(lines))
    from offline.verify.ststnet import released_networks

    checks = released_networks(Artefacts(tmp_path, release))
    assert [check.ok for check in checks[:2]] == [True, True] and checks[0].ours == "2 of 2"
    wrong = (
        lines[0]
        .replace("Predicted   : [", "Predicted   : [9, ")
        .replace("Ground Truth: [", "Ground Truth: [0, ")
    )
    log.write_text(wrong.replace("9, ", "2, ") + lines[1])
    apart = released_networks(Artefacts(tmp_path, release))[0]
    assert apart.ok is False and apart.ours == "1 of 2" and "sub01" in apart.why


def test_a_log_has_truth_before_prediction(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("casme2 sub01\nEP02_01f 1 0\nsamm 006\n006_1_2 2 2\n")
    log = read_log(path)
    assert log.keys == (("casme2", "sub01", "EP02_01f"), ("samm", "006", "006_1_2"))
    assert log.of("casme2")[0].tolist() == [1] and log.of("casme2")[1].tolist() == [0]


def test_features_go_through_the_papers_machine_by_person_and_by_database(tmp_path):
    from offline.verify.atnet import _FOLDERS, features

    rng = np.random.default_rng(0)
    (tmp_path / "ststnet").mkdir()
    (tmp_path / "atn").mkdir()
    clips = [
        (d, f"{k}", f"c{k}_{n}", n % 3) for d in ("casme2", "smic", "samm") for k in (1, 2) for n in range(6)
    ]
    people = dict.fromkeys((d, k) for d, k, _, _ in clips)
    log = "".join(
        f"{d} {k}\n" + "".join(f"{c} {label} 0\n" for e, j, c, label in clips if (e, j) == (d, k))
        for d, k in people
    )
    (tmp_path / "ststnet" / "STSTNet_logfile.txt").write_text(log)
    with zipfile.ZipFile(tmp_path / "atn" / "hoof.zip", "w") as packed:
        for archive, folder in _FOLDERS.values():
            for d, k, c, label in clips if archive == "hoof.zip" else ():
                held = io.BytesIO()
                savemat(held, {"HOOF": np.eye(3)[label] * 9 + rng.normal(0, 0.1, 3)})
                packed.writestr(f"{folder}/Features/{d}-{k}-{c}.mat", held.getvalue())
    checks = features(Artefacts(tmp_path))
    (missing,) = (check for check in checks if "lbp-top.zip" in check.why)
    assert missing.ok == "skipped"
    tables = [check for check in checks if check.ok is False]
    assert len(tables) == 8 and all(value == 1 for check in tables for value in check.ours.values())


def test_the_opencv_preset_stands_beside_opencvs_own_solver(tmp_path):
    folder = tmp_path / "tvl1"
    folder.mkdir()
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.uniform(0, 255, (48, 56)).astype(np.float32), (0, 0), 2)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    cv2.imwrite(str(folder / "I0.png"), picture)
    cv2.imwrite(str(folder / "I1.png"), np.roll(picture, 1, 1))
    flow = np.zeros((48, 56, 2), "<f4")
    flow[..., 0] = 1
    header = b"PIEH" + np.array([56, 48], "<i4").tobytes()
    (folder / "flow.flo").write_bytes(header + flow.tobytes())
    from offline.verify.tvl1 import reference_pair

    (check,) = reference_pair(Artefacts(tmp_path))
    assert check.ok is True and check.ours < 0.3
    (folder / "flow.flo").write_bytes(header + flow.tobytes()[:-4])
    (damaged,) = (check for check in verify.verify(tmp_path) if check.ok is False)
    assert "no .flo file" in damaged.why


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "verify").is_dir(), reason=f"{SHARED / 'verify'} is not here")
def test_everything_published_is_equal():
    checks = verify.verify(SHARED / "verify", SHARED / "flowmaps")
    assert [check for check in checks if check.ok is False] == []
    assert len([check for check in checks if check.ok is True]) >= 30
    for check in checks:
        assert check.ok is True or check.why, check
