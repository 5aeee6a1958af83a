"""LBP-SIP: local binary patterns with six intersection points (Wang, See, Phan, Oh, ACCV 2014).

The six neighbours where the circles of LBP-TOP's planes meet: left, right, above, below, before and after. Paper 002
(section 4.5) takes radius 1 and 3.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.compiled import compiled
from offline.descriptors.texture import GRID, block_of, normalised
from offline.preparation.clip import PreparedClip
from offline.preparation.interpolation import resampled


def lbp_sip(clip: PreparedClip, radius: int, count: int = 16) -> NDArray[np.float32]:
    """Float32 (25 blocks * 64 patterns,)."""
    return normalised(patterns(resampled(clip, count), radius))


def patterns(volume: NDArray[Any], radius: int) -> NDArray[np.int64]:
    """Int64 (25, 64): counts of the patterns of a volume (T, H, W) by block. ValueError for too few frames.

    Bits from the lowest: right, left, below, above, after, before; one no darker than the centre is 1.
    """
    if len(volume) <= 2 * radius:
        raise ValueError(f"{len(volume)} frames have no centre for radius {radius}")
    _, height, width = volume.shape
    counts = np.zeros((GRID * GRID, 64), np.int64)
    _count(volume, radius, block_of(height), block_of(width), counts)
    return counts


@compiled()
def _count(volume: Any, r: int, rows: Any, columns: Any, counts: Any) -> None:
    length, height, width = volume.shape
    for t in range(r, length - r):
        for y in range(r, height - r):
            for x in range(r, width - r):
                c = volume[t, y, x]
                code = int(volume[t, y, x + r] >= c) | int(volume[t, y, x - r] >= c) << 1
                code |= int(volume[t, y + r, x] >= c) << 2 | int(volume[t, y - r, x] >= c) << 3
                code |= int(volume[t + r, y, x] >= c) << 4 | int(volume[t - r, y, x] >= c) << 5
                counts[rows[y] * GRID + columns[x], code] += 1
