"""Opening and running an exported network."""

import subprocess
import sys

import numpy as np
import onnxruntime as ort
import pytest

from engines.errors import InputError
from engines.inference import open_classifier, runtimes
from engines.inference.model_file import SHIPPED, read_model
from engines.labels import CLASSES


def maps(n=4, seed=0):
    return np.random.default_rng(seed).random((n, 3, 28, 28), np.float32)


def test_the_shipped_network_gives_probabilities_for_any_batch():
    classify = open_classifier()
    assert classify.classes == CLASSES
    assert classify.name and len(classify.sha256) == 64 and classify.runtime in runtimes()
    x = maps(5)
    together = classify(x)
    assert together.shape == (5, 3) and together.dtype == np.float32
    np.testing.assert_allclose(together.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(
        np.concatenate([classify(x[i : i + 1]) for i in range(5)]), together, atol=1e-6
    )
    assert classify(x[:0]).shape == (0, 3)


def test_a_file_is_the_same_network_as_the_shipped_one_it_was_copied_from(tmp_path):
    from importlib import resources

    copy = tmp_path / "copy.onnx"
    copy.write_bytes((resources.files("engines.weights") / SHIPPED).read_bytes())
    a, b = open_classifier(), open_classifier(copy, "onnxruntime")
    assert a.sha256 == b.sha256
    np.testing.assert_array_equal(a(maps()), b(maps()))


def test_wrong_maps_are_refused():
    classify = open_classifier()
    with pytest.raises(ValueError, match="28, 28"):
        classify(np.zeros((1, 3, 27, 28), np.float32))
    with pytest.raises(ValueError, match="NaN"):
        classify(np.full((1, 3, 28, 28), np.nan, np.float32))


def test_missing_damaged_and_foreign_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no model file at .*absent\.onnx"):
        open_classifier(tmp_path / "absent.onnx")
    with pytest.raises(InputError, match="cannot read"):
        open_classifier(tmp_path)
    from importlib import resources

    shipped = (resources.files("engines.weights") / SHIPPED).read_bytes()
    for content in (b"", b"not a network at all", shipped[: len(shipped) // 2]):
        damaged = tmp_path / "damaged.onnx"
        damaged.write_bytes(content)
        with pytest.raises(InputError, match=r"damaged\.onnx"):
            open_classifier(damaged)
    foreign = tmp_path / "foreign.onnx"
    foreign.write_bytes(shipped.replace(b"apexcam.model/1", b"apexcam.model/9"))
    with pytest.raises(InputError, match="not an apexcam model"):
        open_classifier(foreign)
    renamed = tmp_path / "renamed.onnx"
    renamed.write_bytes(shipped.replace(b"probabilities", b"probabilitoes"))
    with pytest.raises(InputError, match="inputs"):
        open_classifier(renamed)


def _newer(model):
    model.ir_version = 99


def _newer_operations(model):
    model.opset_import[0].version = 99


def _unknown_operation(model):
    model.graph.node[0].op_type = "FancyNew"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_newer, "of ONNX's IR version 99, ONNX Runtime .* up to .*upgrade onnxruntime, or export it again"),
        (_newer_operations, "of opset 99 of ai.onnx, ONNX Runtime .* up to .*upgrade onnxruntime"),
        (_unknown_operation, "uses FancyNew, which ONNX Runtime .* does not know"),
    ],
)
def test_a_network_newer_than_the_runtime_is_not_called_damaged(tmp_path, change, words):
    onnx = pytest.importorskip("onnx", reason="the train extra is not installed")
    from importlib import resources

    model = onnx.load_from_string((resources.files("engines.weights") / SHIPPED).read_bytes())
    change(model)
    (tmp_path / "new.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=words) as error:
        read_model(tmp_path / "new.onnx")
    assert "damaged" not in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("threshold", [0, 64])
def test_weights_in_another_file_are_asked_for_in_one(tmp_path, threshold):
    onnx = pytest.importorskip("onnx", reason="the train extra is not installed")
    from importlib import resources

    model = onnx.load_from_string((resources.files("engines.weights") / SHIPPED).read_bytes())
    how = {"save_as_external_data": True, "location": "m.data", "size_threshold": threshold}
    onnx.save(model, tmp_path / "m.onnx", **how)
    with pytest.raises(InputError, match="keeps its weights in another file: save it in one file"):
        read_model(tmp_path / "m.onnx")


def test_an_unknown_runtime_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="onnxruntime"):
        open_classifier(None, "abacus")


def test_opening_a_network_imports_neither_torch_nor_sklearn():
    code = (
        "import sys, engines.inference as i; i.open_classifier();"
        "print([m for m in ('torch', 'sklearn', 'onnx') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_session_uses_one_thread():
    options = read_model(None).session.get_session_options()
    assert isinstance(options, ort.SessionOptions) and options.intra_op_num_threads == 1
