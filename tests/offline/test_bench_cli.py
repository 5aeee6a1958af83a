"""apexbench as people call it."""

import errno
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from apexbench_command import call


def run(release, out, model="linear", *more):
    return (
        "run",
        "--protocol",
        "cde",
        "--model",
        model,
        "--flowmaps",
        release,
        "--out",
        out,
        "--jobs",
        1,
        *more,
    )


def test_a_run_prints_scores_and_writes_everything(release, tmp_path, monkeypatch, capsys):
    code, out, err = call(
        monkeypatch, capsys, *run(release, tmp_path / "r", "off-apexnet", "--epochs", 2, "--audit")
    )
    assert (
        code == 0
        and "UF1" in out
        and "Audit: choosing the epoch" in out
        and "note: CASME II: 12 clips" in err
    )
    page = (tmp_path / "r" / "report.html").read_text()
    for text in ("What is taken for what", "t-SNE", "difference", "UF1, its 95 % interval", "epoch 2"):
        assert text in page
    assert "http" not in page  # nothing is fetched
    for name in ("results.json", "predictions.csv"):
        assert (tmp_path / "r" / name).exists()


@pytest.mark.parametrize("model", ["linear", "majority"])
def test_who_has_seen_one_class_says_it(tmp_path, write_release, monkeypatch, capsys, model):
    rows = [
        ("casme2", person, f"{person}_c{k}", label) for label, person in enumerate(("a", "b")) for k in "12"
    ]
    arguments = run(write_release(tmp_path / "maps", rows), tmp_path / "r", model, "--json")
    code, out, err = call(monkeypatch, capsys, *arguments)
    report = json.loads(out)
    assert code == 0 and "Traceback" not in err
    assert report["metrics"]["full"]["confusion"] == [[0, 2, 0], [2, 0, 0], [0, 0, 0]]
    assert "one class alone to train on in 2 of 2 folds: casme2/a, casme2/b" in report["notes"]


def test_folds_without_a_class_and_clips_without_motion_are_named(
    tmp_path, write_release, monkeypatch, capsys
):
    rows = [("casme2", person, f"{person}_c{k}", k % 2) for person in ("a", "b", "c") for k in range(4)]
    rows.append(("casme2", "c", "c_only", 2))
    release = write_release(tmp_path / "maps", rows)
    for clip in ("a_a_c0", "b_b_c1"):
        for picture in release.rglob(f"{clip} .png"):
            cv2.imwrite(str(picture), np.zeros((28, 28, 3), np.uint8))
    code, out, _ = call(monkeypatch, capsys, *run(release, tmp_path / "r", "majority", "--json"))
    notes = json.loads(out)["notes"]
    assert code == 0
    assert "no surprise to train on in 1 of 3 folds: casme2/c" in notes
    assert "nothing moves in 2 of 13 clips, used as they are: casme2/a a_c0, casme2/b b_c1" in notes


