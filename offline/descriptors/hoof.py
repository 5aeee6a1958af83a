"""HOOF: histograms of oriented optical flow (Chaudhry et al., CVPR 2009), as paper 001 compares with it (tables II and
III): N = 4 or 8 bins, 10 or 64 frames.
"""

import numpy as np
from numpy.typing import NDArray

from offline.preparation.clip import PreparedClip
from offline.preparation.flow import frame_to_frame


def hoof(clip: PreparedClip, bins: int, count: int) -> NDArray[np.float32]:
    """Float32 ((count - 1) * bins,): the histogram of each flow between neighbouring frames, one after another."""
    return np.concatenate([histogram(flow.u, flow.v, bins) for flow in frame_to_frame(clip, count)])


def histogram(u: NDArray[np.float32], v: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    """Float32 (bins,), sum 1: magnitude by direction from straight up (-pi/2) to straight down (pi/2), left and right
    alike (eq. 3 there); even where nothing moves.
    """
    place = np.floor((np.arctan2(v, np.abs(u)) / np.pi + 0.5) * bins).astype(int).clip(0, bins - 1)
    sums = np.bincount(place.ravel(), np.hypot(u, v).ravel(), bins)
    return (sums / sums.sum() if sums.sum() > 0 else np.full(bins, 1 / bins)).astype(np.float32)
