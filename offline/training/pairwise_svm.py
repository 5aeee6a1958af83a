"""The polynomial SVM of paper 001's tables II and III: MATLAB's `fitcecoc` with standardised polynomial learners."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.svm import SVC

from offline.training.loop import softmax


@dataclass(frozen=True)
class _Machine:
    """Of two classes, by their places in ``classes_``; positive decisions are for ``first``."""

    first: int
    second: int
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    machine: Any

    def decision(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        decided: NDArray[np.float64] = self.machine.decision_function((vectors - self.mean) / self.spread)
        return decided


class PairwiseSVM(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A machine for each two classes on vectors (N, ...), standardised by the clips of those two: kernel (1 + x'z)²,
    box constraint ``C``. The class with the least hinge loss over its machines is chosen.

    The authors' own features give the scores that they printed with this, and with no machine that votes or is
    standardised over all clips. Probabilities are the softmax of minus the losses: an order of the classes,
    calibrated on nothing.
    """

    def __init__(self, C: float = 1.0) -> None:
        self.C = C

    def fit(self, X: NDArray[Any], y: NDArray[np.int64]) -> Self:
        """Train on vectors and labels."""
        vectors = X.reshape(len(X), -1).astype(np.float64)
        self.classes_ = np.unique(y)
        self.machines_: list[_Machine] = []
        for first, second in combinations(range(len(self.classes_)), 2):
            mine = np.isin(y, self.classes_[[first, second]])
            mean, spread = vectors[mine].mean(0), vectors[mine].std(0, ddof=1)  # N - 1, as MATLAB's
            spread[spread == 0] = 1
            machine = SVC(C=self.C, kernel="poly", degree=2, gamma=1.0, coef0=1.0)
            machine.fit((vectors[mine] - mean) / spread, y[mine] == self.classes_[first])
            self.machines_.append(_Machine(first, second, mean, spread, machine))
        return self

    def losses(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Float64 (N, classes): the hinge losses of each class's machines, summed and halved."""
        vectors = X.reshape(len(X), -1).astype(np.float64)
        losses = np.zeros((len(X), len(self.classes_)))
        for pair in self.machines_:
            decision = pair.decision(vectors)
            losses[:, pair.first] += np.maximum(0, 1 - decision) / 2
            losses[:, pair.second] += np.maximum(0, 1 + decision) / 2
        return losses

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """The class of the least loss of each vector, the first of equal ones."""
        chosen: NDArray[Any] = self.classes_[self.losses(X).argmin(1)]
        return chosen

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (N, len(classes_))."""
        return softmax(-self.losses(X).astype(np.float32))

    def features(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (N, D), the vectors as they came: each machine standardises them its own way."""
        return np.asarray(X.reshape(len(X), -1), np.float32)
