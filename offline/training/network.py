"""A network of the registry as a scikit-learn classifier."""

from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import nn

from engines.networks.recipes import Recipe
from offline.training.loop import logits_of, softmax, tensors, train
from offline.training.options import DEFAULT, Training


class NetworkRecogniser(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A network of engines.networks as a scikit-learn classifier over what it reads of N clips, such as flow maps
    (N, 3, 28, 28).

    ``members`` networks are trained from different seeds and their logits averaged. After ``fit``: ``networks_``, and
    ``history_``, loss and accuracy of each training epoch, means over members.
    """

    def __init__(
        self,
        network: str,
        recipe: Recipe,
        classes: int = 3,
        training: Training = DEFAULT,
        members: int = 1,
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.classes = classes
        self.training = training
        self.members = members

    def fit(self, X: NDArray[Any], y: NDArray[np.int64], groups: NDArray[Any] | None = None) -> Self:
        """Train on maps and labels; the last epoch's network is kept. ``groups`` (N,): who is seen on each, for a
        recipe with early stopping, which raises InputError without.
        """
        return self.fit_watched(X, y, None, groups)

    def fit_watched(
        self,
        X: NDArray[Any],
        y: NDArray[np.int64],
        watched: NDArray[Any] | None,
        groups: NDArray[Any] | None = None,
    ) -> Self:
        """``fit``, noting what each epoch's network predicts for ``watched`` maps, of which no label is
        known here.

        For the audit alone: ``watched_`` is then int64 (epochs, N). It has no influence on the training.
        """
        epochs = self.recipe.epochs if self.training.epochs is None else self.training.epochs
        seen = None if watched is None else np.zeros((epochs, len(watched), self.classes), np.float32)

        last: list[NDArray[np.float32]] = []

        def note(epoch: int, model: nn.Module) -> None:
            if seen is not None and watched is not None:
                said = logits_of(model, watched)
                seen[epoch - 1 :] += said - last[0]  # where training ends early, its last network stays
                last[0] = said

        self.classes_ = np.arange(self.classes)
        self.networks_, histories = [], []
        for member in range(self.members):
            last[:] = [np.zeros(1, np.float32)]
            network, history = train(
                self.network,
                X,
                y,
                self.recipe,
                classes=self.classes,
                training=replace(self.training, seed=self.training.seed * 1000 + member),
                after_epoch=None if watched is None else note,
                people=groups,
            )
            self.networks_.append(network)
            histories.append(history)
        shortest = min(map(len, histories))
        self.history_ = np.mean([history[:shortest] for history in histories], 0)
        self.watched_ = None if seen is None else seen.argmax(2)
        return self

    def logits(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (N, classes), the mean of the members'."""
        return np.asarray(np.mean([logits_of(network, X) for network in self.networks_], 0), np.float32)

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (N, classes)."""
        return softmax(self.logits(X))

    def predict(self, X: NDArray[Any]) -> NDArray[np.int64]:
        """Int64 (N,), the likeliest class."""
        return np.asarray(self.logits(X).argmax(1), np.int64)

    def features(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (N, D): what the first member's classifying part is given; its logits where it does not
        say.
        """
        network = self.networks_[0]
        features: Any = getattr(network, "features", None)
        if not callable(features) or isinstance(features, nn.Module):
            return logits_of(network, X)
        with torch.no_grad():
            maps = tensors(X, next(network.parameters()).device)
            return np.asarray(features(maps).cpu().numpy(), np.float32)
