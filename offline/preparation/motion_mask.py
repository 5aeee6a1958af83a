"""Where a face moved: the thresholded flow image that paper 004 (section II.A, figure 2 d, e) lays over the apex."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

THRESHOLD: Final = 50


def magnitude_picture(u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[Any]:
    """Uint8 (H, W): length of a flow (float32 (H, W) each, pixels), its largest drawn as 255, no motion as 0."""
    length = np.hypot(u, v)
    largest = float(length.max())
    return np.asarray(np.rint(length * (255 / largest if largest > 0 else 0.0)), np.uint8)


def motion_mask(picture: NDArray[Any], threshold: int = THRESHOLD) -> NDArray[np.bool_]:
    """Bool (H, W): where a grey flow image, uint8 (H, W), black without motion, is above a threshold."""
    return np.asarray(picture > threshold)


def masked(grey: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """A grey image (H, W) where its mask is true, black elsewhere."""
    return np.where(mask, grey, np.zeros((), grey.dtype))
