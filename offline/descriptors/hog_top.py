"""HOG-TOP and HIGO-TOP: histograms of gradient orientation on three orthogonal planes (Li et al., "Towards Reading
Hidden Emotions", TAC 2018).

HOG votes with the gradient's magnitude, HIGO counts. Paper 002 (section 4.5) takes 4 and 8 bins.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.compiled import compiled
from offline.descriptors.texture import GRID, block_of, normalised
from offline.preparation.clip import PreparedClip
from offline.preparation.interpolation import resampled


def hog_top(clip: PreparedClip, bins: int, count: int = 16) -> NDArray[np.float32]:
    """Float32 (25 blocks * 3 planes * bins,), weighted by magnitude."""
    return normalised(orientations(resampled(clip, count), bins, True))


def higo_top(clip: PreparedClip, bins: int, count: int = 16) -> NDArray[np.float32]:
    """Float32 (25 blocks * 3 planes * bins,), counted."""
    return normalised(orientations(resampled(clip, count), bins, False))


def orientations(volume: NDArray[Any], bins: int, weighted: bool) -> NDArray[np.float64]:
    """Float64 (25, 3, bins) of a volume (T, H, W): orientations without sign, 0 to pi from the plane's second axis, of
    central differences in XY (rows, columns), XT (time, columns) and YT (time, rows). No gradient, no vote. Raises
    ValueError for less than 3 frames.
    """
    if len(volume) < 3:
        raise ValueError(f"{len(volume)} frames have no central difference in time")
    _, height, width = volume.shape
    counts = np.zeros((GRID * GRID, 3, bins))
    _count(volume.astype(np.float32), bins, weighted, block_of(height), block_of(width), counts)
    return counts


@compiled()
def _count(volume: Any, bins: int, weighted: bool, rows: Any, columns: Any, counts: Any) -> None:
    length, height, width = volume.shape
    for t in range(1, length - 1):
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                gt = volume[t + 1, y, x] - volume[t - 1, y, x]
                gy = volume[t, y + 1, x] - volume[t, y - 1, x]
                gx = volume[t, y, x + 1] - volume[t, y, x - 1]
                block = rows[y] * GRID + columns[x]
                for plane in range(3):
                    first = gy if plane == 0 else gt
                    second = gy if plane == 2 else gx
                    if first == 0 and second == 0:
                        continue
                    angle = np.arctan2(first, second) % np.pi
                    place = min(int(angle / np.pi * bins), bins - 1)
                    counts[block, plane, place] += np.hypot(first, second) if weighted else 1.0
