"""TensorRT without a GPU: the real compiler, and the code of the device run on the host by a stand-in for the rest."""

import errno
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from engines import cuda, files
from engines.errors import InputError
from engines.inference import open_classifier
from engines.inference.model_file import SHIPPED, read_model
from engines.inference.tensorrt import cache, library
from engines.inference.tensorrt.classifier import TensorRtClassifier
from engines.inference.tensorrt.compiling import TensorRtError, compile_engine, targets
from engines.inference.tensorrt.graph import prepare

pytest.importorskip("onnx", reason="TensorRT's graphs are prepared with onnx, of the extra gpu")
sys.path.insert(0, str(Path(__file__).parent))
import fake_tensorrt as fake

CONTENT = (resources.files("engines.weights") / SHIPPED).read_bytes()
# What issue and README promise; TensorRT-RTX knows no sm_90.
PROMISED = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_120")


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    fake.reset()
    monkeypatch.setenv("APEXCAM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def rtx():
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")
    return library.load("tensorrt_rtx")


def maps(n, seed=0):
    return np.random.default_rng(seed).random((n, 3, 28, 28), np.float32)


def on_cpu(content, x):
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"maps": x})[0]


def opened(machine, precision="fp32", model=None):
    lines = []
    made = TensorRtClassifier(
        model or read_model(None), library.load("fake_tensorrt"), machine, "tensorrt", precision, lines.append
    )
    return made, lines


@pytest.mark.parametrize(
    ("precision", "turing", "close"), [("fp32", 0, 1e-6), ("fp32", 1, 1e-6), ("fp16", 0, 5e-3)]
)
def test_a_rewritten_graph_is_the_same_network(precision, turing, close):
    graph = prepare(CONTENT, 4, precision, turing=bool(turing))
    assert b"Gemm" in CONTENT and (b"Gemm" in graph) == (not turing)
    np.testing.assert_allclose(on_cpu(graph, maps(4)), on_cpu(CONTENT, maps(4)), atol=close)
    with pytest.raises(Exception, match="4"):
        on_cpu(graph, maps(3))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_shipped_network_compiles_for_every_promised_gpu(rtx, precision):
    engines = {
        target: compile_engine(rtx, prepare(CONTENT, 16, precision, turing=target == "sm_75"), [target])
        for target in PROMISED
    }
    assert len(set(engines.values())) == len(PROMISED)
    assert all(len(engine) > 100_000 for engine in engines.values())


def test_turing_is_why_matrices_become_convolutions(rtx):
    with pytest.raises(TensorRtError, match=r"sm_75: .*FP32 GEMM is not supported"):
        compile_engine(rtx, prepare(CONTENT, 1, "fp32"), ["sm_75"])


