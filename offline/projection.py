"""Features of people the network has never seen, laid out in the plane (paper 002, figure 4)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.datasets.samples import Samples
from offline.recognisers import Entry
from offline.runs.fold import fit
from offline.training.options import Training


@dataclass(frozen=True)
class Projection:
    """t-SNE of held-out features: ``points`` float (n, 2), ``labels`` (n,), and how many people trained and
    are shown.
    """

    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    trained_on: int
    shown: int


def project(samples: Samples, entry: Entry, training: Training) -> Projection | None:
    """Train once on two thirds of the people and project the features of the others.

    Features of different folds come from different networks and cannot share a picture, hence a network of
    its own. None for a recogniser without features, or too few clips.
    """
    recogniser: Any = entry.make(len(samples.classes), training)
    if not hasattr(recogniser, "features"):
        return None
    people = np.unique(samples.people)
    shown = np.isin(samples.people, people[::3])
    if shown.sum() < 10 or len(np.unique(samples.labels[~shown])) < 2:
        return None
    from sklearn.manifold import TSNE

    fit(recogniser, samples.maps[~shown], samples.labels[~shown], samples.people[~shown])
    features = recogniser.features(samples.maps[shown])
    perplexity = min(20.0, (len(features) - 1) / 3)
    points = TSNE(2, perplexity=perplexity, init="pca", random_state=0).fit_transform(
        features.astype(np.float64)
    )
    return Projection(
        np.asarray(points, np.float64),
        samples.labels[shown],
        len(people) - len(people[::3]),
        len(people[::3]),
    )
