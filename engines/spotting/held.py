"""Movements that stay: macro-expressions, and drifts to a new rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.spotting.history import History
from engines.spotting.noise import RunningNoise
from engines.spotting.spot import Instant

# A held movement must be this many times the micro threshold and a region's own wandering, in two regions.
_LEAST_FACTOR, _NOISE_FACTOR = 8.0, 5.0
# Back below this share of its peak it has ended.
_RETURN_SHARE = 0.35
_STILL_S = 1.0
_STAYED_FACTOR = 1.5
# Rest is learnt from this much time, up to this long ago, so often.
_REST_S, _LAG_S, _LEARN_S = 1.2, 0.15, 0.05


@dataclass
class _Hold:
    onset: Instant
    level: NDArray[np.float64]
    direction: NDArray[np.float64]
    peak: float
    apex: Instant
    displacement: NDArray[np.float64]


@dataclass(frozen=True)
class Held:
    """A movement longer than any micro-expression. ``displacement`` (R, 2) at the apex; ``returned`` to its rest."""

    onset: Instant
    apex: Instant
    offset: Instant
    displacement: NDArray[np.float64]
    returned: bool


class HoldTracker:
    """Keeps the level of rest and notices what leaves it for long."""

    def __init__(
        self, regions: int, threshold_px: float, longest_micro_s: float, longest_s: float, smooth_s: float
    ) -> None:
        self._least_px = _LEAST_FACTOR * threshold_px
        self._longest_micro_s = longest_micro_s
        self._longest_s = longest_s
        self._smooth_s = smooth_s
        self._wandering = RunningNoise((regions, 2), 0.05, 0.02)
        self.level: NDArray[np.float64] | None = None
        self._hold: _Hold | None = None
        self.clear()

    @property
    def since_s(self) -> float | None:
        """When the movement under way began."""
        return None if self._hold is None else self._hold.onset.t_s

    @property
    def displacement(self) -> NDArray[np.float64]:
        """Largest displacement (R, 2) of the movement under way; empty where there is none."""
        return np.zeros((0, 2)) if self._hold is None else self._hold.displacement

    def clear(self) -> None:
        """Forget level and movement."""
        self.level, self._hold = None, None
        self._learnt_s = self._ended_s = -np.inf
        self._last_s = np.inf

    def push(self, history: History) -> Held | None:
        """Look at the newest frame; return a long movement that ended with it."""
        now = float(history.times[-1])
        here = Instant(int(history.indices[-1]), now)
        newest = history.mean(now - self._smooth_s, now)
        if self._hold is None:
            self._learn(history, now)
            assert self.level is not None
            away = newest - self.level
            self._wandering.push(np.abs(away), max(now - self._last_s, 0.0))
            self._last_s = now
            parts = away / np.maximum(self._least_px, _NOISE_FACTOR * self._wandering.sigma)
            if np.partition(np.hypot(parts[:, 0], parts[:, 1]), -2)[-2] >= 1:
                self._hold = self._begin(history, away, here)
            return None
        self._last_s = now
        hold = self._hold
        away = newest - hold.level
        size = float(np.linalg.norm(away))
        if size > hold.peak:
            hold.peak, hold.apex, hold.displacement = size, here, away
            hold.direction = away / max(size, 1e-9)
        returned = float((away * hold.direction).sum()) < _RETURN_SHARE * hold.peak
        lasted = now - hold.onset.t_s
        if not returned and lasted < self._longest_s and not self._still(history, now, lasted):
            return None
        self._hold = None
        # The window that rest is learnt from is full of this movement for a while.
        self.level = hold.level if returned else newest
        self._learnt_s = now + _REST_S + _LAG_S
        self._ended_s = now
        size = float(np.partition(np.hypot(*hold.displacement.T), -2)[-2])
        if lasted <= self._longest_micro_s or (not returned and size < _STAYED_FACTOR * self._least_px):
            # What leaves rest a little and does not come back is posture, not an expression.
            return None
        return Held(hold.onset, hold.apex, here, hold.displacement, returned)

    def _learn(self, history: History, now: float) -> None:
        """Rest is the median of a window that ends a little ago: a micro-expression in it does not count."""
        if self.level is None or now - self._learnt_s > _LEARN_S:
            first, last = history.first_since(now - _LAG_S - _REST_S), history.first_since(now - _LAG_S)
            sparse = history.motion[first : max(last, first + 1) : max(1, (last - first) // 24)]
            self.level = np.median(sparse, axis=0)
            self._learnt_s = now

    def _begin(self, history: History, away: NDArray[np.float64], here: Instant) -> _Hold:
        assert self.level is not None
        size = float(np.linalg.norm(away))
        direction = away / max(size, 1e-9)
        first = history.first_since(max(here.t_s - 0.6, self._ended_s))
        along = ((history.motion[first:] - self.level) * direction).sum(axis=(1, 2))
        below = np.nonzero(along < 0.1 * size)[0]
        at = first + (int(below[-1]) if len(below) else 0)
        onset = Instant(int(history.indices[at]), float(history.times[at]))
        return _Hold(onset, self.level, direction, size, here, away)

    def _still(self, history: History, now: float, lasted: float) -> bool:
        if lasted < _STILL_S + self._longest_micro_s:
            return False
        thirds = [history.mean(now - _STILL_S * (k + 1) / 3, now - _STILL_S * k / 3) for k in range(3)]
        reach = np.ptp(np.array(thirds), axis=0)
        return bool(np.hypot(reach[:, 0], reach[:, 1]).max() < 0.5 * self._least_px)