def test_json_is_the_results_file(release, tmp_path, monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, *run(release, tmp_path / "r", "linear", "--json"))
    assert code == 0 and json.loads(out) == json.loads((tmp_path / "r" / "results.json").read_text())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--precision", "half"), "unknown precision 'half': choose float32 or bfloat16"),
        (("--model", "resnet"), "unknown model 'resnet': choose one of ststnet"),
        (("--protocol", "loto"), "unknown protocol 'loto': choose one of cde"),
        (("--seeds", "0,one"), "is not a list of whole numbers"),
        (("--seeds", "-1"), "seeds start at 0"),
        (("--flowmaps", "/nowhere"), "/nowhere is not a flow-map release"),
        (("--device", "tpu"), "unknown device 'tpu'"),
        (("--weights", "w.pth"), "linear has no pretrained part: leave --weights out"),
        (("--recipe", "theirs"), "unknown recipe 'theirs'"),
        (("--recipe", "paper"), "linear has no recipe 'paper': leave --recipe out"),
        (("--model", "fr", "--recipe", "authors"), "fr has no recipe 'authors': choose paper or ours"),
        (("--flow", "opencv"), "the released flow maps are as they are: leave --flow out"),
        (("--magnification", "4"), "linear reads nothing magnified: leave --magnification out"),
        (("--model", "c3d-fc2"), "c3d-fc2 is used as pretrained: give --weights F"),
        (("--model", "ststnet", "--weights", "/nowhere.pth"), "cannot read the weights /nowhere.pth"),
        (("--dask", "tcp://127.0.0.1:9"), "no Dask scheduler answers"),
    ],
)
def test_unusable_input_is_one_line_and_exit_2(release, tmp_path, monkeypatch, capsys, change, message):
    if change[0] == "--dask":
        monkeypatch.setattr("offline.runs.workers.DASK_TIMEOUT", "1s")
    code, _, err = call(monkeypatch, capsys, *run(release, tmp_path / "r"), *change)
    lines = [line for line in err.splitlines() if line.startswith("apexbench:")]
    assert code == 2 and len(lines) == 1 and message in lines[0] and "Traceback" not in err


def test_without_data_it_says_what_to_give(tmp_path, monkeypatch, capsys):
    code, _, err = call(
        monkeypatch, capsys, "run", "--protocol", "cde", "--model", "linear", "--out", tmp_path / "r"
    )
    assert code == 2 and "give --flowmaps DIR" in err


