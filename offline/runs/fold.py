"""Training and scoring one fold, where nothing of what is scored can reach the training."""

import inspect
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.protocols import LeakError
from offline.recognisers import Recogniser, open_recogniser
from offline.training.options import Training

# How much a prediction may differ between a map alone and the same map among others: rounding, no more.
ALONE = 1e-4


@dataclass(frozen=True)
class FoldResult:
    """What one fold gave.

    ``probabilities`` float32 (n, C) of the scored clips at the last epoch; ``watched`` int64 (E, n), what
    each epoch's network said of them, when audited, else None; ``history`` float64 (E, 2), loss and
    accuracy on the training clips.
    """

    probabilities: NDArray[np.float32]
    watched: NDArray[np.int64] | None
    history: NDArray[np.float64]
    seconds: float


def run_fold(
    model: str,
    classes: int,
    training: Training,
    train_maps: NDArray[Any],
    train_labels: NDArray[np.int64],
    test_maps: NDArray[Any],
    audit: bool = False,
    train_people: NDArray[Any] | None = None,
) -> FoldResult:
    """Train a fresh recogniser on the training side and let it predict the other, whose labels are not
    given to it.

    Where the training side has one class alone, scikit-learn's recognisers say that class. Raises LeakError when the
    recogniser asks for more than maps and labels, or when what it says of a clip depends on the other clips beside it.
    """
    from threadpoolctl import threadpool_limits

    began = time.perf_counter()
    recogniser = open_recogniser(model).make(classes, training)
    refuse_peeking(recogniser)
    if not hasattr(recogniser, "fit_watched") and len(np.unique(train_labels)) == 1:
        # Trained on one class, only that one can be predicted; scikit-learn's estimators refuse to fit.
        recogniser = open_recogniser("majority").make(classes, training)
    with threadpool_limits(1):  # sums in another order are other sums
        if audit and hasattr(recogniser, "fit_watched"):
            recogniser.fit_watched(train_maps, train_labels, test_maps, train_people)
        else:
            fit(recogniser, train_maps, train_labels, train_people)
        probabilities = predict(recogniser, test_maps, classes)
        separate = [predict(recogniser, one[None], classes)[0] for one in test_maps[:3]]
    for alone, together in zip(separate, probabilities[:3], strict=True):
        if not np.allclose(alone, together, atol=ALONE):
            raise LeakError(
                f"leak: {model} predicts otherwise for a clip alone than for the same clip among others; "
                "statistics of the scored clips must not enter a prediction"
            )
    history = np.asarray(getattr(recogniser, "history_", np.empty((0, 2))), np.float64)
    watched = getattr(recogniser, "watched_", None) if audit else None
    return FoldResult(probabilities, watched, history, time.perf_counter() - began)


def fit(recogniser: Any, maps: NDArray[Any], labels: NDArray[np.int64], people: NDArray[Any] | None) -> None:
    """Train, with the training people where ``fit`` asks for them as scikit-learn's ``groups``."""
    asks = "groups" in inspect.signature(recogniser.fit).parameters
    recogniser.fit(maps, labels, **({"groups": people} if asks else {}))


def predict(recogniser: Recogniser, maps: NDArray[Any], classes: int) -> NDArray[np.float32]:
    """Probabilities (N, classes), with zeros for classes that the training side did not have."""
    given = np.asarray(recogniser.predict_proba(maps), np.float32)
    probabilities = np.zeros((len(maps), classes), np.float32)
    probabilities[:, np.asarray(recogniser.classes_, np.int64)] = given
    if not np.isfinite(probabilities).all():
        raise ArithmeticError("the recogniser's probabilities are not finite: its training diverged")
    return probabilities


def refuse_peeking(recogniser: Any) -> None:
    """Raise LeakError for a recogniser whose ``fit`` wants anything beside the training maps, labels and people."""
    extra = [
        name
        for name, parameter in inspect.signature(recogniser.fit).parameters.items()
        if name not in ("X", "y") and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    extra = [name for name in extra if name not in ("sample_weight", "groups")]
    if extra:
        raise LeakError(
            f"leak: fit of {type(recogniser).__name__} takes {', '.join(extra)}; a recogniser is given training "
            "maps and labels only, so that nothing can be chosen on the clips it is scored on"
        )
