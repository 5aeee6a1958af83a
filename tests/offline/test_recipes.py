"""Recipes by network and protocol, and what a training follows from in the results."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs apexcam[train]")

from engines.errors import InputError  # noqa: E402
from engines.networks import NETWORKS, atnet, frames  # noqa: E402
from engines.networks.recipes import NAMES, Recipe  # noqa: E402
from offline.inputs import INPUTS  # noqa: E402
from offline.protocols import open_protocol  # noqa: E402
from offline.recognisers import open_recogniser  # noqa: E402
from offline.runs import run  # noqa: E402
from offline.runs.fold import run_fold  # noqa: E402
from offline.runs.plan import Plan  # noqa: E402
from offline.training import loop  # noqa: E402
from offline.training.early_stopping import Held, hold_out  # noqa: E402
from offline.training.network import NetworkRecogniser  # noqa: E402
from offline.training.options import RECIPES, Training  # noqa: E402
from offline.training.pictures import brightened  # noqa: E402


@pytest.mark.parametrize(
    ("protocol", "rate", "momentum"),
    [("cde", 1e-3, 0.0), ("cdmer-3", 5e-4, 0.8), ("loso-smic", 5e-4, 0.8), ("loso-casme2-5", 5e-4, 0.8)],
)
@pytest.mark.parametrize("network", ["fr", "fr-fc", "fr-concatenated", "dual-inception"])
def test_paper_002_has_a_rate_for_each_kind_of_protocol(network, protocol, rate, momentum):
    recipe = NETWORKS[network].recipe_of("paper", protocol)
    assert (recipe.optimiser, recipe.learning_rate, recipe.momentum, recipe.batch) == (
        "rmsprop",
        rate,
        momentum,
        32,
    )
    assert {"optimiser", "epochs"} <= set(recipe.assumed) and recipe.apex == "interframe"
    assert NETWORKS[network].recipe_of("ours", protocol) == NETWORKS[network].recipe


def test_printed_and_published_settings():
    off = NETWORKS["off-apexnet"].recipe_of("paper")
    assert (off.optimiser, off.learning_rate, off.epochs, off.apex) == ("adam", 1e-4, 3000, "dcrois")
    for name in ("atnet", "micro-attention"):
        authors = NETWORKS[name].recipe_of("authors")
        assert authors.iterations * authors.epochs == 2500 and authors.iterations * authors.step == 500
        assert (authors.learning_rate, authors.momentum, authors.weight_decay) == (0.01, 0.9, 5e-6)
        assert (
            authors.batch == 16 and authors.balanced and authors.bias_rate == 2 and authors.apex == "middle"
        )
        assert authors.pretrained == "macro-expressions" and not authors.assumed
    mobilenet = NETWORKS["mobilenetv2"].recipe_of("paper")
    assert mobilenet.loss == "hinge" and mobilenet.svm_c > 0 and "learning_rate" in mobilenet.assumed
    assert NETWORKS["mobilenetv2-softmax"].recipe_of("paper").svm_c == 0
    mscnn = NETWORKS["mscnn"].recipe_of("paper")
    assert (mscnn.epochs, mscnn.batch, mscnn.learning_rate, mscnn.momentum) == (200, 64, 1e-3, 0.9)
    assert mscnn.patience and "patience" in mscnn.assumed


@pytest.mark.parametrize("network", NETWORKS)
def test_whatever_is_assumed_is_a_setting(network):
    for name, recipe in NETWORKS[network].published.items():
        found = NETWORKS[network].recipe_of(name, "cde")
        assert name in NAMES and set(NAMES) == set(RECIPES) and json.dumps(found.settings())
        settings = {*found.settings(), "apex", "flow", "epochs outside table 3"}
        assert set(found.assumed) <= settings, (network, recipe)


def test_a_recipe_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(InputError, match="fr has no recipe 'authors': choose paper or ours"):
        open_recogniser("fr").recipe(Training(recipe="authors"))
    with pytest.raises(InputError, match="bi-woof has no recipe 'paper': leave --recipe out"):
        open_recogniser("bi-woof").recipe(Training(recipe="paper"))
    with pytest.raises(InputError, match="unknown recipe 'theirs': choose ours, paper, authors"):
        Training(recipe="theirs").check()


def test_results_say_what_a_training_followed_from(samples, tmp_path):
    plan = Plan(
        open_protocol("hde"), open_recogniser("off-apexnet"), training=Training(epochs=1, recipe="paper")
    )
    trained = run(samples, plan, tmp_path / "run")["training"]
    assert (trained["recipe"], trained["optimiser"], trained["learning_rate"]) == ("paper", "adam", 1e-4)
    assert trained["epochs"] == 1 and trained["batch"] == 256 and trained["momentum"] == 0
    assert "batch" in trained["assumed"] and trained["source"].startswith("paper 000")
    ours = Plan(plan.protocol, plan.entry, training=Training(epochs=1))
    assert ours.trained()["recipe"] == "ours" and ours.trained()["learning_rate"] == 5e-4
    with pytest.raises(InputError, match="holds another run \\(recipe paper instead of None"):
        run(samples, ours, tmp_path / "run")


def test_a_fold_is_trained_by_the_recipe_of_its_protocol(samples, monkeypatch):
    seen = []
    whole = loop._optimiser

    def watched(model, recipe):
        seen.append((recipe.learning_rate, recipe.momentum))
        return whole(model, recipe)

    monkeypatch.setattr(loop, "_optimiser", watched)
    for protocol in ("cde", "cdmer-1"):
        training = Training(epochs=1, recipe="paper", protocol=protocol)
        run_fold("dual-inception", 3, training, samples.maps[:6], samples.labels[:6], samples.maps[6:8])
    assert seen == [(1e-3, 0.0), (5e-4, 0.8)]


def test_people_are_held_out_whole_and_training_ends_where_nothing_is_gained():
    people = np.repeat([f"p{i}" for i in range(10)], 3)
    train, held = hold_out(people, 4)
    assert len(train) + len(held) == 30 and not set(people[train]) & set(people[held])
    assert len(set(people[held])) == 2 and np.array_equal(held, hold_out(people, 4)[1])
    for bad in (None, people[:3]):
        with pytest.raises(InputError, match="holds training people out"):
            hold_out(bad, 0)
    network = torch.nn.Linear(1, 1)
    losses = iter([3.0, 1.0, 2.0, 2.0])
    stopping = Held(lambda _: next(losses), 2)
    said = []
    for weight in range(4):
        torch.nn.init.constant_(network.weight, weight)
        said.append(stopping.after(network))
    stopping.restore(network)
    assert said == [False, False, False, True] and network.weight.item() == 1


def test_early_stopping_ends_a_training_and_never_sees_the_scored(samples, monkeypatch):
    recipe = Recipe(30, 0.0, 8, "test", optimiser="sgd", patience=2)
    recogniser = NetworkRecogniser("ststnet", recipe, training=Training(1))
    recogniser.fit_watched(samples.maps, samples.labels, samples.maps[:2], samples.people)
    assert 2 < len(recogniser.history_) < 30 and recogniser.watched_.shape == (30, 2)
    assert (recogniser.watched_[-1] == recogniser.predict(samples.maps[:2])).all()
    with pytest.raises(InputError, match="holds training people out"):
        recogniser.fit(samples.maps, samples.labels)


def test_a_report_of_early_stopping_does_not_speak_of_the_last_epoch(samples, tmp_path, monkeypatch):
    monkeypatch.setitem(
        NETWORKS["ststnet"].published, "paper", Recipe(6, 0.0, 8, "test", optimiser="sgd", patience=1)
    )
    plan = Plan(open_protocol("hde"), open_recogniser("ststnet"), training=Training(recipe="paper"))
    report = run(samples, plan, tmp_path / "run")
    assert (
        report["scoring"].startswith("the epoch that early stopping") and report["training"]["patience"] == 1
    )


def test_lists_are_balanced_and_gone_through_by_iterations():
    labels = np.array([0, 0, 0, 0, 2, 2, 2, 1])
    counts = np.bincount(labels[loop.balanced(labels, 4)])
    assert counts.tolist() == [4, 4, 4]
    recipe = Recipe(1, 0.1, 4, "test", iterations=5)
    places = loop._places(8, recipe, torch.Generator().manual_seed(0))
    assert len(places) == 20 and sorted(places[:8].tolist()) == list(range(8))
    assert len(loop._places(8, Recipe(1, 0.1, 4, "test"), torch.Generator())) == 8


def test_biases_have_a_rate_of_their_own_and_the_svm_its_regulariser():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 2))
    recipe = Recipe(1, 0.1, 4, "test", optimiser="sgd", weight_decay=0.5, bias_rate=2.0)
    weights, biases = loop._optimiser(model, recipe).param_groups
    assert (weights["times"], weights["weight_decay"]) == (1, 0.5)
    assert (biases["times"], biases["weight_decay"]) == (2, 0) and len(biases["params"]) == 2
    torch.nn.init.constant_(model[1].weight, 3.0)
    # 1/2 |w|^2 + C * N * (mean loss), divided by C * N
    assert loop.regulariser(model, 2.0 * 9).item() == pytest.approx(4 * 9 / 2 / 18)


def test_pictures_are_mirrored_turned_and_brightened():
    image = np.full((20, 20), 100, np.uint8)
    image[:, 10:] = 150
    made = [brightened(image, np.random.default_rng(seed)) for seed in range(30)]
    left = np.array([one[10, 4] for one in made], int)
    assert {bool(value > 120) for value in left} == {True, False}  # mirrored or not
    dark = np.minimum(left, [int(one[10, 15]) for one in made])
    assert np.ptp(dark) > 5 and abs(dark - 100).max() <= 10


@pytest.mark.parametrize(
    ("name", "recipe"),
    [("atnet", "authors"), ("mobilenetv2-u", "paper"), ("mscnn-grey", "paper"), ("fr", "paper")],
)
def test_networks_train_by_published_recipes(name, recipe, moving, monkeypatch):
    monkeypatch.setattr(frames, "SIDE", 64)
    monkeypatch.setattr(atnet, "UNITS", 96)
    clips, labels = moving[0][:4], moving[1][:4]
    chosen = NETWORKS[name].recipe_of(recipe, "cde")
    short = replace(chosen, iterations=min(chosen.iterations, 2), batch=4)
    X = np.stack([INPUTS[NETWORKS[name].inputs].make(clip) for clip in clips])
    people = np.array(["a", "a", "b", "c"])
    said = [
        NetworkRecogniser(name, short, training=Training(3, 1)).fit(X, labels, people).predict_proba(X)
        for _ in range(2)
    ]
    assert said[0].shape == (4, 3) and np.array_equal(*said)
