"""Bi-WOOF: bi-weighted oriented optical flow from onset to apex (Liong et al., "Less is More", 2018).

Votes of a block are weighted by magnitude, blocks by their mean optical strain. 8 bins and 8x8 blocks, its authors'
choice for CASME II; the papers compared with here state neither.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.flow import strain
from offline.preparation.clip import PreparedClip
from offline.preparation.flow import onset_to_apex

BLOCKS: Final = 8
BINS: Final = 8


def bi_woof(clip: PreparedClip) -> NDArray[np.float32]:
    """Float32 (8 * 8 blocks * 8 bins,)."""
    flow = onset_to_apex(clip)
    return weighted(flow.u, flow.v, strain(flow.u, flow.v))


def weighted(
    u: NDArray[np.float32], v: NDArray[np.float32], stretch: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Float32 (512,) of a flow and its strain (H, W): each block's mean magnitude by direction, from -pi on, times its
    mean strain.
    """
    height, width = u.shape
    rows, columns = (np.arange(size) * BLOCKS // size for size in (height, width))
    block = rows[:, None] * BLOCKS + columns
    place = np.floor((np.arctan2(v, u) / (2 * np.pi) + 0.5) * BINS).astype(int).clip(0, BINS - 1)
    blocks = BLOCKS * BLOCKS
    pixels = np.bincount(block.ravel(), minlength=blocks)
    sums = np.bincount((block * BINS + place).ravel(), np.hypot(u, v).ravel(), blocks * BINS)
    strains = np.bincount(block.ravel(), stretch.ravel(), blocks) / pixels
    return np.asarray(sums.reshape(blocks, BINS) / pixels[:, None] * strains[:, None], np.float32).ravel()
