"""Linear Eulerian video magnification (Wu et al., "Eulerian Video Magnification", SIGGRAPH 2012), as paper 004 uses it.

What changes in time at each scale of a Laplacian pyramid is band-passed, multiplied and added again. Paper 004 gives
alpha = 8 and neither band nor cutoff: the band here holds a micro-expression of 1/25 to 1/2 s.
"""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

ALPHA: Final = 8.0
BAND_HZ: Final = (0.5, 10.0)
# Below this wavelength, in pixels, alpha is reduced (the lambda_c of eq. 14).
CUTOFF_PX: Final = 16.0
LEVELS: Final = 5


def magnify(
    crops: NDArray[Any],
    fps: float,
    alpha: float = ALPHA,
    band_hz: tuple[float, float] = BAND_HZ,
    cutoff_px: float = CUTOFF_PX,
) -> NDArray[Any]:
    """A clip whose motion since its first frame is about (1 + alpha) times as large.

    ``crops`` uint8 or float32 (T, H, W) in grey levels 0..255 at ``fps`` frames a second; the result has the same
    shape and type, uint8 clipped. ``band_hz``: corners of the two first-order low-passes whose difference is the band
    (the paper's IIR filter). Both start settled on the first frame, which stays as it is.
    """
    slow, fast = (1 - np.exp(-2 * np.pi * corner / fps) for corner in band_hz)
    gains = [_gain(level, alpha, cutoff_px) for level in range(LEVELS)]
    out = np.empty_like(crops)
    below = above = _laplacian(crops[0].astype(np.float32))
    for at, crop in enumerate(crops):
        grey = crop.astype(np.float32)
        bands = _laplacian(grey)
        below = [low + np.float32(slow) * (band - low) for low, band in zip(below, bands, strict=True)]
        above = [high + np.float32(fast) * (band - high) for high, band in zip(above, bands, strict=True)]
        moved = [np.float32(g) * (high - low) for g, low, high in zip(gains, below, above, strict=True)]
        result = grey + _collapse(moved)
        out[at] = np.clip(np.rint(result), 0, 255) if crops.dtype == np.uint8 else result
    return out


def _gain(level: int, alpha: float, cutoff_px: float) -> float:
    """Alpha of a pyramid level, bounded for wavelengths below the cutoff: (1 + alpha) delta < lambda / 8 (eq. 14)."""
    wavelength = 3.0 * 2**level
    return float(np.clip((1 + alpha) * wavelength / cutoff_px - 1, 0, alpha))


def _laplacian(grey: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """`LEVELS` bands from fine to coarse; what is left below them is brightness, not motion, and is left out."""
    bands = []
    for _ in range(LEVELS):
        small = cv2.pyrDown(grey)
        bands.append(grey - cv2.pyrUp(small, dstsize=(grey.shape[1], grey.shape[0])))
        grey = small
    return bands


def _collapse(bands: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    whole = bands[-1]
    for band in reversed(bands[:-1]):
        whole = cv2.pyrUp(whole, dstsize=(band.shape[1], band.shape[0])) + band
    return whole