def test_what_cannot_be_compiled_is_one_line(rtx):
    with pytest.raises(InputError, match=r"unknown target 'sm_90' .*sm_75, .*sm_120, .*current"):
        compile_engine(rtx, CONTENT, ["sm_90"])
    with pytest.raises(TensorRtError, match=r"tensorrt_rtx cannot read the network: \S.*") as raised:
        compile_engine(rtx, CONTENT[: len(CONTENT) // 2], ["sm_89"])
    assert "\n" not in str(raised.value)
    if cuda.missing():
        with pytest.raises(TensorRtError, match=r"for current: .*driver"):
            compile_engine(rtx, prepare(CONTENT, 1, "fp32"), ["current"])


@pytest.mark.parametrize("count", [0, 1, 5, 16, 37])
def test_the_device_code_gives_what_onnx_runtime_gives(plain_host, count):
    classify, _ = opened(plain_host)
    expected = open_classifier(None, "onnxruntime")(maps(count))
    np.testing.assert_allclose(classify(maps(count)), expected, atol=1e-6)
    assert (classify.name, classify.classes) == (read_model(None).name, read_model(None).classes)
    with pytest.raises(ValueError, match="NaN"):
        classify(np.full((1, 3, 28, 28), np.nan, np.float32))


def test_half_precision_keeps_float32_outside_and_probabilities(plain_host):
    classify, _ = opened(plain_host, "fp16")
    found, expected = classify(maps(20)), open_classifier(None, "onnxruntime")(maps(20))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert 0 < np.abs(found - expected).max() < 5e-3


def test_a_network_runs_outside_a_recording_first(plain_host):
    classify, _ = opened(plain_host)
    before = len(fake.streams)
    assert fake.streams[0] == 0  # what the host gives outside a recording
    classify(maps(1))
    assert fake.streams[before:] == [7]  # and inside one


def test_a_compiled_network_is_found_again(plain_host):
    opened(plain_host)
    assert fake.built == [("SM89",), ("SM89",)]  # for one map and for sixteen
    opened(plain_host)
    assert len(fake.built) == 2


@pytest.mark.parametrize("changed", ["gpu", "capability", "driver", "version", "precision", "onnx"])
def test_whatever_an_engine_depends_on_is_in_its_key(plain_host, monkeypatch, tmp_path, changed):
    opened(plain_host)
    model, precision = None, "fp32"
    if changed in plain_host.identity:
        plain_host.identity = plain_host.identity | {changed: "12.0"}
    elif changed == "version":
        monkeypatch.setattr(fake, "__version__", "11.1.fake")
    elif changed == "precision":
        precision = "fp16"
    else:
        other = tmp_path / "other.onnx"
        other.write_bytes(CONTENT + b"\x12\x00")  # an empty producer name: the same network, another file
        model = read_model(other)
    _, lines = opened(plain_host, precision, model)
    assert len(fake.built) == 4 and not lines


def kept(kind="engine"):
    return sorted(files.cache_folder("engines").glob(f"*.{kind}"))


@pytest.mark.parametrize("how", ["cut", "flipped", "empty", "foreign", "exchanged"])
def test_a_damaged_or_foreign_engine_is_compiled_again(plain_host, how):
    opened(plain_host)
    one, other = kept()
    good, content = other.read_bytes(), one.read_bytes()
    damaged = {
        "cut": content[:-10],
        "flipped": content[:-1] + bytes([content[-1] ^ 1]),
        "empty": b"",
        "foreign": b"#!/bin/sh\nexit\n",
        "exchanged": good,  # whole, and of another batch size
    }
    one.write_bytes(damaged[how])
    classify, lines = opened(plain_host)
    assert len(fake.built) == 3
    assert len(lines) == 1 and str(one) in lines[0] and "compiling it again" in lines[0]
    assert one.read_bytes() == content
    np.testing.assert_allclose(classify(maps(2)), open_classifier(None, "onnxruntime")(maps(2)), atol=1e-6)


def test_a_whole_engine_that_does_not_load_is_compiled_again(plain_host):
    opened(plain_host)
    key = cache.key(
        read_model(None).sha256, "fake_tensorrt", fake.__version__, plain_host.identity, "fp32", 1
    )
    cache.keep(key, b"a plan of yesterday", print)
    _, lines = opened(plain_host)
    assert len(fake.built) == 3 and len(lines) == 1
    assert "version tag does not match; compiling it again" in lines[0]
    opened(plain_host)
    assert len(fake.built) == 3


def test_kernels_learnt_are_kept_beside_the_engine(plain_host):
    opened(plain_host)
    assert len(kept("kernels")) == 2
    assert all(path.read_bytes().endswith(b"kernels of this GPU") for path in kept("kernels"))


def test_a_full_disk_costs_the_cache_and_nothing_else(plain_host, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache, "write_bytes", full)
    classify, lines = opened(plain_host)
    assert classify(maps(1)).shape == (1, 3)
    assert lines and all("not kept: " in line and "No space left on device" in line for line in lines)


def test_processes_that_write_at_once_leave_a_whole_engine(tmp_path):
    code = (
        "import sys\n"
        "from engines.inference.tensorrt import cache\n"
        "key = cache.key('0' * 64, 'l', '1', {'gpu': 'g', 'capability': '8.9', 'driver': '13.0'}, 'fp32', 1)\n"
        "for _ in range(200):\n"
        "    cache.keep(key, sys.argv[1].encode() * 50_000, sys.exit)\n"
        "    assert set(cache.read(key, sys.exit)) in ({65}, {66})\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, letter]) for letter in "AB"]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    assert len(kept()) == 1 and not list(kept()[0].parent.glob(".*"))


@pytest.mark.parametrize("fault", ["parse", "build", "load", "context", "address", "run"])
def test_every_refusal_of_tensorrt_is_one_line(plain_host, fault):
    fake.faults.add(fault)
    with pytest.raises(TensorRtError, match=r"^fake_tensorrt") as raised:
        opened(plain_host)
    assert "\n" not in str(raised.value) and not kept()


def test_a_plan_of_another_network_is_refused(plain_host):
    lib = library.load("fake_tensorrt")
    plan = compile_engine(lib, prepare(CONTENT, 2, "fp32"), ["sm_89"])
    from engines.inference.tensorrt.engine import Engine

    with pytest.raises(TensorRtError, match=r"the plan has .*\(2, 3, 28, 28\)"):
        Engine(lib, plain_host, plan, 1, 3)


def test_the_targets_are_the_librarys_own(rtx):
    assert targets(library.load("fake_tensorrt")) == ["sm_75", "sm_89", "sm_120", "current"]
    assert set(PROMISED) < set(targets(rtx))


def test_a_driver_older_than_the_library_is_named(monkeypatch):
    monkeypatch.setattr(library, "built_for", lambda name: 13)
    monkeypatch.setattr(cuda, "missing", lambda: "")
    monkeypatch.setattr(library, "installed", lambda name: True)
    for version, old in (((12, 8), True), ((13, 0), False), ((14, 1), False)):
        monkeypatch.setattr(cuda, "driver_version", lambda version=version: version)
        assert library.missing("tensorrt_rtx") == (
            "the NVIDIA driver runs CUDA 12.8 and tensorrt_rtx needs 13: update the driver" if old else ""
        )


def test_the_installed_library_says_which_cuda_it_needs(rtx):
    assert library.built_for("tensorrt_rtx") in (12, 13)
    assert library.built_for("no_such_module") is None
