"""How much faster the shrunk STSTNet trains than the plain loop over three branches: a ratio, so that
machines agree.
"""

import time
from dataclasses import replace
from typing import Any

import numpy as np

from offline.datasets.samples import Samples
from offline.protocols import open_protocol
from offline.recipes import RECIPES
from offline.training import train


def measure(samples: Samples, epochs: int = 10, folds: int = 3) -> dict[str, Any]:
    """Train both on the same folds in turn, one thread, and return milliseconds an epoch and their ratio.

    The two take turns fold by fold, so that a busy machine slows both alike; the first, compiling, epoch is
    not counted.
    """
    protocol = open_protocol("cde")
    splits = protocol.splits(protocol.prepare(samples))[:folds]
    recipe = replace(RECIPES["ststnet"], epochs=epochs)
    taken: dict[str, list[float]] = {"ststnet-plain": [], "ststnet": []}
    for network in taken:
        train(network, samples.maps, samples.labels, replace(recipe, epochs=1))
    for split in splits:
        for network, times in taken.items():
            began = time.perf_counter()
            train(network, samples.maps[split.train], samples.labels[split.train], recipe)
            times.append((time.perf_counter() - began) / epochs * 1000)
    plain, shrunk = np.array(taken["ststnet-plain"]), np.array(taken["ststnet"])
    ratios = plain / shrunk
    return {
        "folds": len(splits),
        "epochs": epochs,
        "n_samples": len(samples),
        "plain_ms_per_epoch": round(float(np.median(plain)), 2),
        "ms_per_epoch": round(float(np.median(shrunk)), 2),
        "ratio": round(float(np.median(ratios)), 2),
        "ratio_low": round(float(ratios.min()), 2),
        "ratio_high": round(float(ratios.max()), 2),
    }