def test_an_out_that_cannot_be_a_folder_is_named(release, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    code, _, err = call(monkeypatch, capsys, *run(release, tmp_path / "file" / "r"))
    assert code == 2 and str(tmp_path / "file" / "r") in err


def test_train_writes_a_model_and_its_card(release, tmp_path, monkeypatch, capsys):
    arguments = (
        "train",
        "--model",
        "ststnet",
        "--flowmaps",
        release,
        "--out",
        tmp_path / "m.onnx",
        "--epochs",
        2,
    )
    code, out, _ = call(monkeypatch, capsys, *arguments, "--jobs", 1, "--json")
    told = json.loads(out)
    assert code == 0 and told["max_abs_diff"] <= 1e-5 and len(told["metrics"]["uf1_ci95"]) == 2
    assert (tmp_path / "m.md").exists() and (tmp_path / "m.onnx").stat().st_size == told["bytes"]


def test_table_merges_runs_and_tests_pairs(release, tmp_path, monkeypatch, capsys):
    for model in ("linear", "majority"):
        assert call(monkeypatch, capsys, *run(release, tmp_path / model, model))[0] == 0
    folders = (tmp_path / "linear", tmp_path / "majority")
    code, out, _ = call(monkeypatch, capsys, "table", *folders, "--published", "--json")
    told = json.loads(out)
    assert code == 0 and [row["model"] for row in told["rows"]][:3] == ["linear", "majority", "LBP-TOP"]
    (test,) = told["comparisons"]
    assert test["uf1_difference"] == pytest.approx(
        told["rows"][0]["full_uf1"] - told["rows"][1]["full_uf1"], abs=1e-3
    )
    code, out, _ = call(monkeypatch, capsys, "table", *folders, "--markdown")
    assert code == 0 and out.startswith("| model |") and "linear − majority" in out
    code, out, _ = call(monkeypatch, capsys, "table", *folders)
    assert code == 0 and "paired, same clips" in out and "p McNemar" in out
    code, _, err = call(monkeypatch, capsys, "table", tmp_path)
    assert code == 2 and "is not a finished run: results.json is missing" in err


def test_table_fills_a_papers_tables(release, tmp_path, monkeypatch, capsys):
    assert (
        call(monkeypatch, capsys, *run(release, tmp_path / "runs" / "o", "off-apexnet", "--epochs", 1))[0]
        == 0
    )
    arguments = ("table", "--paper", "000", tmp_path / "runs", "--html", tmp_path / "p.html")
    code, out, _ = call(monkeypatch, capsys, *arguments, "--json")
    told = json.loads(out)
    assert code == 0 and told["tables"][2]["rows"][2]["status"] == "run, not as in the paper"
    assert "OFF-ApexNet" in (tmp_path / "p.html").read_text()
    code, out, _ = call(monkeypatch, capsys, "table", "--paper", "000")
    assert code == 0 and "not run" in out and "LBP-TOP" in out
    code, out, _ = call(monkeypatch, capsys, "table", "--paper", "004", "--markdown")
    assert code == 0 and "| Ours (MSCNN) | 0.5325 | 0.5650 | not run |" in out
    code, out, _ = call(monkeypatch, capsys, "table", "--paper", "000", "--commands")
    lines = [line for line in out.splitlines() if not line.startswith("#")]
    assert code == 0 and len(set(lines)) == len(lines) and "# table 3: 1000 epochs, cde" in out
    assert any(
        "--model off-apexnet --recipe paper --epochs 1000 --apex dcrois --flow opencv" in line
        for line in lines
    )
    for bad, message in (
        (("--commands",), "--commands goes with --paper"),
        (("--paper", "009", "--commands"), "unknown paper '009'"),
        (("--paper", "009"), "unknown paper '009'"),
        ((), "give the folders of finished runs, or --paper"),
        (
            ("--paper", "000", "--html", "/nowhere/p.html"),
            "--html /nowhere/p.html: there is no folder /nowhere",
        ),
    ):
        code, _, err = call(monkeypatch, capsys, "table", *bad)
        assert code == 2 and message in err and "Traceback" not in err


def test_list_names_what_there_is(monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "list", "--json")
    told = json.loads(out)
    assert code == 0 and {"cde", "hde", "lovo", "kfold"} <= {row["name"] for row in told["protocols"]}
    assert {"ststnet", "off-apexnet", "dual-inception", "fr", "rcn", "alexnet", "googlenet", "vgg16"} <= {
        row["name"] for row in told["models"]
    }


@pytest.mark.parametrize("command", ["run", "train", "table", "speed", "list"])
def test_every_command_helps_with_an_example(command, monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, command, "--help")
    assert code == 0 and f"Example: apexbench {command}" in " ".join(out.split())


def test_without_the_training_extra_it_says_what_to_install(release, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    code, _, err = call(monkeypatch, capsys, *run(release, tmp_path / "r"))
    assert code == 2 and "pip install 'apexcam[train]'" in err


def test_a_disk_that_fills_at_the_report_is_one_line(release, tmp_path, monkeypatch, capsys):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "report.html")

    monkeypatch.setattr("offline.report.write_bytes", full)
    code, _, err = call(monkeypatch, capsys, *run(release, tmp_path / "r"))
    assert (
        code == 2 and "the disk is full (report.html)" in err and (tmp_path / "r" / "results.json").exists()
    )


def test_speed_compares_what_both_trainings_say(release, monkeypatch, capsys):
    code, out, _ = call(
        monkeypatch, capsys, "speed", "--flowmaps", release, "--epochs", 100, "--folds", 3, "--json"
    )
    row = json.loads(out)
    low, high = row["uf1_difference_ci95"]
    assert code == 0 and row["folds"] == 3 and row["ratio"] > 0
    assert min(row["uf1"], row["plain_uf1"]) > 0.5 and low <= row["uf1"] - row["plain_uf1"] <= high


def test_training_in_half_the_bits_is_said_and_is_another_run(release, tmp_path, monkeypatch, capsys):
    command = run(release, tmp_path / "r", "off-apexnet", "--epochs", 2)
    code, out, _ = call(monkeypatch, capsys, *command, "--precision", "bfloat16", "--no-features")
    assert code == 0 and "networks trained in bfloat16" in out
    assert "t-SNE" not in (tmp_path / "r" / "report.html").read_text()
    code, _, err = call(monkeypatch, capsys, *command)
    assert code == 2 and "holds another run (precision bfloat16" in err
