"""What happens when a GPU, a driver or a library fails: the next takes over, in one line, with the same answer."""

import importlib.util

import numpy as np
import pytest

from engines import cuda
from engines.errors import InputError
from engines.fallback import Fallback
from engines.flow import Backend, open_solver, registry
from engines.inference import RUNTIMES, Runtime, every_runtime, open_classifier, runtimes

MAPS = np.random.default_rng(0).random((3, 3, 28, 28), np.float32)


def ways(*made):
    return [(name, lambda reason=reason: reason, make) for name, reason, make in made]


def fails(text):
    def fail(*arguments):
        raise RuntimeError(text)

    return fail


def test_the_first_that_opens_is_used_and_what_is_missing_is_no_news():
    heard = []
    using = Fallback(
        "runtime",
        ways(
            ("a", "not installed", None), ("b", "", fails("no\nway")), ("c", "", lambda: 3), ("d", "", None)
        ),
        heard.append,
    )
    assert using.name == "c" and using.run(lambda name, way: (name, way)) == ("c", 3)
    assert using.steps == ["a: not installed", "b: does not start (no)"]
    assert heard == ["runtime b does not start (no); trying c"]


def test_one_that_fails_later_is_left_for_good():
    heard, used = [], []
    using = Fallback("runtime", ways(("a", "", lambda: "A"), ("b", "", lambda: "B")), heard.append)

    def use(name, way):
        used.append(way)
        if way == "A":
            raise MemoryError("out of memory\ntrace")
        return way

    assert [using.run(use), using.run(use)] == ["B", "B"]
    assert used == ["A", "B", "B"] and using.name == "b"
    assert heard == ["runtime a failed (out of memory); trying b"]


def test_bad_input_and_the_last_way_fail_as_they_are():
    using = Fallback("runtime", ways(("a", "", lambda: 1), ("b", "", lambda: 2)), pytest.fail)
    with pytest.raises(InputError):
        using.run(lambda name, way: (_ for _ in ()).throw(InputError("bad")))
    assert using.name == "a"
    alone = Fallback("runtime", ways(("a", "never asked", lambda: 1)), pytest.fail)
    with pytest.raises(ZeroDivisionError):
        alone.run(lambda name, way: 1 / 0)


def test_without_a_gpu_every_step_down_has_its_reason():
    if not cuda.missing():
        pytest.skip("there is a GPU here")
    classify = open_classifier(on_notice=pytest.fail)
    assert classify.runtime == "onnxruntime" and classify(MAPS).shape == (3, 3)
    assert [step.partition(":")[0] for step in classify.steps] == [
        "tensorrt-rtx",
        "tensorrt",
        "onnxruntime-cuda",
    ]
    reasons = every_runtime()
    assert reasons["onnxruntime"] == "" and runtimes() == ["onnxruntime"]
    if importlib.util.find_spec("tensorrt") is None:
        assert reasons["tensorrt"] == "tensorrt is not installed"
    assert open_solver().backend == "cpu"
    with pytest.raises(InputError, match=r"tensorrt-rtx is not on this machine \(.+\): .*onnxruntime"):
        open_classifier(None, "tensorrt-rtx")


@pytest.fixture
def broken(monkeypatch):
    """TensorRT that opens and dies at its first maps, an ONNX Runtime on CUDA that does not open."""

    class Dies:
        def __call__(self, maps):
            raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered")

    for row in (
        Runtime("tensorrt-rtx", "", lambda *model: Dies()),
        Runtime("tensorrt", "", fails("never"), lambda: "tensorrt is not installed"),
        Runtime("onnxruntime-cuda", "", fails("cuDNN is missing")),
    ):
        monkeypatch.setitem(RUNTIMES, row.name, row)


def test_a_gpu_that_dies_at_work_costs_two_lines_and_no_answer(broken):
    heard = []
    classify = open_classifier(on_notice=heard.append)
    assert classify.runtime == "tensorrt-rtx" and not heard
    np.testing.assert_array_equal(classify(MAPS), open_classifier(None, "onnxruntime")(MAPS))
    assert classify.runtime == "onnxruntime"
    assert heard == [
        "runtime tensorrt-rtx failed (CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered); "
        "trying tensorrt",
        "runtime onnxruntime-cuda does not start (cuDNN is missing); trying onnxruntime",
    ]
    with pytest.raises(ValueError, match="NaN"):
        classify(np.full((1, 3, 28, 28), np.nan, np.float32))


def test_one_asked_for_by_name_fails_as_it_is_unless_the_next_may_take_over(broken):
    with pytest.raises(RuntimeError, match="ILLEGAL"):
        open_classifier(None, "tensorrt-rtx")(MAPS)
    classify = open_classifier(None, "tensorrt-rtx", or_next=True, on_notice=lambda line: None)
    assert classify(MAPS).shape == (3, 3)


def test_a_flow_backend_that_dies_at_work_hands_over(monkeypatch):
    dies = Backend("cuda", "", lambda preset: fails("CUDA_ERROR_ECC_UNCORRECTABLE"))
    monkeypatch.setitem(registry.BACKENDS, "cuda", dies)
    images = np.random.default_rng(0).integers(0, 255, (2, 40, 40), dtype=np.uint8)
    heard = []
    for asked, or_next in (("auto", False), ("cuda", True)):
        solve = open_solver(asked, or_next=or_next, on_notice=heard.append)
        assert solve.backend == "cuda"
        flow = solve(images[0], images[1])
        assert flow.backend == solve.backend == "cpu"
        np.testing.assert_array_equal(flow.u, open_solver("cpu")(images[0], images[1]).u)
    assert heard == ["flow backend cuda failed (CUDA_ERROR_ECC_UNCORRECTABLE); trying cpu"] * 2
    with pytest.raises(RuntimeError, match="ECC"):
        open_solver("cuda")(images[0], images[1])
