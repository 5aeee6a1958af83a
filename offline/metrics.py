"""Scores of a set of predictions, how sure they are, and whether two sets differ."""

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


@dataclass(frozen=True)
class Scores:
    """Accuracy, F-measure, unweighted F1, unweighted average recall and F1 weighted by the clips a class, all in
    0..1, and the confusion matrix.

    ``confusion`` int64 (C, C): rows are the labels, columns the predictions. A class without any labelled
    sample is left out of every average, as in the MEGC 2019 evaluation.
    """

    acc: float
    f1: float
    uf1: float
    uar: float
    wf1: float
    confusion: NDArray[np.int64]


def confusion_matrix(labels: NDArray[Any], predicted: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Counts, int64 (C, C), rows labels, columns predictions, of two integer arrays (N,)."""
    flat = np.bincount(np.asarray(labels) * classes + np.asarray(predicted), minlength=classes * classes)
    return flat.astype(np.int64).reshape(classes, classes)


def uf1_uar(confusion: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """UF1 and UAR of confusion matrices (..., C, C), pooled over all folds (paper 002, eq. 10-13)."""
    confusion = np.asarray(confusion, np.float64)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    labelled, called = confusion.sum(-1), confusion.sum(-2)
    present = labelled > 0
    count = np.maximum(present.sum(-1), 1)
    f1 = np.where(present, 2 * hits / np.maximum(labelled + called, 1), 0).sum(-1) / count
    recall = np.where(present, hits / np.maximum(labelled, 1), 0).sum(-1) / count
    return f1, recall


def score(labels: NDArray[Any], predicted: NDArray[Any], classes: int) -> Scores:
    """All scores of predictions (N,) against labels (N,), integers below ``classes``. ValueError when there
    are none.
    """
    if len(labels) == 0:
        raise ValueError("no predictions to score")
    confusion = confusion_matrix(labels, predicted, classes)
    uf1, uar = uf1_uar(confusion)
    f1, acc, wf1 = (float(scores_of(confusion, metric)) for metric in ("f1", "acc", "wf1"))
    return Scores(acc, f1, float(uf1), float(uar), wf1, confusion)


def by_subject(
    labels: NDArray[Any], predicted: NDArray[Any], people: NDArray[Any], classes: int
) -> NDArray[np.int64]:
    """Confusion matrices int64 (S, C, C) of every person, in the order of their sorted names."""
    names, index = np.unique(people, return_inverse=True)
    flat = (index * classes + labels) * classes + predicted
    counts = np.bincount(flat, minlength=len(names) * classes * classes)
    return counts.astype(np.int64).reshape(len(names), classes, classes)


def bootstrap_uf1(
    per_subject: NDArray[Any], resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of UF1 when other people like these had been recorded: subjects drawn again with
    replacement.

    ``per_subject``: int (S, C, C), or (R, S, C, C) for R repetitions (seeds), whose mean UF1 is what is
    resampled.
    """
    return bootstrap(per_subject, "uf1", resamples=resamples, seed=seed)[1:]


def bootstrap(
    per_subject: NDArray[Any],
    metric: str,
    pair: tuple[int, int] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float, float]:
    """A score (see `scores_of`) with its 95 % interval, as `bootstrap_uf1`: value, low, high."""
    matrices = np.asarray(per_subject, np.float64)
    if matrices.ndim == 3:
        matrices = matrices[None]
    people = matrices.shape[1]
    weights = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), resamples)
    drawn = np.einsum("bs,rsij->brij", weights.astype(np.float64), matrices)
    low, high = np.percentile(scores_of(drawn, metric, pair).mean(1), [2.5, 97.5])
    return float(scores_of(matrices.sum(1), metric, pair).mean()), float(low), float(high)


def scores_of(
    confusion: NDArray[Any], metric: str, pair: tuple[int, int] | None = None
) -> NDArray[np.float64]:
    """One score of each confusion matrix (..., C, C): "acc", "f1", "uf1", "uar", "wf1", or "confusion", the share of
    the first class of ``pair`` taken for the second.
    """
    confusion = np.asarray(confusion, np.float64)
    uf1, recall = uf1_uar(confusion)
    if metric in ("uf1", "uar"):
        return uf1 if metric == "uf1" else recall
    if metric == "confusion" and pair is not None:
        return np.asarray(
            confusion[..., pair[0], pair[1]] / np.maximum(confusion[..., pair[0], :].sum(-1), 1)
        )
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    labelled, called = confusion.sum(-1), confusion.sum(-2)
    if metric == "acc":
        return np.asarray(hits.sum(-1) / np.maximum(labelled.sum(-1), 1))
    if metric == "wf1":  # paper 003: each class's F1 weighted by its clips
        of_class = 2 * hits / np.maximum(labelled + called, 1)
        return np.asarray((of_class * labelled).sum(-1) / np.maximum(labelled.sum(-1), 1))
    # paper 000, eq. 20-22: the F of mean precision and mean recall
    present = labelled > 0
    precision = np.where(present, hits / np.maximum(called, 1), 0).sum(-1) / np.maximum(present.sum(-1), 1)
    return np.asarray(2 * precision * recall / np.maximum(precision + recall, 1e-12))


@dataclass(frozen=True)
class Comparison:
    """Two recognisers on the same clips: ``difference`` is UF1 of the first minus UF1 of the second.

    ``ci95`` is its paired subject-bootstrap interval, ``p_permutation`` the chance of so large a difference
    if the two were alike (their predictions exchanged person by person at random), ``p_mcnemar`` the exact
    McNemar test over clips.
    """

    difference: float
    ci95: tuple[float, float]
    p_permutation: float
    p_mcnemar: float


def compare(
    labels: NDArray[Any],
    first: NDArray[Any],
    second: NDArray[Any],
    people: NDArray[Any],
    classes: int,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare two sets of predictions (N,) of the same clips."""
    a, b = (by_subject(labels, p, people, classes).astype(np.float64) for p in (first, second))
    rng = np.random.default_rng(seed)
    count = len(a)
    observed = float(uf1_uar(a.sum(0))[0] - uf1_uar(b.sum(0))[0])
    weights = rng.multinomial(count, np.full(count, 1 / count), resamples).astype(np.float64)
    drawn = (
        uf1_uar(np.einsum("bs,sij->bij", weights, a))[0] - uf1_uar(np.einsum("bs,sij->bij", weights, b))[0]
    )
    low, high = np.percentile(drawn, [2.5, 97.5])
    swap = rng.integers(0, 2, (resamples, count)).astype(np.float64)
    total, moved = a.sum(0), np.einsum("bs,sij->bij", swap, b - a)
    permuted = uf1_uar(total + moved)[0] - uf1_uar(b.sum(0) - moved)[0]
    p = (1 + int((np.abs(permuted) >= abs(observed) - 1e-12).sum())) / (1 + resamples)
    right, other = first == labels, second == labels
    return Comparison(observed, (float(low), float(high)), p, mcnemar(right & ~other, other & ~right))


def mcnemar(only_first: NDArray[np.bool_], only_second: NDArray[np.bool_]) -> float:
    """Exact two-sided p of the clips that only one of two recognisers gets right."""
    n, k = int(only_first.sum() + only_second.sum()), int(min(only_first.sum(), only_second.sum()))
    return float(min(1.0, 2 * sum(comb(n, i) for i in range(k + 1)) / 2**n))
