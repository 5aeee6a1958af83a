"""Movements that stay for a while: macro-expressions, as against speech, glances, turns of the head and posture.

A region is away where it is farther from its rest than it ever drifts: rest is the median of the last twenty seconds,
drift the median distance from it. A movement begins where two regions have stayed away to the same side for 0.4 s;
syllables and blinks do not. It ends where the face has come back.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.spotting.history import History
from engines.spotting.refusals import turns
from engines.spotting.regions import JAW, NAMES, NEAR_EYE
from engines.spotting.spot import Instant, Spot
from engines.spotting.still_head import Placed, StillHead

_R: Final = len(NAMES)
# Rows of a course beside the regions: the head's turn, the mouth, the eyes; see `Placed`.
_TURN, _MOUTH, _EYES = _R, _R + 1, _R + 2
# Landmarks jitter by as much as a small expression moves them: the mean of so much time, four or five runs.
_SMOOTH_S: Final = 0.13
# Landmarks run more often while the eyes blink; what rest is must not depend on that.
_EVERY_S: Final = 0.025
# Rest is learned from this much time, so often, and from so much at first.
_REST_S, _LEARN_S, _FIRST_S = 20.0, 0.25, 1.5
_REST_ROWS: Final = 100
# Away: this far (crop pixels), and this many times its drift (as a standard deviation).
_LEAST_PX, _DRIFT = 1.4, 4.5
# Landmarks are wrong by about this much for each degree the head is turned from where rest was learned.
_TURN_PX: Final = 0.1
_MOST_TURN: Final = 20.0
_STAY_S: Final = 0.4
# Shares of the peak: below the first the movement is over, at the second it has met rest.
_RETURN, _REST = 0.35, 0.15
# What is nearly back is over after so long; an onset lies at most so long before the face stayed away.
_SETTLE_S, _ONSET_S = 0.3, 1.2
# An expression that is held is at its apex when it gets there, at this share of the most it wavers to.
_APEX: Final = 0.95
# A course that turns back by this share of its peak, so often, goes to and fro; an expression turns once.
_TURNS_BACK, _TURNS = 0.35, 3
# The mouth's gap or width in speech: back by this share of its range, so many crop pixels at least.
_SPOKEN, _SPOKEN_PX = 0.2, 1.5
# Lids shut: open by less than this share of what is usual.
_SHUT: Final = 0.5
# Landmarks of the brows follow a look aside, up to so many times as far as the irises seem to go.
_LOOK_FACTOR: Final = 3.5
# Brows alone: what else moves is below this share of the most.
_ALONE: Final = 0.7
_EYES_OWN: Final = NEAR_EYE | np.array([name == "glabella" for name in NAMES])
_MOUTHS: Final = JAW | np.array([name.startswith("mouth") or name == "upper lip" for name in NAMES])


@dataclass(frozen=True)
class Held:
    """A movement longer than any micro-expression that returned. ``displacement`` (R, 2) at the apex, crop pixels."""

    onset: Instant
    apex: Instant
    offset: Instant
    displacement: NDArray[np.float64]

    def spot(self) -> Spot:
        """As the macro-expression that it is."""
        size = np.hypot(self.displacement[:, 0], self.displacement[:, 1])
        lasted = self.offset.t_s - self.onset.t_s
        order = np.argsort(-size)[:5]
        return Spot(
            "macro",
            self.onset,
            self.apex,
            self.offset,
            intensity_px=float(size.max()),
            confidence=1.0,
            regions=tuple(NAMES[i] for i in order if size[i] > 0.5 * size.max()),
            reason=f"moved for {lasted:.1f} s and returned",
        )


@dataclass
class _Hold:
    """A movement under way: ``rest`` (R + 3, 2) it left, ``threshold`` (R,) in crop pixels, ``turn`` of the head then
    in degrees, unit ``direction`` (R, 2), ``peak`` so far in thresholds, and since when it is nearly back.
    """

    onset_s: float
    rest: NDArray[np.float64]
    threshold: NDArray[np.float64]
    turn: float
    direction: NDArray[np.float64]
    peak: float = 0.0
    back_s: float | None = None


class HoldTracker:
    """Knows a face's rest and notices what leaves it for longer than ``longest_micro_s``, up to ``longest_s``."""

    def __init__(self, longest_micro_s: float, longest_s: float) -> None:
        self._longest_micro_s, self._longest_s = longest_micro_s, longest_s
        self._head = StillHead()
        # Half of it is kept at least: at thirty runs a second what rest is learned from.
        self._course = History(_R + 3, capacity=1400)
        self.clear()

    @property
    def since_s(self) -> float | None:
        """When the movement under way began."""
        return None if self._hold is None else self._hold.onset_s

    def clear(self) -> None:
        """Forget the face."""
        self._head.clear()
        self._course.clear()
        self._recent: deque[tuple[Instant, NDArray[np.float64]]] = deque()
        self._rest: NDArray[np.float64] | None = None
        self._wandering = np.zeros(_R)
        self._learnt_s = self._ended_s = self._rests_since_s = -np.inf
        self._hold: _Hold | None = None

    def push(self, index: int, t_s: float, landmarks: NDArray[np.floating[Any]]) -> Held | str | None:
        """Take landmarks (478, 3), crop pixels, measured on a frame.

        Returns a movement that ended with it, or in words why one that ended is no expression.
        """
        if self._recent and t_s - self._recent[-1][0].t_s < _EVERY_S:
            return None
        self._append(Instant(index, t_s), self._head.place(landmarks))
        if self._course.span_s() < _FIRST_S:
            return None
        now = float(self._course.times[-1])
        self._learn(now)
        if self._hold is None:
            self._hold = self._begin(now)
            return None
        hold = self._hold
        along = float(self._along(hold, len(self._course) - 1)[-1])
        hold.peak = max(hold.peak, along)
        if along >= _RETURN * hold.peak:
            hold.back_s = None
        elif hold.back_s is None:
            hold.back_s = now
        over = hold.back_s is not None and (along < _REST * hold.peak or now - hold.back_s > _SETTLE_S)
        if not over and now - hold.onset_s < self._longest_s:
            return None
        self._hold, self._ended_s = None, now
        if not over:
            self._rests_since_s, self._learnt_s = now - _FIRST_S, -np.inf
            return "a new rest"
        return self._judge(hold)

    def _append(self, here: Instant, placed: Placed) -> None:
        """Add to the course what the last moments were in the mean, dated in their middle."""
        self._recent.append((here, np.vstack([placed.regions, placed.turn, placed.mouth, placed.eyes])))
        while here.t_s - self._recent[0][0].t_s > _SMOOTH_S:
            self._recent.popleft()
        middle = self._recent[len(self._recent) // 2][0]
        if not len(self._course) or middle.t_s > self._course.times[-1]:
            self._course.append(middle.t_s, middle.index, np.mean([rows for _, rows in self._recent], axis=0))

    def _learn(self, now: float) -> None:
        if now - self._learnt_s < _LEARN_S:
            return
        first = self._course.first_since(max(now - _REST_S, self._rests_since_s))
        rows = self._course.motion[first :: max(1, (len(self._course) - first) // _REST_ROWS)]
        self._rest = np.median(rows, axis=0)
        away = rows[:, :_R] - self._rest[:_R]
        # The median length of a two-dimensional normal deviate is 1.18 standard deviations.
        self._wandering = np.median(np.hypot(away[..., 0], away[..., 1]), axis=0) / 1.18
        self._learnt_s = now

    def _begin(self, now: float) -> _Hold | None:
        """The movement that two regions have been in for long enough, if any."""
        first = self._course.first_since(now - _STAY_S)
        if self._course.times[first] < self._ended_s or self._rest is None:
            return None
        away = self._course.motion[first:, :_R] - self._rest[:_R]
        turn = float(np.hypot(*(self._course.motion[-1, _TURN] - self._rest[_TURN])))
        threshold = np.maximum(_LEAST_PX, _DRIFT * self._wandering) + _TURN_PX * turn
        mean = away.mean(axis=0)
        sides = mean / np.maximum(np.hypot(mean[:, 0], mean[:, 1]), 1e-9)[:, None]
        stayed = (away * sides).sum(axis=2).min(axis=0) / threshold
        if np.partition(stayed, -2)[-2] < 1:
            return None
        direction = mean / threshold[:, None]
        hold = _Hold(now, self._rest, threshold, turn, direction / np.linalg.norm(direction))
        earliest = self._course.first_since(max(self._ended_s, now - _STAY_S - _ONSET_S))
        along = self._along(hold, earliest)
        hold.peak = float(along.max())
        low = np.nonzero(along[: first - earliest + 1] < _REST * hold.peak)[0]
        hold.onset_s = float(self._course.times[earliest + (int(low[-1]) if len(low) else 0)])
        return hold

    def _along(self, hold: _Hold, first: int) -> NDArray[np.float64]:
        """How far the face was on its way, in thresholds, from a row of the course on."""
        away = (self._course.motion[first:, :_R] - hold.rest[:_R]) / hold.threshold[:, None]
        return np.asarray((away * hold.direction).sum(axis=(1, 2)))

    def _judge(self, hold: _Hold) -> Held | str:
        """What came back to its rest: reported, or refused."""
        first = self._course.first_since(hold.onset_s)
        rows, along = self._course.motion[first:], self._along(hold, first)
        top = int(np.argmax(along >= _APEX * along.max()))
        displacement = rows[top, :_R] - hold.rest[:_R]
        refusal = _why_not(rows, along, displacement, hold)
        onset, apex, offset = (
            Instant(int(self._course.indices[at]), float(self._course.times[at]))
            for at in (first, first + top, len(self._course) - 1)
        )
        if not refusal and offset.t_s - onset.t_s <= self._longest_micro_s:
            refusal = "too short for a macro-expression"
        return refusal or Held(onset, apex, offset, displacement)


def _why_not(
    rows: NDArray[np.float64], along: NDArray[np.float64], displacement: NDArray[np.float64], hold: _Hold
) -> str:
    """Why a movement with this course is no expression; empty if it is one."""
    size = np.hypot(displacement[:, 0], displacement[:, 1])
    ratios = size / hold.threshold
    turned = float(np.hypot(*(rows[:, _TURN] - hold.rest[_TURN]).T).max())
    threshold = hold.threshold + _TURN_PX * max(turned - hold.turn, 0.0)
    if turned > _MOST_TURN or np.partition(size / threshold, -2)[-2] < 1:
        return "the head moved"
    if ratios[~_EYES_OWN].max() < ratios.max() and np.median(rows[:, _EYES, 0]) < _SHUT * hold.rest[_EYES, 0]:
        return "eyes closed"
    looked = abs(float(np.median(rows[:, _EYES, 1])) - hold.rest[_EYES, 1])
    if ratios[~_EYES_OWN].max() < _ALONE * ratios.max() and size.max() < _LOOK_FACTOR * looked:
        return "a glance"
    mouth = rows[:, _MOUTH]
    spoken = max(_SPOKEN_PX, _SPOKEN * float(np.ptp(mouth, axis=0).max()))
    if ratios[~_MOUTHS].max() < 1 and max(turns(course, spoken) for course in mouth.T) >= _TURNS:
        return "speech"
    if turns(along, _TURNS_BACK * hold.peak) >= _TURNS:
        return "went to and fro"
    return ""
