"""MDMO: main directional mean optical flow (Liu et al., TAC 2016).

In each of 36 regions, the mean of the flow vectors of the direction (of eight) that most of them have; averaged over
the frames, each against the onset; magnitudes and angles of the 36 means are the 72 values that paper 000 (section 2.2)
counts. The authors draw their regions between landmarks; crops stand in one geometry, so a 6x6 grid of the crop is
taken. Their weight of magnitude against angle in the kernel (alpha .9) is put into the vector.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from offline.preparation.clip import PreparedClip
from offline.preparation.flow import solver

GRID: Final = 6
DIRECTIONS: Final = 8
ALPHA: Final = 0.9


def mdmo(clip: PreparedClip) -> NDArray[np.float32]:
    """Float32 (72,): alpha times the magnitudes, the longest as 1, then (1 - alpha) times the angles (-pi..pi)."""
    others = clip.crops[clip.onset + 1 : clip.offset + 1]
    flows = solver(clip.flow).batch([clip.crops[clip.onset]] * len(others), list(others))
    means = np.mean([main_directions(flow.u, flow.v) for flow in flows], 0)
    magnitude, angle = np.hypot(*means.T), np.arctan2(means[:, 1], means[:, 0])
    lengths = magnitude / max(magnitude.max(), 1e-9)
    return np.asarray(np.concatenate([ALPHA * lengths, (1 - ALPHA) * angle]), np.float32)


def main_directions(u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.float64]:
    """Float64 (36, 2): u and v of each region's main direction, eight sectors from angle 0 on."""
    height, width = u.shape
    rows, columns = (np.arange(size) * GRID // size for size in (height, width))
    region = rows[:, None] * GRID + columns
    sector = (np.arctan2(v, u) % (2 * np.pi) * (DIRECTIONS / (2 * np.pi))).astype(int) % DIRECTIONS
    key = (region * DIRECTIONS + sector).ravel()
    size = GRID * GRID * DIRECTIONS
    counts = np.bincount(key, minlength=size).reshape(-1, DIRECTIONS)
    main = np.arange(GRID * GRID) * DIRECTIONS + counts.argmax(1)
    sums = np.stack([np.bincount(key, part.ravel(), size)[main] for part in (u, v)], 1)
    return np.asarray(sums / counts.max(1)[:, None], np.float64)
