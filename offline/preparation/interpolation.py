"""The temporal interpolation model, TIM: a clip resampled to a number of frames (Zhou et al., CVPR 2011).

TIM embeds the frames of a clip as a path graph, whose eigenvectors are sines of the frame's place, and draws the curve
through all frames. With as many frames as there are, the sines (but for the constant) span every clip minus its mean,
so that the model is a fixed matrix from the frames given to the frames wanted: no SVD of the pixels is needed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.preparation.clip import PreparedClip


def tim_weights(given: int, wanted: int) -> NDArray[np.float64]:
    """Float64 (wanted, given): row j holds what each frame adds to interpolated frame j; rows add up to 1.

    y_k(i) = sin(pi k i / n + pi (n - k) / 2n), k = 1..n-1, i = 1..n (Zhou et al., eq. 4), read between the frames at
    even steps from the first to the last. Raises ValueError for less than one frame.
    """
    if given < 1 or wanted < 1:
        raise ValueError(f"cannot make {wanted} frames of {given}")
    order = np.arange(1, given)

    def curve(places: NDArray[np.float64]) -> NDArray[np.float64]:
        phase = np.pi * (given - order) / (2 * given)
        return np.sin(np.pi * np.outer(places, order) / given + phase)

    places = np.linspace(1, given, wanted) if wanted > 1 else np.array([(1 + given) / 2])
    known = curve(np.arange(1, given + 1, dtype=np.float64))
    # The sines are orthogonal, each of squared length n / 2, and to the constant, which carries the mean.
    return np.asarray(curve(places) @ known.T * (2 / given) + 1 / given)


def interpolate(crops: NDArray[Any], wanted: int) -> NDArray[Any]:
    """A clip (T, ...) of uint8 or float32 as ``wanted`` frames of the same type, uint8 rounded and clipped."""
    flat = crops.reshape(len(crops), -1).astype(np.float32)
    made = tim_weights(len(crops), wanted).astype(np.float32) @ flat
    if crops.dtype == np.uint8:
        made = np.clip(np.rint(made), 0, 255)
    return made.reshape(wanted, *crops.shape[1:]).astype(crops.dtype)


def resampled(clip: PreparedClip, count: int) -> NDArray[Any]:
    """Uint8 (count, H, W): the clip from onset to offset in ``count`` frames."""
    return interpolate(clip.crops[clip.onset : clip.offset + 1], count)
