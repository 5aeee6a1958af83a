"""Frames at any rate as samples at thirty a second: what learned rules see does not depend on the camera's rate.

A sample is the mean over its thirtieth of a second of the line through the frames: fast cameras are averaged, slow
ones interpolated, and lost or uneven frames fall into place.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 30.0
_HALF_S = 0.5 / RATE_HZ


class Grid:
    """Takes values with their times, gives samples at whole multiples of 1/30 s."""

    def __init__(self) -> None:
        self._frames: deque[tuple[float, NDArray[np.float64]]] = deque()
        self._next: int | None = None

    def clear(self) -> None:
        """Begin anew with the next frame."""
        self._frames.clear()
        self._next = None

    def push(self, t_s: float, values: NDArray[np.float64]) -> list[tuple[float, NDArray[np.float64]]]:
        """Take a frame's values (C,), later than the last; return the samples complete by now with their times."""
        if self._next is None:
            self._next = int(np.ceil((t_s + _HALF_S) * RATE_HZ))
        self._frames.append((t_s, values))
        samples = []
        while (at := self._next / RATE_HZ) + _HALF_S <= t_s:
            samples.append((at, self._mean(at - _HALF_S, at + _HALF_S)))
            self._next += 1
            # One frame before the next sample's beginning stays.
            while len(self._frames) > 2 and self._frames[1][0] <= at + _HALF_S:
                self._frames.popleft()
        return samples

    def _mean(self, begin_s: float, end_s: float) -> NDArray[np.float64]:
        """Mean of the line through the frames between two times."""
        total = np.zeros_like(self._frames[0][1])
        for (t0, before), (t1, after) in zip(self._frames, list(self._frames)[1:], strict=False):
            low, high = max(begin_s, t0), min(end_s, t1)
            if high <= low:
                continue
            slope = (after - before) / (t1 - t0)
            total += (high - low) * (before + slope * (0.5 * (low + high) - t0))
        return np.asarray(total / (end_s - begin_s), dtype=np.float64)
