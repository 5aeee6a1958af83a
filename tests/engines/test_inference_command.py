"""The command apexengine: build, list, bench classify."""

import errno
import importlib.util
import json
import re
import sys
from importlib import resources
from pathlib import Path

import pytest

from engines import cuda
from engines.inference import benchmark, every_runtime
from engines.inference.model_file import SHIPPED
from engines.inference.tensorrt import command, library

sys.path.insert(0, str(Path(__file__).parent))
from apexengine_command import apexengine

CONTENT = (resources.files("engines.weights") / SHIPPED).read_bytes()


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def rtx():
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")


def test_build_compiles_for_a_gpu_that_is_not_here(monkeypatch, capsys, model, rtx, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("APEXCAM_CACHE", str(cache))
    assert apexengine(monkeypatch, "build", model, "--target", "sm_75") == 0
    (made,) = cache.rglob("*.engine")
    assert made.name.startswith("model.") and made.name.endswith(".sm_75.fp32.1.engine")
    assert made.stat().st_size > 100_000
    assert capsys.readouterr().out.startswith(f"{made}: ststnet")
    assert list(model.parent.iterdir()) == [model]  # nothing beside the sources
    out = model.parent / "half.engine"
    arguments = ("--target", "sm_120", "--precision", "fp16", "--batch", "4", "--out", out)
    assert apexengine(monkeypatch, "build", model, *arguments) == 0
    assert "sm_120, fp16, 4 maps" in capsys.readouterr().out
    assert out.read_bytes() != made.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "sm_90"], "unknown target 'sm_90' .*choose one of sm_75, sm_80, sm_86, sm_89, sm_120"),
        (["--precision", "int8"], "unknown precision 'int8': choose one of fp32, fp16"),
        (["--batch", "0"], "--batch 0: give at least 1"),
        (["--target", "sm_89", "--out", "/no/such/folder/e"], "--out .*there is no folder"),
        (["--out", "mine.engine"], "--out mine.engine: an engine for this GPU goes into the cache"),
    ],
)
def test_what_build_cannot_use_is_one_line_and_exit_2(monkeypatch, capsys, model, rtx, arguments, words):
    before = set(model.parent.iterdir())
    assert apexengine(monkeypatch, "build", model, *arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and re.search(words, said)
    assert set(model.parent.iterdir()) == before


def test_a_network_that_is_not_ours_is_refused(monkeypatch, capsys, model):
    model.write_bytes(CONTENT.replace(b"probabilities", b"probabilitoes"))
    assert apexengine(monkeypatch, "build", model, "--target", "sm_89") == 2
    assert "has inputs" in capsys.readouterr().err
    assert apexengine(monkeypatch, "build", model.parent / "absent.onnx") == 2
    assert "no model file at" in capsys.readouterr().err


def test_a_cache_that_cannot_be_made_is_one_line_before_the_work(monkeypatch, capsys, model):
    monkeypatch.setenv("APEXCAM_CACHE", str(model))
    assert apexengine(monkeypatch, "build", model, "--target", "sm_89") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "APEXCAM_CACHE" in said and "is a file" in said


def test_a_full_disk_is_one_line(monkeypatch, capsys, model, rtx, tmp_path_factory):
    monkeypatch.setenv("APEXCAM_CACHE", str(tmp_path_factory.mktemp("cache")))

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(command, "write_bytes", full)
    assert apexengine(monkeypatch, "build", model, "--target", "sm_89") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "No space left on device" in said


def test_this_gpu_wants_a_gpu_and_a_driver_that_is_new_enough(monkeypatch, capsys, model, rtx):
    if cuda.missing():
        assert apexengine(monkeypatch, "build", model) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and cuda.missing() in said and "--target sm_89" in said
    monkeypatch.setattr(cuda, "missing", lambda: "")
    monkeypatch.setattr(cuda, "driver_version", lambda: (11, 4))
    assert apexengine(monkeypatch, "build", model) == 2
    assert "the NVIDIA driver runs CUDA 11.4 and tensorrt_rtx needs" in capsys.readouterr().err


def test_without_tensorrt_build_says_what_to_install(monkeypatch, capsys, model):
    monkeypatch.setattr(library, "installed", lambda name: False)
    monkeypatch.setattr(command, "installed", lambda name: False)
    assert apexengine(monkeypatch, "build", model, "--target", "sm_89") == 2
    assert "pip install 'apexcam[gpu]'" in capsys.readouterr().err


def test_list_names_runtimes_reasons_and_targets(monkeypatch, capsys):
    assert apexengine(monkeypatch, "list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)["classify"]
    assert listed["runtimes"][-1] == "onnxruntime"
    assert len(listed["runtimes"]) + len(listed["missing"]) == len(every_runtime())
    if importlib.util.find_spec("tensorrt_rtx"):
        assert {"sm_75", "sm_86", "sm_89", "sm_120", "current"} <= set(listed["targets"])
    assert apexengine(monkeypatch, "list") == 0
    assert "ONNX Runtime on the processor" in capsys.readouterr().out


def test_bench_classify_has_a_row_for_every_runtime_and_batch(monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "_SECONDS", 0.5)
    assert apexengine(monkeypatch, "bench", "classify", "--quick", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    fields = "model runtime precision batch ms_p50 ms_p99 maps_per_s ratio_to_torch max_abs_diff"
    assert all(list(row) == fields.split() for row in rows)
    kinds = {(row["model"], row["runtime"], row["batch"]) for row in rows}
    assert {("shipped", "onnxruntime", 1), ("shipped", "onnxruntime", 16)} <= kinds
    assert all(row["max_abs_diff"] < 1e-3 and row["ms_p50"] <= row["ms_p99"] for row in rows)
    if len(benchmark.known()) > 1:
        assert ("ststnet", "onnxruntime", 16) in kinds
        eager = {row["batch"]: row for row in rows if row["runtime"].startswith("torch")}
        assert set(eager) == {1, 16} and all(row["ratio_to_torch"] == 1 for row in eager.values())


def test_bench_classify_without_pytorch_times_the_shipped_network(monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "torch" else found(name, *more)
    )
    monkeypatch.setattr(benchmark, "_SECONDS", 0.1)
    assert benchmark.known() == ["shipped"]
    assert apexengine(monkeypatch, "bench", "classify") == 0
    assert re.search(r"shipped +onnxruntime fp32 +16 ", capsys.readouterr().out)
    assert apexengine(monkeypatch, "bench", "classify", "--model", "vgg16") == 2
    assert "unknown network 'vgg16': choose of shipped" in capsys.readouterr().err
