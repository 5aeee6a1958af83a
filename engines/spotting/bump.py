"""Bumps: movements that rise and return. The statistic, its noise, and the measurement of onset, apex and offset.

For a reach w the statistic is ``x(t - w) - (x(t - 2w) + x(t)) / 2``: a bump no longer than 2w shows whole, a steady
drift not at all, a step by half at most. Its median size, followed all the time, is the noise of this person, this
light and this camera.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.spotting.detector import Apex
from engines.spotting.history import History, RunningNoise

# Reaches in parts of the longest micro-expression: short ones answer sooner, the longest shows all of it.
_REACHES = (0.12, 0.2, 0.32, 0.5)
# Where on its way from rest to peak a movement begins and ends.
_ONSET_SHARE, _OFFSET_SHARE = 0.04, 0.05
# Regions that go this part of the farthest belong to the movement.
_MOVING_SHARE = 0.35
# How far the measured moments may lie from those that the network saw.
_SLACK_S = 0.06
_FIRST_NOISE_PX, _LEAST_NOISE_PX = 0.03, 0.004


@dataclass(frozen=True)
class Bump:
    """The best answer of the statistic so far: score (1 is the threshold), middle, reach (s), motion there (R, 2)."""

    score: float
    middle_s: float
    reach_s: float
    motion: NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """A movement measured: positions in the history, the regions that take part (R,), how far each went (R, 2)."""

    onset: int
    apex: int
    offset: int
    moving: NDArray[np.bool_]
    displacement: NDArray[np.float64]


class BumpSearch:
    """Evaluates the statistic at the newest frame against its own noise."""

    def __init__(
        self, regions: int, longest_s: float, smooth_s: float, threshold_px: float, factor: float
    ) -> None:
        self.reaches = [share * longest_s for share in _REACHES]
        self._smooth_s = smooth_s
        self._threshold_px = threshold_px
        self._factor = factor
        self._noise = [RunningNoise((regions, 2), _FIRST_NOISE_PX, _LEAST_NOISE_PX) for _ in self.reaches]

    def thresholds(self, reach: int) -> NDArray[np.float64]:
        """Pixels (R, 2) that the statistic of a reach, by its number, must pass in x and y."""
        return np.maximum(self._threshold_px, self._factor * self._noise[reach].sigma)

    def push(self, history: History, step_s: float) -> Bump | None:
        """The strongest answer at the newest frame; None while the history is too short for any."""
        now = float(history.times[-1])
        newest = history.mean(now - self._smooth_s, now)
        best: Bump | None = None
        for k, reach in enumerate(self.reaches):
            if now - 2 * reach - self._smooth_s < history.times[0]:
                break
            middle = history.mean(now - reach - self._smooth_s, now - reach)
            oldest = history.mean(now - 2 * reach - self._smooth_s, now - 2 * reach)
            motion = middle - 0.5 * (oldest + newest)
            self._noise[k].push(np.abs(motion), step_s)
            strength = score(self._parts(motion, k))
            if best is None or strength > best.score:
                best = Bump(strength, now - reach - 0.5 * self._smooth_s, reach, motion)
        return best

    def ratios(self, motion: NDArray[np.float64], reach_s: float) -> NDArray[np.float64]:
        """Motion (R, 2) of every region in parts of its threshold at a reach."""
        return self._parts(motion, int(np.argmin(np.abs(np.array(self.reaches) - reach_s))))

    def _parts(self, motion: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
        # A window that is noisy along its edges may still be sharp across them, so x and y count apart.
        parts = motion / self.thresholds(reach)
        return np.asarray(np.hypot(parts[:, 0], parts[:, 1]), dtype=np.float64)


def score(ratios: NDArray[np.float64]) -> float:
    """One number from every region's part of its threshold (R,): two regions at theirs, or one clearly above."""
    second, first = np.partition(ratios, -2)[-2:]
    return max(float(second), 0.55 * float(first))


def locate(history: History, apex: Apex, smooth_s: float) -> Course:
    """Onset, apex and offset of a movement along its own direction, from where the network saw them."""
    times = history.times
    near = 0.5 * smooth_s
    rest = 0.5 * (
        history.mean(apex.onset_s - near, apex.onset_s + near)
        + history.mean(apex.offset_s - near, apex.offset_s + near)
    )
    motion = history.mean(apex.apex_s - near, apex.apex_s + near) - rest
    size = np.hypot(motion[:, 0], motion[:, 1])
    moving = size > _MOVING_SHARE * size.max()
    direction = motion * moving[:, None]
    direction = direction / max(float(np.linalg.norm(direction)), 1e-9)
    begin = history.first_since(apex.onset_s - 0.5 * (apex.apex_s - apex.onset_s) - _SLACK_S)
    end = history.first_since(apex.offset_s + 0.5 * (apex.offset_s - apex.apex_s) + _SLACK_S) + 1
    along = _smooth((history.motion[begin:end] * direction).sum(axis=(1, 2)), times[begin:end], smooth_s)
    inner = np.nonzero(np.abs(times[begin:end] - apex.apex_s) <= _SLACK_S)[0]
    top = int(inner[np.argmax(along[inner])]) if len(inner) else int(np.argmax(along))
    onset = begin + top - _foot(along[: top + 1][::-1], _ONSET_SHARE)
    offset = begin + top + _foot(along[top:], _OFFSET_SHARE)
    top += begin
    displacement = history.motion[max(0, top - 1) : top + 2].mean(axis=0) - 0.5 * (
        history.motion[onset] + history.motion[offset]
    )
    return Course(onset, top, offset, moving, displacement)


def _foot(values: NDArray[np.float64], share: float) -> int:
    """Steps from a peak (values[0]) down to where it meets rest.

    Rest begins at the knee, the point farthest below the line from the peak to the end of the curve: that holds
    also where rest itself drifts. The curve ends where it climbs again by a third of the height.
    """
    peak = float(values[0])
    low = np.minimum.accumulate(values)
    # Near the peak a third of the height so far is nothing but noise, so it is a part of the whole there.
    climbs = np.nonzero(values - low > np.maximum((peak - low) / 3, 0.12 * (peak - low[-1]) + 1e-9))[0]
    end = int(climbs[0]) if len(climbs) else len(values)
    steps = np.arange(end)
    knee = int(np.argmin(values[:end] - (peak + (values[end - 1] - peak) * steps / max(end - 1, 1))))
    floor = float(values[knee])
    reached = np.nonzero(values[: knee + 1] <= floor + share * (peak - floor))[0]
    return int(reached[0])


def _smooth(values: NDArray[np.float64], times: NDArray[np.float64], width_s: float) -> NDArray[np.float64]:
    """Centred moving mean over ``width_s``, shorter at the ends."""
    if len(times) < 3:
        return values
    half = round(0.5 * width_s * (len(times) - 1) / max(float(times[-1] - times[0]), 1e-6))
    if half < 1:
        return values
    sums = np.concatenate([[0.0], np.cumsum(values)])
    low = np.maximum(np.arange(len(values)) - half, 0)
    high = np.minimum(np.arange(len(values)) + half + 1, len(values))
    return np.asarray((sums[high] - sums[low]) / (high - low), dtype=np.float64)
