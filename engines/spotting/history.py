"""What is remembered of regional motion, in constant memory: the last second or two of it, and its noise."""

import numpy as np
from numpy.typing import NDArray

DOUBLES_S, FIRST_DOUBLES_S = 2.0, 0.04
# The median of absolute values of a normal noise, in standard deviations.
MEDIAN = 0.6745


class History:
    """Times (s), frame indices and motion (R, 2) of the newest frames; at least ``capacity`` / 2 are kept."""

    def __init__(self, regions: int, capacity: int = 1024) -> None:
        self._capacity = capacity
        self._length = 0
        self._times = np.zeros(capacity)
        self._indices = np.zeros(capacity, dtype=np.int64)
        self._motion = np.zeros((capacity, regions, 2))
        self._sums = np.zeros((capacity + 1, regions, 2))

    def __len__(self) -> int:
        return self._length

    def clear(self) -> None:
        """Forget everything."""
        self._length = 0

    def append(self, t_s: float, index: int, motion: NDArray[np.float64]) -> None:
        """Add a frame; times must rise."""
        if self._length == self._capacity:
            keep = self._capacity // 2
            first = self._capacity - keep
            for array in (self._times, self._indices, self._motion):
                array[:keep] = array[first:]
            # Sums start at zero again, so that they never lose digits.
            self._sums[: keep + 1] = self._sums[first:] - self._sums[first].copy()
            self._length = keep
        at = self._length
        self._times[at], self._indices[at], self._motion[at] = t_s, index, motion
        self._sums[0] = 0 if at == 0 else self._sums[0]
        self._sums[at + 1] = self._sums[at] + motion
        self._length += 1

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds (N,), oldest first."""
        return self._times[: self._length]

    @property
    def indices(self) -> NDArray[np.int64]:
        """Frame indices (N,)."""
        return self._indices[: self._length]

    @property
    def motion(self) -> NDArray[np.float64]:
        """Motion (N, R, 2)."""
        return self._motion[: self._length]

    def span_s(self) -> float:
        """Time between the oldest and the newest frame."""
        return float(self.times[-1] - self.times[0]) if self._length else 0.0

    def first_since(self, t_s: float) -> int:
        """Position of the first frame at or after a time."""
        return int(np.searchsorted(self.times, t_s - 1e-9))

    def mean(self, from_s: float, to_s: float) -> NDArray[np.float64]:
        """Mean motion (R, 2) of the frames between two times, both included; of the nearest where there is none."""
        first = min(self.first_since(from_s), self._length - 1)
        last = max(int(np.searchsorted(self.times, to_s + 1e-9)), first + 1)
        return np.asarray((self._sums[last] - self._sums[first]) / (last - first), dtype=np.float64)

    def level(self, seconds: float) -> NDArray[np.float64]:
        """Median motion (R, 2) of the newest so many seconds, of about 24 frames of them."""
        recent = self.motion[self.first_since(float(self.times[-1]) - seconds) :]
        return np.asarray(np.median(recent[:: max(1, len(recent) // 24)], axis=0), dtype=np.float64)


class RunningNoise:
    """Standard deviations followed through the running median of absolute values, so that rare movements do not count:
    the noise of this person, this light, this camera, with one number a value.

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
