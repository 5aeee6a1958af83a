"""The papers' systems over clips: what they read, how pictures are varied, training that repeats."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training is an extra: install apexcam[train]")

from engines.errors import InputError  # noqa: E402
from engines.networks import NETWORKS, atnet, frames  # noqa: E402
from engines.networks.c3d import C3D  # noqa: E402
from engines.networks.recipes import Recipe  # noqa: E402
from offline.inputs import INPUTS  # noqa: E402
from offline.inputs.systems import averages, direction_magnitude  # noqa: E402
from offline.protocols import open_protocol  # noqa: E402
from offline.recognisers import RECOGNISERS, open_recogniser  # noqa: E402
from offline.release import release  # noqa: E402
from offline.runs import run  # noqa: E402
from offline.runs.plan import Plan  # noqa: E402
from offline.training.loop import loss_of  # noqa: E402
from offline.training.network import NetworkRecogniser  # noqa: E402
from offline.training.options import DEFAULT, Training  # noqa: E402
from offline.training.pictures import copies_of, varied  # noqa: E402


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(frames, "SIDE", 64)


def stacked(name, clips):
    return np.stack([INPUTS[name].make(clip) for clip in clips])


def test_every_recogniser_reads_an_input_that_there_is():
    assert {entry.input for entry in RECOGNISERS.values()} <= set(INPUTS)
    assert all(item.name == name and item.settings for name, item in INPUTS.items())


@pytest.mark.parametrize("name", ["flow", "apex", "apex-motion", "streams", "c3d"])
def test_an_input_has_one_shape_and_repeats(name, moving):
    first, second = moving[0][0], replace(moving[0][1], crops=moving[0][1].crops[:15], offset=14)
    made = [INPUTS[name].make(clip) for clip in (first, second, first)]
    assert made[0].dtype == made[1].dtype and made[0].shape == made[1].shape
    assert made[0].tobytes() == made[2].tobytes() and made[0].tobytes() != made[1].tobytes()


def test_average_direction_magnitude_is_the_mean_over_blocks():
    u, v = np.zeros((2, 170, 140), np.float32)
    u[:21, :17] = 3.0  # block (0, 0) is 21 by 17 pixels
    v[148:, 122:] = -2.0  # block (7, 7) is 22 by 18
    values = averages(u, v)
    assert values.shape == (128,) and values[0] == 3 and values[64] == 0
    assert values[63] == 2 and values[127] == pytest.approx(-np.pi / 2)
    assert not values[1:60].any()


def test_a_short_clip_stands_still_before_and_after(moving):
    clip = moving[0][0]  # 20 frames
    motion = direction_magnitude(clip)
    before, after = 32 - clip.apex, 64 - (32 - clip.apex) - 19
    assert motion.shape == (64, 128) and before + after + 19 == 64
    assert not motion[:before].any() and not motion[64 - after :].any()
    assert motion[before : 64 - after, :64].min() > 0


def test_streams_show_the_moving_part_alone(moving):
    clip = moving[0][0]  # moves around (30, 40)
    read = INPUTS["streams"].make(clip)
    shown = read["masked"] > 0
    assert shown[20:40, 30:50].mean() > 0.5 > 0.05 > shown[120:, 90:].mean()
    assert (read["grey"] == clip.crops[clip.apex]).all() and (
        read["masked"][shown] == read["grey"][shown]
    ).all()
    assert read["flow"][150, 120].min() > 200 > read["flow"][30, 40].min()  # white where nothing moves


def test_tenfold_is_five_turns_and_their_mirrors():
    clips = np.zeros(2, [("grey", np.uint8, (170, 140)), ("motion", np.float32, (3, 4))])
    clips["grey"] = np.random.default_rng(0).integers(0, 255, (2, 170, 140))
    clips["motion"] = 1.5
    rng = np.random.default_rng(1)
    out = varied(clips, np.array([1, 10, 11, 2]), "tenfold", rng)
    assert copies_of("tenfold") == 10
    assert (out["grey"][0] == clips["grey"][1]).all()
    assert (out["grey"][1] == clips["grey"][0, :, ::-1]).all()  # place 10 is copy 5 of clip 0
    assert (out["grey"][2] == clips["grey"][1, :, ::-1]).all()
    matrix = cv2.getRotationMatrix2D((69.5, 84.5), 5, 1)
    turned = cv2.warpAffine(clips["grey"][0], matrix, (140, 170), borderMode=cv2.BORDER_REPLICATE)
    assert (out["grey"][3] == turned).all() and (out["motion"] == 1.5).all()
    with pytest.raises(ValueError, match="choose one of"):
        copies_of("twice")


def test_jittered_pictures_of_a_clip_move_together():
    clips = np.zeros(4, [("a", np.uint8, (170, 140)), ("b", np.uint8, (170, 140))])
    clips["a"] = clips["b"] = np.random.default_rng(0).integers(0, 255, (4, 170, 140))
    places = np.arange(4)
    first, again = (varied(clips, places, "jittered", np.random.default_rng(5)) for _ in range(2))
    assert (first["a"] == first["b"]).all() and (first == again).all()
    changed = [(a != b).any() for a, b in zip(first["a"], clips["a"], strict=True)]
    assert any(changed)


@pytest.mark.parametrize(
    ("name", "epochs"), [("atnet", 2), ("mobilenetv2", 2), ("mscnn-flow", 1), ("capsulenet", 1)]
)
def test_a_system_trains_and_repeats_itself(name, epochs, moving, monkeypatch):
    monkeypatch.setattr(frames, "SIDE", 144 if name == "capsulenet" else 64)
    monkeypatch.setattr(atnet, "UNITS", 96)
    entry = open_recogniser(name)
    clips, labels = moving[0][:3], moving[1][:3]
    X = stacked(entry.input, clips)
    said = []
    for _ in range(2):
        recogniser = entry.make(3, Training(4, epochs)).fit(X, labels)
        said.append(recogniser.predict_proba(X))
        torch.manual_seed(99)  # whatever else was drawn before
    assert said[0].shape == (3, 3) and np.array_equal(*said)
    np.testing.assert_allclose(said[0].sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize(("name", "rate", "epochs"), [("atnet-temporal", 2e-3, 20), ("mobilenetv2", 5e-3, 8)])
def test_a_system_that_reads_motion_tells_it_for_unseen_faces(name, rate, epochs, moving, small, monkeypatch):
    monkeypatch.setattr(atnet, "UNITS", 96)  # a smaller memory, for time
    clips, labels = moving
    X = stacked(open_recogniser(name).input, clips)
    recipe = Recipe(epochs, rate, 4, "test", loss=NETWORKS[name].recipe.loss, settle=True)
    recogniser = NetworkRecogniser(name, recipe, training=Training(1)).fit(X[:18], labels[:18])
    assert (recogniser.predict(X[18:]) == labels[18:]).mean() > 0.6


def test_the_hinge_loss_is_eq_12_of_paper_003():
    logits = torch.tensor([[0.5, 0.2, -1.0], [0.0, 3.0, 2.5]])
    # (max(0, 1 - .5 + .2) + max(0, 1 - .5 - 1)) / 3 and (0 + max(0, 1 - 3 + 2.5)) / 3, their mean
    assert loss_of(logits, torch.tensor([0, 1]), None, "hinge").item() == pytest.approx((0.7 + 0.5) / 6)


def test_the_learning_rate_is_a_tenth_after_every_step(monkeypatch):
    seen = []

    class Watched(torch.optim.SGD):
        def step(self, closure=None):
            seen.append(self.param_groups[0]["lr"])
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "SGD", Watched)
    recipe = Recipe(5, 0.1, 4, "test", optimiser="sgd", step=2)
    NetworkRecogniser("ststnet", recipe).fit(np.zeros((4, 3, 28, 28), np.float32), np.array([0, 1, 2, 0]))
    assert seen == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])


def test_a_run_begins_with_the_weights_it_is_given(samples, tmp_path):
    given = NetworkRecogniser("ststnet", Recipe(1, 0.0, 64, "test"), training=Training(8))
    state = given.fit(samples.maps, samples.labels).networks_[0].state_dict()
    torch.save(state, tmp_path / "w.pt")
    frozen = Recipe(1, 0.0, 64, "test", optimiser="sgd")
    loaded = NetworkRecogniser("ststnet", frozen, training=Training(1, weights=tmp_path / "w.pt")).fit(
        samples.maps, samples.labels
    )
    assert torch.equal(loaded.networks_[0].convolution.weight, state["convolution.weight"])
    plan = Plan(
        open_protocol("hde"), open_recogniser("ststnet"), training=Training(0, 1, weights=tmp_path / "w.pt")
    )
    report = run(samples, plan, tmp_path / "run")
    assert any("trained from the weights w.pt" in note for note in report["notes"])
    with pytest.raises(InputError, match="holds another run"):
        run(samples, replace(plan, training=Training(0, 1)), tmp_path / "run")


def test_a_system_of_clips_cannot_be_shipped_to_the_live_side(samples, tmp_path):
    plan = Plan(open_protocol("cde"), open_recogniser("atnet"))
    with pytest.raises(InputError, match="atnet reads apex-motion, the live side has flow maps"):
        release(samples, plan, tmp_path / "m.onnx", validate=False)


def test_c3d_needs_weights_and_uses_them(tmp_path, moving):
    clips, labels = moving[0][:3], moving[1][:3]
    X = stacked("c3d", clips)
    entry = open_recogniser("c3d-fc1")
    with pytest.raises(InputError, match="give --weights F"):
        entry.make(3, DEFAULT).fit(X, labels)
    torch.manual_seed(0)
    with torch.device("meta"):
        network = C3D()
    torch.save({name: torch.zeros(1) for name in network.state_dict()}, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"has conv1.weight as \(1,\)"):
        entry.make(3, Training(weights=tmp_path / "w.pt")).fit(X, labels)
