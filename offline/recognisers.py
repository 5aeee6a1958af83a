"""The recognisers there are: each a scikit-learn classifier over flow maps or another input, with whose settings it is
trained.

A recogniser is made anew for every fold and given nothing but that fold's training inputs and labels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from offline.recipes import LIVE, RECIPES, Recipe


class Recogniser(Protocol):
    """What a fold needs of a classifier: scikit-learn's ``fit(X, y)`` and ``predict_proba(X)``."""

    classes_: NDArray[Any]

    def fit(self, X: NDArray[Any], y: NDArray[np.int64]) -> Self:
        """Learn from what its input makes of N clips, such as maps (N, 3, 28, 28), and labels (N,)."""
        ...

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities (N, len(classes_))."""
        ...


@dataclass(frozen=True)
class Settings:
    """What a recogniser is made with. ``epochs`` None is what its paper (or its recipe) says; ``weights`` is a file
    of pretrained ones; ``precision`` is that of a network's training (offline.recipes.PRECISIONS).
    """

    classes: int = 3
    epochs: int | None = None
    seed: int = 0
    device: str = "cpu"
    weights: Path | None = None
    precision: str = "float32"


@dataclass(frozen=True)
class Entry:
    """One row of the list: ``title`` for people, ``source`` of architecture and settings, ``epochs`` by
    default; ``input`` is what it reads of a clip, by its name in offline.preparation.inputs; whether it can begin with
    a file of pretrained weights, and whether it must.
    """

    name: str
    title: str
    source: str
    epochs: int | None
    make: Callable[[Settings], Recogniser]
    input: str = "flow-map"
    takes_weights: bool = False
    needs_weights: bool = False


def _network(
    name: str,
    title: str,
    recipe: Recipe | None = None,
    network: str = "",
    members: int = 1,
    reads: str = "flow-map",
) -> Entry:
    recipe = recipe or RECIPES[name]

    def make(settings: Settings) -> Recogniser:
        from offline.training import NetworkRecogniser

        return NetworkRecogniser(
            network or name,
            recipe,
            settings.classes,
            settings.epochs,
            settings.seed,
            settings.device,
            members,
            settings.weights,
            settings.precision,
        )

    return Entry(name, title, recipe.source, recipe.epochs, make, reads, takes_weights=True)


def _descriptor(name: str, title: str, source: str, kernel: str = "linear") -> Entry:
    def make(settings: Settings) -> Recogniser:
        from offline.descriptors.pairwise import PairwiseSVM
        from offline.descriptors.svm import SVM

        return PairwiseSVM() if kernel == "pairwise" else SVM(kernel)

    return Entry(name, title, source, None, make, name)


_TABLES_001 = "paper 001, tables II and III, polynomial SVM of degree 2, one against one"
_TABLES_002 = "paper 002, section 4.5; its SVM is not stated, linear here"


def _descriptors() -> list[Entry]:
    lbp = [
        _descriptor(f"lbp-top-r{r}p{p}", f"LBP-TOP, radius {r}, {p} points, + SVM", _TABLES_002)
        for r in (1, 3)
        for p in (4, 8)
    ]
    sip = [_descriptor(f"lbp-sip-r{r}", f"LBP-SIP, radius {r}, + SVM", _TABLES_002) for r in (1, 3)]
    of_001 = [
        _descriptor(
            f"{name}{n}-tim{count}", f"{title}, {n} {what}, {count} frames, + SVM", _TABLES_001, "pairwise"
        )
        for name, title, what in (
            ("lbp-top-p", "LBP-TOP, radius 3", "points"),
            ("hoof-n", "HOOF", "bins"),
        )
        for count in (10, 64)
        for n in (4, 8)
    ]
    gradients = [
        _descriptor(f"{name}-top-p{p}", f"{name.upper()}-TOP, {p} bins, + SVM", _TABLES_002)
        for name in ("hog", "higo")
        for p in (4, 8)
    ]
    return [
        *lbp,
        *sip,
        _descriptor("lpq-top", "LPQ-TOP, window 5, decorrelation .1, + SVM", _TABLES_002),
        _descriptor("lpq-top-plain", "LPQ-TOP, window 5, no decorrelation, + SVM", _TABLES_002),
        *gradients,
        *of_001,
        _descriptor("bi-woof", "Bi-WOOF, onset to apex, + SVM", "papers 000 (table 4) and 002 (table 2)"),
        _descriptor("mdmo", "MDMO, 36 regions, + polynomial SVM", "papers 000, 002, 003", "poly"),
        _descriptor("fdm", "FDM, principal directions of cuboids, + SVM", "papers 000, 002, 003, 004"),
    ]


def _c3d(name: str, title: str, layer: int) -> Entry:
    def make(settings: Settings) -> Recogniser:
        from offline.systems.c3d import C3DRecogniser

        return C3DRecogniser(layer, settings.weights)

    return Entry(
        name, title, "paper 002, section 4.5; features of --weights F", None, make, "c3d", True, True
    )


def _majority(settings: Settings) -> Recogniser:
    from sklearn.dummy import DummyClassifier

    recogniser: Recogniser = DummyClassifier(strategy="prior")
    return recogniser


def _linear(settings: Settings) -> Recogniser:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    recogniser: Recogniser = make_pipeline(
        FunctionTransformer(_flatten), LogisticRegression(C=0.01, max_iter=2000, random_state=settings.seed)
    )
    return recogniser


def _flatten(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    return maps.reshape(len(maps), -1)


RECOGNISERS: Final = {
    entry.name: entry
    for entry in (
        _network("ststnet", "STSTNet: shallow triple stream, the work shrunk"),
        _network("ststnet-plain", "STSTNet as published, its three branches one after another"),
        _network(
            "ststnet-live",
            "STSTNet as the shipped network: ten of them, their logits averaged",
            LIVE,
            "ststnet",
            10,
        ),
        _network("off-apexnet", "OFF-ApexNet: u and v streams"),
        _network("off-apexnet-u", "OFF-ApexNet, horizontal stream alone"),
        _network("off-apexnet-v", "OFF-ApexNet, vertical stream alone"),
        _network("dual-inception", "Dual-Inception, also Basic Inception: two Inception streams"),
        _network("fr", "FR: feature refinement, attention and proposal loss"),
        _network("fr-fc", "FR with plain layers for attention"),
        _network("fr-concatenated", "FR with features side by side instead of summed"),
        _network("rcn", "RCN-style shallow recurrent convolution"),
        _network("alexnet", "AlexNet on flow maps enlarged to 64x64"),
        _network("googlenet", "GoogLeNet on flow maps enlarged to 64x64"),
        _network("vgg16", "VGG16 on flow maps enlarged to 64x64"),
        _network("atnet", "ATNet: apex frame and the motion around it", reads="apex-motion"),
        _network("atnet-spatial", "ATNet, spatial stream alone", reads="apex-motion"),
        _network("atnet-temporal", "ATNet, temporal stream alone", reads="apex-motion"),
        _network("mobilenetv2", "improved MobileNetV2 + SVM on u and v", reads="flow"),
        _network(
            "mobilenetv2-softmax", "MobileNetV2 + softmax on u and v", network="mobilenetv2", reads="flow"
        ),
        _network("mobilenetv2-apex", "improved MobileNetV2 + SVM on the apex frame", reads="apex"),
        _network("mobilenetv2-u", "improved MobileNetV2 + SVM on u", reads="flow"),
        _network("mobilenetv2-v", "improved MobileNetV2 + SVM on v", reads="flow"),
        _network("mscnn", "MSCNN: magnified flow, grey apex, masked apex", reads="streams"),
        _network("mscnn-plain", "MSCNN without its over-sampler", reads="streams"),
        _network("mscnn-flow", "MSCNN, magnified flow alone (EVM + optical)", reads="streams"),
        _network("mscnn-grey", "MSCNN, grey apex alone", reads="streams"),
        _network("mscnn-masked", "MSCNN, masked apex alone", reads="streams"),
        _network("mscnn-flow-grey", "MSCNN, magnified flow and grey apex", reads="streams"),
        _network("mscnn-flow-masked", "MSCNN, magnified flow and masked apex", reads="streams"),
        _network("mscnn-grey-masked", "MSCNN, grey and masked apex", reads="streams"),
        _network("capsulenet", "CapsuleNet on apex frames", reads="apex"),
        _network("micro-attention", "Micro-Attention on apex frames", reads="apex"),
        _c3d("c3d-fc1", "C3D features, first fully connected layer, + SVM", 0),
        _c3d("c3d-fc2", "C3D features, second fully connected layer, + SVM", 1),
        *_descriptors(),
        Entry("linear", "logistic regression on the map's pixels", "a floor to compare with", None, _linear),
        Entry("majority", "always the commonest class", "the floor", None, _majority),
    )
}


def open_recogniser(name: str) -> Entry:
    """The recogniser of this name. InputError with the list of known ones for any other."""
    if name not in RECOGNISERS:
        raise InputError(f"unknown model {name!r}: choose one of {', '.join(RECOGNISERS)}")
    return RECOGNISERS[name]
