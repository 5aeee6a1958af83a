"""A running median of sizes: the noise of this person, this light, this camera, with one number a value."""

import numpy as np
from numpy.typing import NDArray

DOUBLES_S, FIRST_DOUBLES_S = 2.0, 0.04
# The median of absolute values of a normal noise, in standard deviations.
MEDIAN = 0.6745


class RunningNoise:
    """Standard deviations followed through the median of absolute values, so that rare movements do not count.

    At first they adapt within tenths of a second, later they may double or halve in two seconds.
    """

    def __init__(self, shape: tuple[int, ...], first_px: float, least_px: float) -> None:
        self._median = np.full(shape, first_px * MEDIAN)
        self._least = least_px * MEDIAN
        self._age_s = 0.0

    def push(self, sizes: NDArray[np.float64], step_s: float) -> None:
        """Take absolute values, shape as given at the start, ``step_s`` seconds after the last ones."""
        self._age_s += step_s
        doubles_s = min(DOUBLES_S, FIRST_DOUBLES_S + 0.5 * self._age_s)
        # Up by as much as down: half of all values then lie below the median.
        self._median *= np.exp(np.log(2.0) * step_s / doubles_s * np.sign(sizes - self._median))
        np.maximum(self._median, self._least, out=self._median)

    @property
    def sigma(self) -> NDArray[np.float64]:
        """Standard deviations, of a normal noise with these medians."""
        return np.asarray(self._median / MEDIAN, dtype=np.float64)
