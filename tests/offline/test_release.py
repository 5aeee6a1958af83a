"""From training to a file the live side opens, with an honest card."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from engines.errors import InputError
from engines.inference import open_classifier
from engines.networks import open_network
from engines.networks.onnx_file import Probabilities
from engines.networks.ststnet import MergedSTSTNet, STSTNet
from offline.protocols import open_protocol
from offline.recognisers import open_recogniser
from offline.release import release as make_release
from offline.release.calibration import calibration_error, fit_temperature, log_loss
from offline.release.onnx_file import PARITY, export
from offline.runs.plan import Plan
from offline.training.options import Training


def plan(model, epochs):
    return Plan(open_protocol("cde"), open_recogniser(model), training=Training(epochs=epochs))


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


# the others are these with a stream or a fusion changed, or too large for a quick test
@pytest.mark.parametrize("name", ["ststnet", "off-apexnet", "dual-inception", "fr", "rcn", "googlenet"])
def test_every_network_exports_to_what_pytorch_computes(name, tmp_path):
    network = open_network(name, 3).eval()
    maps = np.random.default_rng(0).random((7, 3, 28, 28), np.float32)
    wrapped = Probabilities([network], 1.3)
    made = export(
        wrapped, tmp_path / "n.onnx", name=name, classes=("a", "b", "c"), check=maps, reference=wrapped
    )
    assert made.max_abs_diff <= 1e-5 and made.size == (tmp_path / "n.onnx").stat().st_size
    classify = open_classifier(tmp_path / "n.onnx")
    assert classify.name == name and classify.sha256 == made.sha256 and classify.classes == ("a", "b", "c")
    with torch.no_grad():
        expected = torch.softmax(network(torch.from_numpy(maps)) / 1.3, 1).numpy()
    np.testing.assert_allclose(classify(maps), expected, atol=1e-5)
    written = onnx.load(tmp_path / "n.onnx")
    del written.graph.initializer[:]
    text = str(written).replace("apexbench", "")
    assert ".py" not in text and "stack_trace" not in text and str(Path.cwd()) not in text


def test_a_network_that_does_not_match_is_not_written(tmp_path):
    maps = np.random.default_rng(0).random((7, 3, 28, 28), np.float32)
    a, b = Probabilities([STSTNet().eval()]), Probabilities([STSTNet().eval()])
    with pytest.raises(ArithmeticError, match="differs from PyTorch"):
        export(a, tmp_path / "n.onnx", name="n", classes=("a", "b", "c"), check=maps, reference=b)
    assert list(tmp_path.iterdir()) == []


def test_a_release_is_validated_calibrated_and_described(samples, tmp_path):
    made = make_release(
        samples,
        plan("ststnet-live", 3),
        tmp_path / "mine.onnx",
        work=tmp_path / "work",
        notes="## Tried\n\nthis",
    )
    classify = open_classifier(tmp_path / "mine.onnx")
    assert classify.name == "mine" and classify.classes == samples.classes
    np.testing.assert_allclose(classify(samples.maps).sum(1), 1, atol=1e-5)
    assert made.exported.max_abs_diff <= 1e-5
    card = (tmp_path / "mine.md").read_text()
    full = made.validation.report["metrics"]["full"]
    for text in (
        classify.sha256,
        f"{full['uf1']:.3f}",
        "not a lie detector",
        "Licence",
        "## Tried",
        "bootstrap over people",
    ):
        assert text in card
    again = make_release(
        samples, plan("ststnet-live", 3), tmp_path / "again.onnx", name="mine", work=tmp_path / "work"
    )
    assert again.exported.sha256 == made.exported.sha256


def test_without_validation_the_card_says_so(samples, tmp_path):
    made = make_release(samples, plan("off-apexnet", 1), tmp_path / "quick.onnx", validate=False)
    assert made.validation is None and "Not measured" in made.card.read_text()


def test_what_cannot_be_released_is_refused(samples, tmp_path):
    with pytest.raises(InputError, match="majority is not a network"):
        make_release(samples, replace(plan("majority", None)), tmp_path / "x.onnx")
    with pytest.raises(InputError, match="is not a folder"):
        make_release(samples, plan("ststnet", 1), tmp_path / "absent" / "x.onnx")


def test_the_temperature_brings_back_what_was_distorted():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((4000, 3)) * 2
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in p])
    assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.15)
    assert log_loss(3 * logits, labels, 3) < log_loss(3 * logits, labels)
    assert calibration_error(p, labels) < 0.03
    sharp = np.exp(3 * logits) / np.exp(3 * logits).sum(1, keepdims=True)
    assert calibration_error(sharp, labels) > 0.1


def test_merged_and_separate_members_export_to_the_same_function(tmp_path):
    members = [STSTNet().eval() for _ in range(3)]
    maps = np.random.default_rng(1).random((5, 3, 28, 28), np.float32)
    made = export(
        Probabilities([MergedSTSTNet(members)], 2.0),
        tmp_path / "m.onnx",
        name="m",
        classes=("a", "b", "c"),
        check=maps,
        reference=Probabilities(members, 2.0),
    )
    assert made.max_abs_diff <= PARITY
