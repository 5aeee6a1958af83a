"""The literature's measures of how much a face differs from its onset, for comparison with the spotter of motion.

Interframe difference: grey levels of the whole face (paper 002, section 3, eq. 1). D&C-RoIs: LBP of eyes and mouth,
correlation with the onset, divide and conquer (paper 000, section 3.1).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import CROP_HEIGHT, CROP_WIDTH, Image

# "left eye + eyebrow", "right eye + eyebrow", "mouth": top, bottom, left, right as fractions of the crop.
_ROIS = ((0.05, 0.40, 0.02, 0.48), (0.05, 0.40, 0.52, 0.98), (0.62, 0.97, 0.15, 0.85))
_BINS = 59


@dataclass(frozen=True)
class Difference:
    """A measure: ``feature`` of a crop (uint8 170x140), float32 (N,), and the ``distance`` of two features."""

    feature: Callable[[Image], NDArray[np.float32]]
    distance: Callable[[NDArray[np.float32], NDArray[np.float32]], float]


def grey_levels(crop: Image) -> NDArray[np.float32]:
    """The crop itself (uint8, H x W) as one float32 vector."""
    return crop.astype(np.float32).ravel()


def grey_difference(onset: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean absolute grey difference, the mean(|I(x, y, t) - I(x, y, 0)|) of eq. 1."""
    return float(np.abs(other - onset).mean())


def interframe_apex(crops: Sequence[Image]) -> int:
    """Index of the apex in a clip whose first crop is the onset: the largest difference from it (eq. 1)."""
    onset = grey_levels(crops[0])
    return int(np.argmax([grey_difference(onset, grey_levels(crop)) for crop in crops]))


def histograms(crop: Image) -> NDArray[np.float32]:
    """Uniform LBP histograms (8 neighbours, radius 1) of the three regions, float32 (3 x 59,), each of sum 1."""
    from skimage.feature import local_binary_pattern

    found = []
    for top, bottom, left, right in _ROIS:
        rows = slice(round(top * CROP_HEIGHT), round(bottom * CROP_HEIGHT))
        columns = slice(round(left * CROP_WIDTH), round(right * CROP_WIDTH))
        codes: NDArray[np.int64] = local_binary_pattern(  # type: ignore[no-untyped-call]
            crop[rows, columns], 8, 1, "nri_uniform"
        ).astype(np.int64)
        found.append(np.bincount(codes.ravel(), minlength=_BINS)[:_BINS] / codes.size)
    return np.asarray(np.concatenate(found), dtype=np.float32)


def uncorrelated(onset: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """One minus the correlation coefficient of the regions' histograms, mean of the three."""
    a, b = onset.reshape(3, _BINS), other.reshape(3, _BINS)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return float(1 - ((a * b).sum(axis=1) / np.maximum(size, 1e-12)).mean())


def dcrois_apex(crops: Sequence[Image]) -> int:
    """Index of the apex in a clip whose first crop is the onset.

    The curve of differences is halved again and again, keeping the half whose peaks sum to more, until one is left.
    """
    onset = histograms(crops[0])
    curve = np.array([uncorrelated(onset, histograms(crop)) for crop in crops])
    return divide_and_conquer(curve)


def divide_and_conquer(curve: NDArray[np.float64]) -> int:
    """The peak that is left when a curve (N,) is halved until one peak remains; its maximum where it has no peak."""
    inner = (curve[1:-1] >= curve[:-2]) & (curve[1:-1] > curve[2:])
    peaks = np.nonzero(inner)[0] + 1
    if len(peaks) == 0:
        return int(np.argmax(curve))
    low, high = 0, len(curve)
    while True:
        inside = peaks[(peaks >= low) & (peaks < high)]
        if len(inside) == 1:
            return int(inside[0])
        middle = (low + high) // 2
        left, right = inside[inside < middle], inside[inside >= middle]
        low, high = (low, middle) if curve[left].sum() >= curve[right].sum() else (middle, high)


DIFFERENCES: Final = {
    "interframe": Difference(grey_levels, grey_difference),
    "dcrois": Difference(histograms, uncorrelated),
}
