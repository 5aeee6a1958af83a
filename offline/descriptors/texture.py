"""Histograms of local patterns on three orthogonal planes of a clip, block by block: what the LBP family shares.

A clip is cut into 5x5 blocks of its picture, each over its whole length; every block gives one histogram a plane, of
sum 1. Papers 001 and 002 do not state the blocks: 5x5 is what CASME II's own baseline took (Yan et al., 2014).
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

GRID: Final = 5


def block_of(size: int) -> NDArray[np.int64]:
    """Int64 (size,): the block, 0..4, in which each row or column of a picture lies."""
    return np.arange(size) * GRID // size


def normalised(counts: NDArray[Any]) -> NDArray[np.float32]:
    """Histograms (..., bins), each divided by its sum, as one float32 vector."""
    shares = counts / np.maximum(counts.sum(-1, keepdims=True), 1e-9)
    return np.asarray(shares, np.float32).ravel()
