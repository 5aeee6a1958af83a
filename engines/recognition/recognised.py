"""One pair of crops, measured and named."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Crops = Sequence[NDArray[np.uint8]]


@dataclass(frozen=True)
class Recognised:
    """``u``, ``v`` float32 (170, 140) in pixels, ``probabilities`` float32 (classes,), and what made them.

    ``ms``: the time of ``flow`` and ``classify``, or of the one ``graph`` of both, with its whole batch.
    """

    u: NDArray[np.float32]
    v: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    backend: str
    preset: str
    runtime: str
    ms: dict[str, float]
