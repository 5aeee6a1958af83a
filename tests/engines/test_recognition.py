"""From crops to class: one CUDA graph, run on the host, against stages one by one; and what happens when it dies."""

import dataclasses
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engines import recognition
from engines.cuda.machine import Launch
from engines.errors import InputError
from engines.flow import PRESETS, as_benchmark, flow_map
from engines.flow.cuda.session import Session
from engines.flow.warped import warped_pair
from engines.inference import RUNTIMES, open_classifier
from engines.inference.model_file import read_model
from engines.inference.tensorrt import library
from engines.recognition import Recognition, graph

pytest.importorskip("onnx", reason="TensorRT's graphs are prepared with onnx, of the extra gpu")
sys.path.insert(0, str(Path(__file__).parent))
import fake_tensorrt as fake

# Small and short, because the host takes the place of thousands of threads.
QUICK = dataclasses.replace(PRESETS["precise"], scales=1, warps=1, inner=5)
SIZE = (48, 40)


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    fake.reset()
    monkeypatch.setenv("APEXCAM_CACHE", str(tmp_path))
    monkeypatch.setattr(graph, "CROP_HEIGHT", SIZE[0])
    monkeypatch.setattr(graph, "CROP_WIDTH", SIZE[1])
    monkeypatch.setattr(graph, "TOGETHER", 3)


def pairs(count):
    made = [warped_pair(seed, height=SIZE[0], width=SIZE[1]) for seed in range(count)]
    return [p.onset for p in made], [p.apex for p in made]


def opened(host):
    lines = []
    made = graph.Graph(
        host, library.load("fake_tensorrt"), read_model(None), "tensorrt", QUICK, "fp32", lines.append
    )
    return made, lines


def test_one_graph_gives_what_the_stages_give(host):
    recognise, lines = opened(host)
    assert not lines
    onsets, apexes = pairs(3)
    flows = Session(host, *SIZE, 3, QUICK).solve(
        np.stack(onsets).astype(np.float32), np.stack(apexes).astype(np.float32)
    )
    classify = open_classifier(None, "onnxruntime")
    for count in (1, 2, 3):
        found = recognise(onsets[:count], apexes[:count])
        assert len(found) == count
        for one, (u, v, *_) in zip(found, flows, strict=False):
            np.testing.assert_array_equal(one.u, u)
            np.testing.assert_array_equal(one.v, v)
            expected = classify(as_benchmark(flow_map(u, v))[None])[0]
            # A map rounded to the other one of two neighbouring grey levels moves a probability by thousandths.
            np.testing.assert_allclose(one.probabilities, expected, atol=0.02)
            assert (one.backend, one.preset, one.runtime) == ("cuda", "precise", "tensorrt")
            assert list(one.ms) == ["graph"]


def test_the_network_reads_the_maps_where_the_kernels_leave_them(host):
    host.recorded.clear()
    recognise, _ = opened(host)
    onsets, apexes = pairs(2)
    recognise(onsets, apexes)
    for pairs_at_once in (1, 3):
        (whole,) = [
            r
            for r in host.recorded
            if len(r[1]) > 3 and r[0][0][1].size == 2 * pairs_at_once * SIZE[0] * SIZE[1]
        ]
        uploads, steps, downloads = whole
        assert len(uploads) == 1  # the pictures, and no maps
        assert [isinstance(step, Launch) for step in steps].index(False) == len(steps) - 1
        assert steps[-2].kernel == "benchmark"
        assert sorted(here.size for here, _ in downloads)[:2] == sorted([pairs_at_once, 3 * pairs_at_once])
    exact = open_classifier(None, "onnxruntime")
    session = recognise._recordings[3].session
    maps = np.array(host.seen(session.memory("scaled"), (3, 3, 28, 28)))[:2]
    np.testing.assert_allclose(recognise._recordings[3].probabilities[:2], exact(maps), atol=1e-6)


def test_more_than_go_together_are_answered_in_turns(host):
    recognise, _ = opened(host)
    onsets, apexes = pairs(4)
    assert len(recognise(onsets, apexes)) == 3


def test_without_a_gpu_the_stages_answer_one_by_one():
    recognise = Recognition(on_notice=pytest.fail)
    onset, apex = (warped_pair(0).onset, warped_pair(0).apex)
    answers = recognise([onset, apex], [apex, onset])
    first = next(answers)
    assert first.u.shape == (170, 140) and first.probabilities.shape == (3,)
    assert (recognise.way, recognise.failures) == ("stage by stage", [])
    assert recognise.flow == (first.backend, "precise") and recognise.runtime == first.runtime
    assert len(list(answers)) == 1
    with pytest.raises(InputError, match="crop of uint8"):
        next(recognise([onset[:-1]], [apex[:-1]]))


@pytest.mark.parametrize("when", ["opening", "first", "later"])
def test_a_gpu_that_dies_hands_over_to_the_stages_and_loses_no_pair(monkeypatch, when):
    calls = []

    def graph_that_dies(*arguments):
        def way(onsets, apexes):
            calls.append(len(onsets))
            if when == "first" or len(calls) > 2:
                raise RuntimeError("CUDA_ERROR_OUT_OF_MEMORY: out of memory")
            return stages(onsets, apexes)[:1]

        if when == "opening":
            raise RuntimeError("CUDA_ERROR_NO_DEVICE")
        return way

    stages = recognition.Stages(read_model(None), "cpu", "precise", "onnxruntime", "fp32", pytest.fail)
    monkeypatch.setattr(recognition, "cuda", SimpleNamespace(missing=lambda: ""))
    here = {name: replace(row, missing=lambda: "not here") for name, row in RUNTIMES.items()}
    here["tensorrt-rtx"] = replace(here["tensorrt-rtx"], missing=str)
    monkeypatch.setattr(recognition, "RUNTIMES", here)
    monkeypatch.setattr(recognition, "_graph", graph_that_dies)
    heard = []
    recognise = Recognition(on_notice=heard.append)
    made = warped_pair(0)
    answers = list(recognise([made.onset] * 3, [made.apex] * 3))
    assert len(answers) == 3
    for answer in answers:
        np.testing.assert_array_equal(answer.u, answers[0].u)
    assert recognise.way == "stage by stage"
    assert len(heard) == 1 and heard[0].startswith("recognition as one CUDA graph with tensorrt-rtx ")
    assert ("NO_DEVICE" if when == "opening" else "OUT_OF_MEMORY") in heard[0]
    assert len(recognise.failures) == 1
