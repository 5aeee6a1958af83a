"""Making a network's probabilities mean what they say, from predictions for people it was not trained on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.training.loop import softmax


def log_loss(logits: NDArray[Any], labels: NDArray[np.int64], temperature: float = 1.0) -> float:
    """Mean negative log likelihood of logits (N, C) divided by a temperature."""
    p = softmax((logits / temperature).astype(np.float32))[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(p, 1e-12)).mean())


def fit_temperature(logits: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """The temperature in 0.2..5 that makes held-out logits (N, C) likeliest (Guo et al.,
    ICML 2017).
    """
    candidates = np.geomspace(0.2, 5, 161)
    return float(candidates[np.argmin([log_loss(logits, labels, float(t)) for t in candidates])])


def calibration_error(probabilities: NDArray[Any], labels: NDArray[np.int64], bins: int = 10) -> float:
    """Expected calibration error: mean distance between the likeliest class's probability and how often it
    is right.
    """
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [
        abs(float(sure[place == b].mean()) - float(right[place == b].mean())) * int((place == b).sum())
        for b in range(bins)
        if (place == b).any()
    ]
    return float(sum(gaps) / len(labels))
