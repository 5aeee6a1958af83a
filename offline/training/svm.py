"""The support vector machine behind every descriptor."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from offline.training.loop import softmax


class SVM(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Vectors (N, ...) standardised by the training clips, then an SVM, ``kernel`` "linear" or "poly" of degree 2.

    Probabilities are the softmax of the decision values, one against the rest: an order of the classes, calibrated on
    nothing.
    """

    def __init__(self, kernel: str = "linear", C: float = 1.0) -> None:
        self.kernel = kernel
        self.C = C

    def fit(self, X: NDArray[Any], y: NDArray[np.int64]) -> Self:
        """Train on vectors and labels."""
        machine = SVC(C=self.C, kernel=self.kernel, degree=2, coef0=1.0)
        self.pipeline_ = make_pipeline(StandardScaler(), machine).fit(X.reshape(len(X), -1), y)
        self.classes_ = self.pipeline_.classes_
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (N, len(classes_))."""
        decision = self.pipeline_.decision_function(X.reshape(len(X), -1))
        if decision.ndim == 1:  # two classes have one value
            decision = np.stack([-decision, decision], 1)
        return softmax(decision.astype(np.float32))

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """The likeliest class of each vector."""
        chosen: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(1)]
        return chosen

    def features(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (N, D), the standardised vectors."""
        return np.asarray(self.pipeline_[:-1].transform(X.reshape(len(X), -1)), np.float32)
