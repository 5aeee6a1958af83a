"""How much faster the shrunk STSTNet trains than the plain loop over three branches, as a ratio, so that machines
agree; and whether both say the same of the people left out, as a paired comparison.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.networks.recipes import STSTNET
from offline.datasets.samples import Samples
from offline.metrics import compare, score
from offline.protocols import open_protocol
from offline.training.loop import logits_of, train
from offline.training.options import Training


def measure(samples: Samples, epochs: int = 10, folds: int = 3) -> dict[str, Any]:
    """Train both on the same folds in turn, one thread, and return milliseconds an epoch, their ratio, and the UF1 of
    both over the people of these folds with the 95 % interval of the difference.

    The two take turns fold by fold, so that a busy machine slows both alike; the first, compiling, epoch is
    not counted. With fewer epochs and folds than the recipe's the scores are of such a training, not the networks'.
    """
    protocol = open_protocol("cde")
    samples = protocol.prepare(samples)
    splits = protocol.splits(samples)[:folds]
    training = Training(epochs=epochs)
    taken: dict[str, list[float]] = {"ststnet-plain": [], "ststnet": []}
    said: dict[str, list[NDArray[np.int64]]] = {network: [] for network in taken}
    for network in taken:
        train(network, samples.maps, samples.labels, STSTNET, training=Training(epochs=1))
    for split in splits:
        for network, times in taken.items():
            maps, labels = samples.maps[split.train], samples.labels[split.train]
            began = time.perf_counter()
            trained, _ = train(network, maps, labels, STSTNET, training=training)
            times.append((time.perf_counter() - began) / epochs * 1000)
            said[network].append(logits_of(trained, samples.maps[split.test]).argmax(1))
    plain, shrunk = np.array(taken["ststnet-plain"]), np.array(taken["ststnet"])
    ratios = plain / shrunk
    tested = np.concatenate([split.test for split in splits])
    labels, classes = samples.labels[tested], len(samples.classes)
    both = {network: np.concatenate(parts) for network, parts in said.items()}
    against = compare(labels, both["ststnet"], both["ststnet-plain"], samples.people[tested], classes)
    return {
        "folds": len(splits),
        "epochs": epochs,
        "n_samples": len(samples),
        "plain_ms_per_epoch": round(float(np.median(plain)), 2),
        "ms_per_epoch": round(float(np.median(shrunk)), 2),
        "ratio": round(float(np.median(ratios)), 2),
        "ratio_low": round(float(ratios.min()), 2),
        "ratio_high": round(float(ratios.max()), 2),
        "plain_uf1": round(score(labels, both["ststnet-plain"], classes).uf1, 4),
        "uf1": round(score(labels, both["ststnet"], classes).uf1, 4),
        "uf1_difference_ci95": [round(bound, 4) for bound in against.ci95],
        "p_permutation": round(against.p_permutation, 4),
    }
