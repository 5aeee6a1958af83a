"""LPQ-TOP: local phase quantisation on three orthogonal planes (Ojansivu and Heikkilä, 2008; Päivärinta et al., 2011).

The signs of the real and imaginary parts of four low frequencies in a 5x5 window make one of 256 codes. Paper 002
(section 4.5): window [5, 5, 5], decorrelation .1 or 0.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.compiled import compiled
from offline.descriptors.texture import GRID, block_of, normalised
from offline.preparation.clip import PreparedClip
from offline.preparation.interpolation import resampled

WINDOW: Final = 5


def lpq_top(clip: PreparedClip, correlation: float, count: int = 16) -> NDArray[np.float32]:
    """Float32 (25 blocks * 3 planes * 256 codes,)."""
    return normalised(codes(resampled(clip, count), correlation))


def filters(correlation: float) -> NDArray[np.float64]:
    """Float64 (8, 5, 5): real, then imaginary parts of the frequencies (a, 0), (0, a), (a, a), (a, -a), a = 1/5.

    With a correlation of neighbouring pixels (a distance of d: correlation to the power d) they are whitened, so that
    the eight values of a window do not depend on each other.
    """
    place = np.arange(WINDOW) - WINDOW // 2
    wave, flat = np.exp(-2j * np.pi * place / WINDOW), np.ones(WINDOW)
    waves = [np.outer(flat, wave), np.outer(wave, flat), np.outer(wave, wave), np.outer(wave.conj(), wave)]
    parts = np.array([*(w.real for w in waves), *(w.imag for w in waves)])
    if correlation == 0:
        return parts
    y, x = (axis.ravel() for axis in np.mgrid[:WINDOW, :WINDOW])
    distance = np.hypot(y[:, None] - y, x[:, None] - x)
    flat_parts = parts.reshape(8, -1)
    covariance = flat_parts @ correlation**distance @ flat_parts.T
    # weights a little apart keep the order of equal eigenvalues, as the authors' code does
    weights = np.diag(1 + 1e-6 * np.arange(7, -1, -1))
    whitening = np.linalg.svd(weights @ covariance @ weights)[2]
    return np.asarray((whitening @ flat_parts).reshape(8, WINDOW, WINDOW))


def codes(volume: NDArray[Any], correlation: float) -> NDArray[np.int64]:
    """Int64 (25, 3, 256): counts of the codes of a volume (T, H, W) by block and plane (XY, XT, YT); bit i is the sign
    of filter i. Raises ValueError for too few frames.
    """
    if len(volume) < WINDOW:
        raise ValueError(f"{len(volume)} frames are fewer than the window of {WINDOW}")
    _, height, width = volume.shape
    counts = np.zeros((GRID * GRID, 3, 256), np.int64)
    parts = filters(correlation).astype(np.float32)
    _count(volume.astype(np.float32), parts, block_of(height), block_of(width), counts)
    return counts


@compiled()
def _count(volume: Any, parts: Any, rows: Any, columns: Any, counts: Any) -> None:
    length, height, width = volume.shape
    half = WINDOW // 2
    values = np.empty(8, np.float32)
    for t in range(half, length - half):
        for y in range(half, height - half):
            for x in range(half, width - half):
                for plane in range(3):
                    values[:] = 0
                    for i in range(-half, half + 1):
                        for j in range(-half, half + 1):
                            if plane == 0:
                                seen = volume[t, y + i, x + j]
                            elif plane == 1:
                                seen = volume[t + i, y, x + j]
                            else:
                                seen = volume[t + i, y + j, x]
                            for k in range(8):
                                values[k] += seen * parts[k, i + half, j + half]
                    code = 0
                    for k in range(8):
                        if values[k] >= 0:
                            code |= 1 << k
                    counts[rows[y] * GRID + columns[x], plane, code] += 1
