"""C3D's features with a linear SVM (paper 002, section 4.5)."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from engines.errors import InputError
from engines.networks.c3d import C3D
from engines.networks.weights import load_weights
from offline.training.svm import SVM


class C3DRecogniser(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Features of the first (``layer`` 0) or second fully connected layer of a pretrained C3D, which is not trained,
    classified by an SVM. InputError without a file of its weights.
    """

    def __init__(self, layer: int, weights: Path | None) -> None:
        self.layer = layer
        self.weights = weights

    def fit(self, X: NDArray[Any], y: NDArray[np.int64]) -> Self:
        """Train the SVM on clips uint8 (N, 16, 112, 112) and labels."""
        if self.weights is None:
            raise InputError("C3D is used as pretrained: give --weights F, a file of its published weights")
        with torch.device("meta"):
            network = C3D()
        network.to_empty(device="cpu")
        load_weights(network, self.weights, 0)
        self.network_ = network.eval()
        self.svm_ = SVM().fit(self.features(X), y)
        self.classes_ = self.svm_.classes_
        return self

    def features(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (N, 4096), brought to length 1."""
        torch.set_num_threads(1)
        with torch.no_grad():
            each = [self.network_(torch.from_numpy(clip[None].copy()))[self.layer].numpy() for clip in X]
        vectors = np.concatenate(each)
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (N, len(classes_))."""
        return self.svm_.predict_proba(self.features(X))
