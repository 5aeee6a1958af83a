"""Makes two images comparable under different light, so that exposure and shadow do not read as motion."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

# Standard deviation of the neighbourhood, as a share of the square root of the image's area: 6 px in a
# benchmark crop.
REACH = 0.039
# Local deviation, grey levels, below which contrast is left alone: noise must not be blown up into texture.
FLOOR = 10.0
# Grey levels that a strong local contrast becomes, so that lambda keeps the meaning it has on plain images.
LEVEL = 25.0
# The most that the overall contrast of the apex is corrected: beyond it the pair shows two different things.
GAIN_LIMIT = 4.0


def radius(height: int, width: int) -> int:
    """Half side in pixels of the averaging window; two passes of it have the standard deviation REACH."""
    sigma = REACH * math.sqrt(height * width)
    return max(1, round((math.sqrt(6 * sigma * sigma + 1) - 1) / 2))


def normalise(
    onset: NDArray[np.float32], apex: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Take away the local mean, match the contrast of ``apex`` to ``onset``, divide both by their local
    contrast.

    Both float32 (H, W) in grey levels; the results are centred on 0 and span about LEVEL to both sides. What
    is left does not change under gain, offset, or anything added or multiplied that varies slowly over the
    image.
    """
    size = 2 * radius(*onset.shape) + 1
    detail_onset, detail_apex = onset - _average(onset, size), apex - _average(apex, size)
    gain = float(detail_onset.std()) / max(float(detail_apex.std()), 1e-3)
    detail_apex *= np.float32(min(max(gain, 1 / GAIN_LIMIT), GAIN_LIMIT))
    return _contrast(detail_onset, size), _contrast(detail_apex, size)


def _average(image: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    for _ in range(2):
        image = np.asarray(
            cv2.boxFilter(image, -1, (size, size), borderType=cv2.BORDER_REPLICATE), np.float32
        )
    return image


def _contrast(detail: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    deviation = np.sqrt(np.maximum(_average(detail * detail, size), 0))
    return np.asarray(detail * (np.float32(LEVEL) / (deviation + np.float32(FLOOR))), np.float32)
