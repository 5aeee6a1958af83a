"""The registry of recognisers: each a scikit-learn classifier over flow maps or another input.

A recogniser is made anew for every fold and given nothing but that fold's training inputs and labels. Networks are rows
of engines.networks, descriptors of offline.descriptors; the rest stands here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engines import plugins
from engines.errors import InputError
from engines.networks import NETWORKS, Network, find_network
from engines.networks.recipes import Recipe
from offline.descriptors import DESCRIPTORS, Descriptor
from offline.training.options import Training


class Recogniser(Protocol):
    """What a fold needs of a classifier: scikit-learn's ``fit(X, y)`` and ``predict_proba(X)``. One whose ``fit`` also
    takes ``groups`` is given the people of the training clips.
    """

    classes_: NDArray[Any]

    def fit(self, X: NDArray[Any], y: NDArray[np.int64]) -> Self:
        """Learn from what its input makes of N clips, such as maps (N, 3, 28, 28), and labels (N,)."""
        ...

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities (N, len(classes_))."""
        ...


@dataclass(frozen=True)
class Entry:
    """One row of the list: ``title`` for people, ``source`` of architecture and settings, ``epochs`` by
    default; ``input`` is what it reads of a clip, by its name in offline.inputs; whether it can begin with
    a file of pretrained weights, and whether it must; ``network``, where it is one.
    """

    name: str
    title: str
    source: str
    epochs: int | None
    make: Callable[[int, Training], Recogniser]
    input: str = "flow-map"
    takes_weights: bool = False
    needs_weights: bool = False
    network: Network | None = None

    def recipe(self, training: Training) -> Recipe | None:
        """What it is trained with, for the name and the protocol in ``training``; None for what has no recipe.

        InputError for a recipe that it does not have.
        """
        if self.network is not None:
            return self.network.recipe_of(training.recipe, training.protocol)
        if training.recipe != "ours":
            raise InputError(f"{self.name} has no recipe {training.recipe!r}: leave --recipe out")
        return None


def _network(row: Network) -> Entry:
    def make(classes: int, training: Training) -> Recogniser:
        from offline.training.network import NetworkRecogniser

        recipe = row.recipe_of(training.recipe, training.protocol)
        return NetworkRecogniser(row.name, recipe, classes, training, row.members)

    recipe = row.recipe
    return Entry(
        row.name, row.title, recipe.source, recipe.epochs, make, row.inputs, takes_weights=True, network=row
    )


def _descriptor(row: Descriptor) -> Entry:
    def make(classes: int, training: Training) -> Recogniser:
        from offline.training.pairwise_svm import PairwiseSVM
        from offline.training.svm import SVM

        return PairwiseSVM() if row.kernel == "pairwise" else SVM(row.kernel)

    return Entry(row.name, row.title, row.source, None, make, row.name)


def _c3d(name: str, title: str, layer: int) -> Entry:
    def make(classes: int, training: Training) -> Recogniser:
        from offline.training.c3d import C3DRecogniser

        return C3DRecogniser(layer, training.weights)

    return Entry(
        name, title, "paper 002, section 4.5; features of --weights F", None, make, "c3d", True, True
    )


def _majority(classes: int, training: Training) -> Recogniser:
    from sklearn.dummy import DummyClassifier

    recogniser: Recogniser = DummyClassifier(strategy="prior")
    return recogniser


def _linear(classes: int, training: Training) -> Recogniser:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    recogniser: Recogniser = make_pipeline(
        FunctionTransformer(_flatten), LogisticRegression(C=0.01, max_iter=2000, random_state=training.seed)
    )
    return recogniser


def _flatten(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    return maps.reshape(len(maps), -1)


RECOGNISERS: Final = {
    entry.name: entry
    for entry in (
        *(_network(row) for row in NETWORKS.values()),
        _c3d("c3d-fc1", "C3D features, first fully connected layer, + SVM", 0),
        _c3d("c3d-fc2", "C3D features, second fully connected layer, + SVM", 1),
        *(_descriptor(row) for row in DESCRIPTORS.values()),
        Entry("linear", "logistic regression on the map's pixels", "a floor to compare with", None, _linear),
        Entry("majority", "always the commonest class", "the floor", None, _majority),
    )
}


def names() -> tuple[str, ...]:
    """The recognisers there are, the networks of other packages last."""
    return (*RECOGNISERS, *(name for name in plugins.names("networks") if name not in RECOGNISERS))


def open_recogniser(name: str) -> Entry:
    """The recogniser of this name. InputError with the list of known ones for any other, and for a plugin that cannot
    be loaded.
    """
    if name in RECOGNISERS:
        return RECOGNISERS[name]
    if name not in names():
        raise InputError(f"unknown model {name!r}: choose one of {', '.join(names())}")
    return _network(find_network(name))
