"""How pictures are shrunk and sampled, the same in every backend of our own."""

import numpy as np
from numpy.typing import NDArray

from engines.flow.presets import Preset

SMALLEST_LEVEL = 16


def level_sizes(height: int, width: int, preset: Preset) -> list[tuple[int, int]]:
    """Height and width of each pyramid level, the image itself first."""
    sizes = [(height, width)]
    while len(sizes) < preset.scales:
        smaller = round(sizes[-1][0] * preset.step), round(sizes[-1][1] * preset.step)
        if min(smaller) < SMALLEST_LEVEL:
            break
        sizes.append(smaller)
    return sizes


def cubic_weights(sharpness: float, fractions: int) -> NDArray[np.float32]:
    """Weights of the cubic convolution kernel (Keys 1981) at every ``1 / fractions`` of a pixel.

    Returns float32 (fractions, 4) for the taps at -1, 0, 1, 2; each row sums to 1.
    """
    t = np.arange(fractions, dtype=np.float64) / fractions
    far, near = t + 1, 1 - t
    first = ((sharpness * far - 5 * sharpness) * far + 8 * sharpness) * far - 4 * sharpness
    second = ((sharpness + 2) * t - (sharpness + 3)) * t * t + 1
    third = ((sharpness + 2) * near - (sharpness + 3)) * near * near + 1
    return np.asarray(np.stack([first, second, third, 1 - first - second - third], 1), np.float32)
