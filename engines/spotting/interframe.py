"""Interframe difference: how much a frame differs from the onset, on the whole face (paper 002, section 3, eq. 1)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import Image


def feature(crop: Image) -> NDArray[np.float32]:
    """The crop itself (uint8, H x W) as one float32 vector."""
    return crop.astype(np.float32).ravel()


def distance(onset: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean absolute grey difference, the mean(|I(x, y, t) - I(x, y, 0)|) of eq. 1."""
    return float(np.abs(other - onset).mean())


def apex(crops: Sequence[Image]) -> int:
    """Index of the apex in a clip whose first crop is the onset: the largest difference from it (eq. 1)."""
    onset = feature(crops[0])
    return int(np.argmax([distance(onset, feature(crop)) for crop in crops]))
