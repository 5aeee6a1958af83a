"""The sliding onset tracker and apex spotter: regional motion against the head, streaming.

Every frame gives each region a displacement that the head does not explain. A movement that rises and returns within
half a second in two regions, or clearly in one, is a micro-expression unless the eyes blinked and nothing else moved;
one that stays longer is a macro-expression. Thresholds follow the noise of each region.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import Image
from engines.spotting.blink import BlinkTracker
from engines.spotting.bump import AFTER_S, Bump, BumpSearch, Course, measure, score
from engines.spotting.head import HeadMotion
from engines.spotting.held import HoldTracker
from engines.spotting.history import History
from engines.spotting.motion import SURE, Motion, RegionMotion
from engines.spotting.noise import RunningNoise
from engines.spotting.regions import JAW, NAMES, NEAR_EYE
from engines.spotting.settings import SpottingSettings
from engines.spotting.spot import Instant, Phase, Sample, Spot, View

# Beside a blink, a region near the eyes must move this many times what the last blinks moved it, this at first (px).
_BLINK_FACTOR, _FIRST_LEAK_PX = 2.2, 0.8
# A share of regions that no longer look like their reference, for so long: the face is covered or another one.
_LOST_SHARE, _LOST_S = 0.34, 0.3
# Farther than any face moves (pixels): a window that slid away.
_FARTHEST_PX = 15.0
# A bump is measured when its score has not grown for this long.
_SETTLED_S = 0.1
# The smaller of rise and fall in parts of the larger; below it the movement did not return.
_RETURNED = 0.5
# A slow camera sees a short movement on a frame or two, as it sees a window that slips.
_LEAST_FRAMES = 4
# Regions must have been in sight for this long before the onset.
_SIGHT_S = 0.15
# Brightness that changes by this much (natural log) within this time was switched.
_SWITCHED, _SWITCH_S = 0.06, 0.05
# Regions above this share of their threshold belong to the movement.
_MOVING = 0.6
# How much the same direction may have moved just before the onset.
_RESTLESS = 0.6


@dataclass
class _Episode:
    """A stretch in which the statistic is above its threshold: its best bump and when that was found."""

    best: Bump
    found_s: float


class MotionSpotter:
    """Spots micro-, macro-expressions and blinks of one face; see `Spotter` for the interface."""

    def __init__(self, settings: SpottingSettings | None = None) -> None:
        self.settings = settings = settings or SpottingSettings()
        count = len(NAMES)
        self._regions = RegionMotion()
        self._head = HeadMotion(settings.head_settle_s)
        self._blinks = BlinkTracker()
        self._history, self._heads = History(count), History(1)
        self._search = BumpSearch(
            count, settings.micro_max_s, settings.smooth_s, settings.threshold_px, settings.noise_factor
        )
        self._holds = HoldTracker(
            count, settings.threshold_px, settings.micro_max_s, settings.macro_max_s, settings.smooth_s
        )
        # Of single frames, from what changes between two of them.
        self._noise = RunningNoise((count, 2), 0.03, 0.005)
        self._leaks: deque[NDArray[np.float64]] = deque([np.full(count, _FIRST_LEAK_PX)] * 3, maxlen=7)
        self._refused = 0
        self._start("no frame yet")

    def _start(self, reason: str) -> None:
        self._epoch: int | None = None
        self._referred_s = 0.0
        self._carry = np.zeros((len(NAMES), 2))
        self._head_at = self._head_carry = np.zeros(2)
        self._last_s: float | None = None
        self._episode: _Episode | None = None
        self._ending = False
        self._told_s = -np.inf
        self._unmatched_since_s: float | None = None
        self._phase: Phase = "blind"
        self._reason = reason
        self._levels: deque[tuple[float, float]] = deque()
        self._switched_s = -np.inf
        self._lost_s = np.full(len(NAMES), -np.inf)
        self._history.clear()
        self._heads.clear()
        self._holds.clear()
        self._blinks.reset()

    def interrupt(self, reason: str) -> None:
        """See `Spotter.interrupt`."""
        if self._phase != "blind" or self._reason != reason:
            self._start(reason)

    def wants_landmarks(self) -> bool:
        """See `Spotter.wants_landmarks`."""
        return self._blinks.wants_openness

    def flush(self) -> list[Spot]:
        """See `Spotter.flush`: a bump that has returned is measured; anything else has no offset."""
        self._ending = True
        spots = [] if self._episode is None else self._close(self._episode)
        self._start("stream ended")
        return spots

    def view(self) -> View:
        """See `Spotter.view`."""
        level = self._holds.level
        if level is None or not len(self._history):
            motion = np.zeros((len(NAMES), 2))
        else:
            now = float(self._history.times[-1])
            motion = self._history.mean(now - self.settings.smooth_s, now) - level
        thresholds = self._search.thresholds(-1).mean(axis=1)
        return View(self._phase, self._reason, NAMES, motion, thresholds, self._refused)

    def push(self, sample: Sample) -> list[Spot]:
        """See `Spotter.push`."""
        t_s = sample.t_s
        if self._last_s is not None and not 0 < t_s - self._last_s < self.settings.gap_s:
            self._start("frames missing")
        step_s = t_s - self._last_s if self._last_s is not None else 0.01
        self._last_s = t_s
        if self._epoch is None:
            self._refer(sample)
            self._reason = "settling"
        motion = self._measure(sample)
        if not self._matches(motion, sample):
            return []
        face, head = self._head.remove(motion.shift, motion.match, self._noise.sigma, step_s)
        face = face + self._carry
        sure = (motion.match > SURE) & (np.abs(face).max(axis=1) < _FARTHEST_PX)
        if len(self._history):
            # A region lost from sight stays where it was last seen.
            face = np.where(sure[:, None], face, self._history.motion[-1])
        self._lost_s[~sure] = t_s
        self._head_at = head[:2] + self._head_carry
        if len(self._history):
            self._noise.push(np.abs(face - self._history.motion[-1]) / np.sqrt(2), step_s)
        self._notice_light(t_s, sample.crop)
        self._history.append(t_s, sample.index, face)
        self._heads.append(t_s, sample.index, self._head_at[None])
        blink = self._blinks.push(sample.index, t_s, motion.eyes, sample.openness if sample.fresh else None)
        stale = t_s - self._referred_s > self.settings.reference_s and self._phase == "rest"
        if sample.epoch != self._epoch or (stale and not self._blinks.disturbed):
            # The noise of this frame is in the new reference and in the carry, and cancels.
            self._carry, self._head_carry = face, self._head_at
            self._refer(sample)
        spots = []
        if blink is not None:
            self._leaks.append(self._moved_within(blink[0].t_s, t_s))
            spots.append(
                Spot("blink", *blink, intensity_px=0.0, confidence=1.0, reason="eyes closed and opened")
            )
        if self._history.span_s() < self.settings.rest_s:
            return spots
        return spots + self._advance(t_s, step_s)

    def _refer(self, sample: Sample) -> None:
        self._regions.refer(sample.crop, sample.landmarks, eyes=not self._blinks.disturbed)
        self._head.refer(self._regions.centres, self._regions.depths)
        self._epoch = sample.epoch
        self._referred_s = sample.t_s

    def _measure(self, sample: Sample) -> Motion:
        """Motion against the reference, under the reference's transform."""
        if sample.epoch == self._epoch:
            return self._regions.measure(sample.crop)
        if sample.bridge is None:
            raise ValueError("the first sample of an epoch needs its bridge")
        return self._regions.measure(sample.bridge)

    def _matches(self, motion: Motion, sample: Sample) -> bool:
        """Whether enough regions still look like their reference; else wait, then begin anew."""
        if float((motion.match < SURE).mean()) < _LOST_SHARE:
            self._unmatched_since_s = None
            return True
        since = self._unmatched_since_s if self._unmatched_since_s is not None else sample.t_s
        self._start("face covered or changed")
        self._unmatched_since_s = since
        self._last_s = sample.t_s
        self._refer(sample)
        if sample.t_s - since > _LOST_S:
            self._unmatched_since_s = None
        return False

    def _advance(self, t_s: float, step_s: float) -> list[Spot]:
        spots: list[Spot] = []
        held = self._holds.push(self._history)
        if held is not None:
            size = np.hypot(held.displacement[:, 0], held.displacement[:, 1])
            lasted = held.offset.t_s - held.onset.t_s
            how = "and returned" if held.returned else "and stayed"
            order = np.argsort(-size)[:5]
            spots.append(
                Spot(
                    "macro",
                    held.onset,
                    held.apex,
                    held.offset,
                    intensity_px=float(size.max()),
                    confidence=1.0,
                    regions=tuple(NAMES[i] for i in order if size[i] > 0.5 * size.max()),
                    reason=f"moved for {lasted:.1f} s {how}",
                )
            )
        bump = self._search.push(self._history, step_s)
        weakest = 1.0 if self._episode is None else self._episode.best.score
        if bump is not None and bump.score > weakest:
            self._episode = _Episode(bump, t_s)
        if self._episode is not None and t_s - self._episode.found_s > _SETTLED_S:
            spots.extend(self._close(self._episode))
        self._phase = self._name_phase(t_s)
        return spots

    def _name_phase(self, t_s: float) -> Phase:
        since = self._holds.since_s
        if since is not None and t_s - since > self.settings.micro_max_s:
            return "held"
        if self._episode is not None:
            return "rising" if t_s - self._episode.found_s < 0.02 else "falling"
        return "rest"

    def _close(self, episode: _Episode) -> list[Spot]:
        """Measure an episode's bump and name it; it stays open while the movement may still return."""
        bump, settings = episode.best, self.settings
        ratios = self._search.ratios(bump.motion, bump.reach_s)
        course = measure(self._history, bump, ratios > _MOVING, settings.smooth_s, settings.micro_max_s + 0.1)
        blinked = self._blinks.shut_within(
            float(self._history.times[course.onset]) - 0.03, float(self._history.times[course.apex]) + 0.03
        )
        if blinked:
            size = np.hypot(bump.motion[:, 0], bump.motion[:, 1])
            beyond = NEAR_EYE & (size > _BLINK_FACTOR * np.median(self._leaks, axis=0))
            # A brow that really moves takes its neighbours along; one window alone was pulled by the lid.
            ratios = np.where(NEAR_EYE & ~(beyond & (beyond.sum() >= 3)), 0, ratios)
            course = measure(
                self._history, bump, ratios > _MOVING, settings.smooth_s, settings.micro_max_s + 0.1
            )
        times = self._history.times
        # What was out of sight during the movement, and jumped when it came back, does not count.
        ratios = np.where(self._lost_s > times[course.onset] - _SIGHT_S, 0, ratios)
        returned = min(course.rise, course.fall) > _RETURNED * max(course.rise, course.fall)
        if not returned and times[-1] - times[course.apex] < settings.micro_max_s:
            return []
        spoken = _like_speech(course.displacement, ratios > _MOVING)
        if spoken and times[-1] - times[course.offset] < AFTER_S and not self._ending:
            # The jaw alone: only what follows tells an expression from a syllable.
            return []
        self._episode = None
        if float(times[course.apex]) <= self._told_s:
            # A bump is told once; longer reaches still see it for a while.
            return []
        self._told_s = float(times[course.offset])
        refusal = self._refuse(course, score(ratios), returned, blinked, spoken)
        if refusal:
            self._reason = refusal
            self._refused += 1
            return []
        size = np.hypot(course.displacement[:, 0], course.displacement[:, 1])
        order = np.argsort(-np.where(ratios > _MOVING, size, 0))[: int((ratios > _MOVING).sum())]
        onset, apex, offset = (self._instant(at) for at in (course.onset, course.apex, course.offset))
        self._reason = f"rose and returned in {(offset.t_s - onset.t_s) * 1000:.0f} ms"
        return [
            Spot(
                "micro",
                onset,
                apex,
                offset,
                intensity_px=float(size.max()),
                confidence=float(1 - np.exp(-score(ratios))),
                regions=tuple(NAMES[i] for i in order),
                reason=self._reason,
            )
        ]

    def _refuse(self, course: Course, strength: float, returned: bool, blinked: bool, spoken: bool) -> str:
        """Why a bump is no micro-expression; empty if it is one."""
        lasted = float(self._history.times[course.offset] - self._history.times[course.onset])
        if strength < 1:
            return "a blink, nothing beside it" if blinked else "too faint"
        if not returned:
            return "rose and did not return"
        times = self._history.times
        if float(np.hypot(*course.displacement.T).max()) > self.settings.micro_max_px:
            return "too large for a micro-expression"
        path = self._heads.motion[course.onset : course.offset + 1, 0]
        if float(np.ptp(path, axis=0).max()) > self.settings.head_max_px:
            return "the head moved"
        if times[course.onset] - _SWITCH_S <= self._switched_s <= times[course.apex] + _SWITCH_S:
            return "the light was switched"
        if lasted < self.settings.micro_min_s:
            return f"too short for an expression ({lasted * 1000:.0f} ms)"
        if course.offset - course.onset < _LEAST_FRAMES:
            return f"seen on too few frames to be sure ({course.offset - course.onset - 1} between onset and offset)"
        if lasted > self.settings.micro_max_s:
            return f"too long for a micro-expression ({lasted * 1000:.0f} ms)"
        if course.before > _RESTLESS:
            return "the face was not at rest before it"
        if spoken and course.after > _RESTLESS:
            return "the mouth went on moving, as in speech"
        return ""

    def _notice_light(self, t_s: float, crop: Image) -> None:
        """Remember when the light was switched: windows with little texture then seem to move."""
        level = float(crop.mean()) + 1.0
        while self._levels and t_s - self._levels[0][0] > _SWITCH_S:
            self._levels.popleft()
        if self._levels and abs(np.log(level / self._levels[0][1])) > _SWITCHED:
            self._switched_s = t_s
        self._levels.append((t_s, level))

    def _moved_within(self, start_s: float, end_s: float) -> NDArray[np.float64]:
        """How far each region (R,) went from where it was at the start of a span."""
        first, last = self._history.first_since(start_s), self._history.first_since(end_s)
        away = self._history.motion[first : last + 1] - self._history.motion[first]
        return np.asarray(np.hypot(away[..., 0], away[..., 1]).max(axis=0), dtype=np.float64)

    def _instant(self, at: int) -> Instant:
        return Instant(int(self._history.indices[at]), float(self._history.times[at]))


def _like_speech(displacement: NDArray[np.float64], moving: NDArray[np.bool_]) -> bool:
    """Whether lower lip or chin went farthest and the brows did not move along."""
    size = np.where(moving, np.hypot(displacement[:, 0], displacement[:, 1]), 0)
    return bool(JAW[int(np.argmax(size))] and (moving & NEAR_EYE).sum() < 2)
