"""The sliding onset tracker and apex spotter: regional motion against the head, streaming.

At rest every region has a level (the median of the last half second) and a noise (its spread about that level), so
thresholds fit the person, the light and the camera. A movement that leaves rest in at least two regions, or clearly
in one, is followed along its own direction until it returns; onset and offset are where that projection leaves and
meets rest again, the apex is its maximum.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engines.spotting.blink import BlinkTracker
from engines.spotting.head import HeadMotion
from engines.spotting.motion import RegionMotion
from engines.spotting.regions import NAMES, NEAR_EYE
from engines.spotting.settings import SpottingSettings
from engines.spotting.spot import Instant, Phase, Sample, Spot, View

_HISTORY_S = 1.6
_CAPACITY = 1024
_MIN_NOISE_PX = 0.012
# Where along its way from rest to peak a movement begins and ends.
_ONSET_SHARE, _OFFSET_SHARE = 0.08, 0.12
# Regions near the eyes must move this much (pixels) to count beside a blink.
_BLINK_LEAK_PX = 0.45
_LOST_SHARE = 0.34


@dataclass
class _Movement:
    """A movement under way: since when, its direction (R, 2) of unit length, its peak so far."""

    since_s: float
    level: NDArray[np.float64]
    direction: NDArray[np.float64]
    peak: float
    peak_s: float
    held: bool = False


class MotionSpotter:
    """Spots micro-, macro-expressions and blinks of one face; see `Spotter` for the interface."""

    def __init__(self, settings: SpottingSettings | None = None) -> None:
        self.settings = settings or SpottingSettings()
        count = len(NAMES)
        self._regions = RegionMotion()
        self._head = HeadMotion(self.settings.head_settle_s)
        self._blinks = BlinkTracker()
        self._noise = np.full(count, 0.03)
        self._times = np.zeros(_CAPACITY)
        self._indices = np.zeros(_CAPACITY, dtype=np.int64)
        self._motion = np.zeros((_CAPACITY, count, 2))
        self._length = 0
        self._start("no frame yet")

    def _start(self, reason: str) -> None:
        self._epoch: int | None = None
        self._referred_s = 0.0
        self._carry = np.zeros((len(NAMES), 2))
        self._length = 0
        self._level: NDArray[np.float64] | None = None
        self._level_s = -np.inf
        self._movement: _Movement | None = None
        self._quiet_until_s = -np.inf
        self._last_s: float | None = None
        self._now = np.zeros((len(NAMES), 2))
        self._phase: Phase = "blind"
        self._reason = reason
        self._unmatched_since_s: float | None = None
        self._blinks.reset()

    def interrupt(self, reason: str) -> None:
        """See `Spotter.interrupt`."""
        if self._phase != "blind" or self._reason != reason:
            self._start(reason)

    def wants_landmarks(self) -> bool:
        """See `Spotter.wants_landmarks`."""
        return self._blinks.disturbed

    def view(self) -> View:
        """See `Spotter.view`."""
        level = self._now if self._level is None else self._level
        return View(self._phase, self._reason, NAMES, self._now - level, self._thresholds())

    def _thresholds(self) -> NDArray[np.float64]:
        return np.maximum(self.settings.threshold_px, self.settings.noise_factor * self._noise)

    def push(self, sample: Sample) -> list[Spot]:
        """See `Spotter.push`."""
        t_s = sample.t_s
        if self._last_s is not None and not 0 < t_s - self._last_s < self.settings.gap_s:
            self._start("frames missing")
        step_s = t_s - self._last_s if self._last_s is not None else 0.01
        self._last_s = t_s
        if self._epoch is None:
            self._refer(sample)
            self._phase, self._reason = "blind", "settling"
        motion = self._regions.measure(sample.crop)
        if not self._matches(float((motion.match < 0.6).mean()), sample):
            return []
        face, _ = self._head.remove(motion.shift, motion.match, self._noise, step_s)
        self._remember(sample, face + self._carry)
        if sample.epoch != self._epoch:
            self._carry = face + self._carry
            self._refer(sample)
        spots = []
        blink = self._blinks.push(sample.index, t_s, motion.eyes, sample.openness if sample.fresh else None)
        if blink is not None:
            spots.append(
                Spot("blink", *blink, intensity_px=0.0, confidence=1.0, reason="eyes closed and opened")
            )
        spots.extend(self._advance(t_s))
        at_rest = self._movement is None and self._phase == "rest"
        if at_rest and t_s - self._referred_s > self.settings.reference_s and not self._blinks.disturbed:
            self._carry = self._motion[self._length - 1].copy()
            self._refer(sample)
        return spots

    def flush(self) -> list[Spot]:
        """See `Spotter.flush`: a movement under way has no offset, so nothing is added."""
        self._start("stream ended")
        return []

    def _refer(self, sample: Sample) -> None:
        self._regions.refer(sample.crop, sample.landmarks)
        self._head.refer(self._regions.centres, self._regions.depths)
        self._epoch = sample.epoch
        self._referred_s = sample.t_s

    def _matches(self, lost_share: float, sample: Sample) -> bool:
        """Whether enough regions still look like their reference; else wait, then begin anew."""
        if lost_share < _LOST_SHARE:
            self._unmatched_since_s = None
            return True
        if self._unmatched_since_s is None:
            self._unmatched_since_s = sample.t_s
        elif sample.t_s - self._unmatched_since_s > 0.3:
            self._start("face covered or changed")
            self._last_s = sample.t_s
            self._refer(sample)
            return False
        self._movement = None
        self._length = 0
        self._level = None
        self._phase, self._reason = "blind", "face covered or changed"
        return False

    def _remember(self, sample: Sample, face: NDArray[np.float64]) -> None:
        if self._length == _CAPACITY:
            keep = _CAPACITY // 2
            for array in (self._times, self._indices, self._motion):
                array[:keep] = array[_CAPACITY - keep :]
            self._length = keep
        self._times[self._length] = sample.t_s
        self._indices[self._length] = sample.index
        self._motion[self._length] = face
        self._length += 1
        first = np.searchsorted(self._times[: self._length], sample.t_s - self.settings.smooth_s + 1e-9)
        self._now = self._motion[first : self._length].mean(axis=0)

    def _advance(self, t_s: float) -> list[Spot]:
        if self._level is None or self._phase == "blind":
            if self._length and t_s - self._times[0] >= self.settings.rest_s:
                self._settle(t_s)
                self._phase, self._reason = "rest", ""
            return []
        if self._movement is None:
            return self._watch_rest(t_s)
        return self._follow(self._movement, t_s)

    def _settle(self, t_s: float) -> None:
        """Take the last half second as rest: level and noise of every region."""
        first = int(np.searchsorted(self._times[: self._length], t_s - self.settings.rest_s))
        recent = self._motion[first : self._length]
        self._level = np.median(recent, axis=0)
        spread = 1.48 * np.median(np.abs(recent - self._level), axis=0).max(axis=1)
        # Noise falls as frames are averaged; the level wanders whatever is averaged, so it is not divided down.
        fast = 1.48 * np.median(np.abs(np.diff(recent, axis=0)), axis=0).max(axis=1) / 1.41
        averaged = max(1.0, self.settings.smooth_s * len(recent) / max(self.settings.rest_s, 1e-3))
        wander = np.sqrt(np.maximum(spread**2 - fast**2, 0) + fast**2 / averaged)
        share = 1.0 if self._phase == "blind" else 0.1
        self._noise += share * (np.maximum(wander, _MIN_NOISE_PX) - self._noise)
        self._level_s = t_s

    def _watch_rest(self, t_s: float) -> list[Spot]:
        assert self._level is not None
        away = self._now - self._level
        size = np.hypot(away[:, 0], away[:, 1])
        ratio = size / self._thresholds()
        if self._blinks.disturbed:
            ratio = np.where(NEAR_EYE, np.minimum(ratio, size / _BLINK_LEAK_PX), ratio)
        second, first = np.sort(ratio)[-2:]
        if (second >= 1 or first >= 2) and t_s >= self._quiet_until_s:
            self._movement = _Movement(
                t_s, self._level, away / max(float(np.linalg.norm(away)), 1e-9), 0.0, t_s
            )
            self._phase = "rising"
            return self._follow(self._movement, t_s)
        since = t_s - self._level_s
        if since > 2 * self.settings.rest_s or (first < 0.7 and since > 0.05):
            self._settle(t_s)
        return []

    def _follow(self, movement: _Movement, t_s: float) -> list[Spot]:
        away = self._now - movement.level
        ratio = np.hypot(away[:, 0], away[:, 1]) / self._thresholds()
        moved = away * (ratio > 0.6)[:, None]
        size = float(np.linalg.norm(moved))
        if size > movement.peak:
            movement.peak, movement.peak_s = size, t_s
            movement.direction = moved / max(size, 1e-9)
        along = float((away * movement.direction).sum())
        lasted = t_s - movement.since_s
        if not movement.held:
            self._phase = "rising" if along > 0.9 * movement.peak else "falling"
        if lasted > self.settings.micro_max_s + 0.15:
            movement.held = True
            self._phase = "held"
        if along < 0.5 * movement.peak and self._levelled_off(movement, along):
            return self._finish(movement, t_s)
        if lasted > self.settings.macro_max_s or (movement.held and self._still(t_s)):
            return self._finish(movement, t_s, "moved and stayed")
        return []

    def _levelled_off(self, movement: _Movement, along: float) -> bool:
        """Back at rest, or no longer falling below half of the peak."""
        if along < _OFFSET_SHARE * movement.peak:
            return True
        first = int(np.searchsorted(self._times[: self._length], self._times[self._length - 1] - 0.08))
        if self._length - first < 3 or self._times[self._length - 1] - movement.peak_s < 0.08:
            return False
        recent = ((self._motion[first : self._length] - movement.level) * movement.direction).sum(axis=(1, 2))
        half = len(recent) // 2
        return bool(recent[:half].mean() - recent[half:].mean() < 0.05 * movement.peak)

    def _still(self, t_s: float) -> bool:
        first = int(np.searchsorted(self._times[: self._length], t_s - 1.0))
        recent = self._motion[first : self._length]
        reach = np.ptp(recent, axis=0).max(axis=1)
        return self._times[self._length - 1] - self._times[first] > 0.9 and bool(
            (reach < 2 * self._thresholds()).all()
        )

    def _finish(self, movement: _Movement, t_s: float, ending: str = "") -> list[Spot]:
        times = self._times[: self._length]
        begin = int(np.searchsorted(times, movement.since_s - 0.35))
        along = ((self._motion[begin : self._length] - movement.level) * movement.direction).sum(axis=(1, 2))
        times, indices = times[begin:], self._indices[begin : self._length]
        along = _smooth(along, times, self.settings.smooth_s)
        started = int(np.searchsorted(times, movement.since_s))
        top = started + int(np.argmax(along[started:]))
        peak = float(along[top])
        before = along[:top]
        below = np.nonzero(before < _ONSET_SHARE * peak)[0]
        onset = int(below[-1]) if len(below) else 0
        after = np.nonzero(along[top:] < _OFFSET_SHARE * peak)[0]
        offset = top + int(after[0]) if len(after) else len(along) - 1
        self._movement = None
        self._settle(t_s)
        self._phase = "rest"
        away = self._motion[begin + max(0, top - 1) : begin + top + 2].mean(axis=0) - movement.level
        kind, reason = self._name(movement, float(times[onset]), float(times[offset]), away, ending)
        self._reason = reason
        if kind is None:
            return []
        size = np.hypot(away[:, 0], away[:, 1])
        ratio = size / self._thresholds()
        order = [int(i) for i in np.argsort(-ratio) if ratio[i] > 0.8]
        strength = float(np.sort(ratio)[-2])
        return [
            Spot(
                kind,
                Instant(int(indices[onset]), float(times[onset])),
                Instant(int(indices[top]), float(times[top])),
                Instant(int(indices[offset]), float(times[offset])),
                intensity_px=float(size.max()),
                confidence=float(1 - np.exp(-strength)),
                regions=tuple(NAMES[i] for i in order),
                reason=reason,
            )
        ]

    def _name(
        self, movement: _Movement, onset_s: float, offset_s: float, away: NDArray[np.float64], ending: str
    ) -> tuple[Literal["micro", "macro"] | None, str]:
        lasted = offset_s - onset_s
        size = np.hypot(away[:, 0], away[:, 1])
        if self._blinks.shut_within(onset_s - 0.03, offset_s + 0.03):
            beside = size / np.where(NEAR_EYE, _BLINK_LEAK_PX, self._thresholds())
            if np.sort(beside)[-2] < 1:
                return None, "a blink, nothing beside it"
        if lasted < self.settings.micro_min_s:
            return None, f"too short for an expression ({lasted * 1000:.0f} ms)"
        if ending:
            big = float(size.max()) > 3 * self.settings.threshold_px
            return ("macro", ending) if big else (None, "drifted to a new rest")
        if lasted <= self.settings.micro_max_s:
            return "micro", f"rose and returned in {lasted * 1000:.0f} ms"
        return "macro", f"lasted {lasted * 1000:.0f} ms"


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
