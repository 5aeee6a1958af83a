"""Makes two images comparable under different light, so that exposure and shadow do not read as motion."""

import cv2
import numpy as np
from numpy.typing import NDArray

SIGMA = 6.0
# Local deviation, grey levels, below which contrast is left alone: noise must not be blown up into texture.
FLOOR = 8.0
# Grey levels that one local deviation becomes, so that lambda keeps the meaning it has on plain images.
LEVEL = 20.0


def normalise(
    onset: NDArray[np.float32], apex: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Match mean and deviation of ``apex`` to ``onset``, then divide both by their local contrast.

    Both float32 (H, W) in grey levels, in and out; the result is centred on 128.
    """
    gain = float(onset.std()) / max(float(apex.std()), 1e-3)
    matched = (apex - apex.mean()) * np.float32(gain) + onset.mean()
    return _local_contrast(onset), _local_contrast(matched.astype(np.float32))


def _local_contrast(image: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = cv2.GaussianBlur(image, (0, 0), SIGMA, borderType=cv2.BORDER_REPLICATE)
    detail = image - mean
    deviation = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), SIGMA, borderType=cv2.BORDER_REPLICATE))
    contrast: NDArray[np.float32] = detail * (LEVEL / (deviation + FLOOR)) + 128
    return contrast.astype(np.float32, copy=False)
