"""The frames that a driver lost, estimated from the times of those that arrived."""

import math
from collections import deque

import numpy as np


class LossCounter:
    """Estimates the frames lost before each frame from the times of the frames.

    Times are compared with a grid whose period is the median of the last intervals, each divided by the frames it
    spans, so that jitter does not count as loss, nor regular loss as a slower camera. Four similar long intervals
    mean a slower camera, for example one with a longer exposure, which is noticed after three or four false losses.
    With times of arrival, up to ``buffers`` frames may have been queued during a pause and do not count as lost.
    """

    def __init__(self, fps: float, buffers: int = 1) -> None:
        self._periods: deque[float] = deque([1e9 / fps] * 8 if fps else [], maxlen=32)
        self._recent: deque[float] = deque(maxlen=4)
        self._spare = buffers - 1
        self._last: int | None = None
        self._grid = 0.0  # where the last frame was due

    def lost_before(self, t_ns: int) -> int:
        """The number of frames lost between the previous frame and the one at ``t_ns``."""
        last, self._last = self._last, t_ns
        if last is None:
            self._grid = t_ns
            return 0
        interval = float(t_ns - last)
        self._recent.append(interval)
        period = float(np.median(self._periods)) if len(self._periods) >= 8 else 0.0
        if not period:
            self._periods.append(interval)
            self._grid = t_ns
            return 0
        if len(self._recent) == 4 and min(self._recent) > max(1.5 * period, 0.75 * max(self._recent)):
            self._periods = deque([float(np.median(self._recent))] * 8, maxlen=32)
            self._grid = t_ns
            return 0
        steps = (t_ns - self._grid) / period
        if interval <= 1.5 * period:
            lost = 0
        elif self._spare:
            lost = max(0, math.floor(steps) - 1 - self._spare)
        else:
            lost = max(0, round(steps) - 1)
        self._periods.append(interval / (1 + lost))
        due = self._grid + (1 + lost) * period
        off = t_ns - due
        self._grid = t_ns if abs(off) > 0.75 * period else due + 0.2 * off
        return lost
