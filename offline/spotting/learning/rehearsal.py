"""Augmentation: micro-expressions and distractors added to the shifts of a recorded face."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.spotting.regions import NAMES
from engines.synthesis.script import COMMON, EXPRESSIONS
from offline.spotting.learning.fields import Fields
from offline.spotting.learning.recordings import Recording

# Combinations as databases code them; those of the four basic ones three times more often; and single or odd ones, so
# that no list of combinations is learnt.
_BASIC: Final = tuple(aus for choices in COMMON.values() for aus in choices)
_ODD: Final = (
    *((1,), (2,), (7,), (9,), (1, 4), (12, 14), (1, 4, 15), (10, 12)),
    *((4, 5), (2, 5), (17,), (23,)),
)
COMBINATIONS: Final = (*(aus for choices in EXPRESSIONS.values() for aus in choices), *_BASIC * 3, *_ODD)

# After the face appeared, before it goes, and around what else it does nothing is added, seconds.
_AFTER_BEGIN_S, _BEFORE_END_S, _APART_S = 0.6, 0.8, 0.15
# Micro-expressions in training: pixels of a face 200 px wide, drawn evenly in the logarithm, and seconds; some short.
_SIZE_PX, _LASTS_S, _SHORT_S, _SHORT = (0.9, 2.8), (0.2, 0.5), (0.1, 0.2), 0.15
# Both sides differ a little; sometimes one hardly moves.
_UNEVEN, _ONE_SIDED, _ONE_SIDED_OFTEN = 0.2, 0.9, 0.15
_RISES, _HOLDS, _HELD = (0.35, 0.6), 0.25, 0.3
# A third of all movements are distractors: macro-expressions, slipped windows, slow one-way shifts.
_DISTRACTORS, _MACRO, _SLIP = 0.35, 0.5, 0.3
_MACRO_S, _MACRO_RISE_S, _MACRO_FALL_S, _MACRO_PX = (0.7, 3.0), (0.15, 0.7), (0.2, 0.9), (1.0, 8.0)
_SLIP_PX = 1.2
# Of the expressions so many are seen through glasses, hair or bare skin, which hold back some windows.
_PARTLY, _HELD_BACK, _LEAST_WAY = 0.4, 0.3, 0.15
_ONE_WAY_FAST_S, _ONE_WAY_SLOW_S, _ONE_WAY_PX, _SLOW_FIRST = (0.1, 0.4), (0.8, 2.5), (1.0, 4.0), 0.4
_SHORTEST_HOLD_S, _TOP_S = 0.05, 0.02
# Scoring: sizes and times as `apexbench spot --real --implant` has them, one every two seconds or so.
_SCORED_PX, _SCORED_S, _SCORED_PAUSE_S = (1.0, 2.6), (0.26, 0.48), 2.0
# Tempo and size of real recordings are varied (logarithms).
_WARPED, _TEMPO, _SCALE = 0.6, (-0.2, 0.2), (-0.4, 0.3)


@dataclass(frozen=True)
class Implant:
    """A movement put into a recording: ``shift`` (R, 2) at its apex, crop pixels; it rises, holds and falls, seconds.

    Minimum-jerk, or a raised cosine.
    """

    shift: NDArray[np.float64]
    onset_s: float
    apex_s: float
    held_to_s: float
    offset_s: float
    minimum_jerk: bool

    def course(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """How much of it there is at times (N,), 0..1."""
        rising = (times_s - self.onset_s) / (self.apex_s - self.onset_s)
        falling = (self.offset_s - times_s) / (self.offset_s - self.held_to_s)
        u = np.clip(np.where(times_s <= self.held_to_s, rising, falling), 0, 1)
        shape = u * u * u * (10 + u * (6 * u - 15)) if self.minimum_jerk else 0.5 - 0.5 * np.cos(np.pi * u)
        return np.asarray(shape, dtype=np.float64)


def rehearse(recording: Recording, implants: Sequence[Implant]) -> NDArray[np.float64]:
    """The shifts (N, R, 2) that would have been recorded with these movements."""
    reference, before = recording.reference, np.concatenate([[-2], recording.reference[:-1]])
    number = np.arange(len(reference))
    # A reference is the frame at which everything began, or the last one measured against the reference before.
    made = np.where(reference != before, np.where(recording.begins, number, np.maximum(number - 1, 0)), 0)
    made = np.maximum.accumulate(made)
    shift = recording.shift.copy()
    for implant in implants:
        course = implant.course(recording.times_s)
        # Shifts are against the reference, which may itself show some of it.
        shift += (course - course[made])[:, None, None] * implant.shift
    return shift


def warped(recording: Recording, rng: np.random.Generator) -> Recording:
    """The recording at another tempo and size, sometimes."""
    if rng.random() < _WARPED:
        recording = replace(recording, times_s=recording.times_s * np.exp(rng.uniform(*_TEMPO)))
    if rng.random() < _WARPED:
        recording = replace(recording, shift=recording.shift * np.exp(rng.uniform(*_SCALE)))
    return recording


def training_implants(
    recording: Recording, fields: Fields, rng: np.random.Generator, pause_s: float
) -> tuple[list[Implant], NDArray[np.float64]]:
    """Micro-expressions and distractors all over a recording, pauses of ``pause_s`` on average.

    With them onset, apex, offset (E, 3) of every micro-expression, those performed in the video included.
    """
    implants, events = [], []
    for begin_s, end_s in _spans(recording):
        now = begin_s + _AFTER_BEGIN_S + rng.exponential(0.6 * pause_s)
        while now < end_s - _BEFORE_END_S:
            if rng.random() < _DISTRACTORS:
                implant = _distractor(now, fields, rng)
                implants.append(implant)
                now = implant.offset_s + 0.7 * rng.exponential(pause_s)
                continue
            implant = _micro(now, fields, rng)
            if _free(recording, implant, end_s):
                implants.append(implant)
                events.append(_event(implant))
            now = implant.offset_s + _AFTER_BEGIN_S + rng.exponential(pause_s)
    return implants, _with_performed(events, recording)


def scoring_implants(
    recording: Recording, fields: Fields, rng: np.random.Generator
) -> tuple[list[Implant], NDArray[np.float64]]:
    """Micro-expressions as measuring implants them, undistorted; otherwise as `training_implants`."""
    implants, events = [], []
    for begin_s, end_s in _spans(recording):
        now = begin_s + _AFTER_BEGIN_S + rng.exponential(0.6 * _SCORED_PAUSE_S)
        while now < end_s - _BEFORE_END_S:
            lasts = rng.uniform(*_SCORED_S)
            aus = _BASIC[int(rng.integers(len(_BASIC)))]
            shift = fields.shift(0, aus, rng.uniform(*_SCORED_PX), rng.uniform(-_UNEVEN, _UNEVEN))
            top = now + 0.5 * lasts
            implant = Implant(shift, now, top, top, now + lasts, minimum_jerk=False)
            if _free(recording, implant, end_s):
                implants.append(implant)
                events.append(_event(implant))
            now = implant.offset_s + _AFTER_BEGIN_S + rng.exponential(_SCORED_PAUSE_S)
    return implants, _with_performed(events, recording)


def _spans(recording: Recording) -> list[tuple[float, float]]:
    times = recording.times_s
    return [(float(times[s.start]), float(times[s.stop - 1])) for s in recording.stretches()]


def _micro(now: float, fields: Fields, rng: np.random.Generator) -> Implant:
    lasts = _length(rng)
    shift = _expression(fields, float(np.exp(rng.uniform(*np.log(_SIZE_PX)))), rng)
    hold = rng.uniform(0, _HOLDS) * lasts if rng.random() < _HELD else 0.0
    top = now + (lasts - hold) * rng.uniform(*_RISES)
    return Implant(shift, now, top, top + hold, now + lasts, bool(rng.integers(2)))


def _distractor(now: float, fields: Fields, rng: np.random.Generator) -> Implant:
    jerk, which = bool(rng.integers(2)), rng.random()
    if which < _MACRO:
        lasts, rise, fall = rng.uniform(*_MACRO_S), rng.uniform(*_MACRO_RISE_S), rng.uniform(*_MACRO_FALL_S)
        hold = max(lasts - rise - fall, _SHORTEST_HOLD_S)
        size = float(np.exp(rng.uniform(*np.log(_MACRO_PX))))
    elif which < _MACRO + _SLIP:
        # One window slips and comes back: as quick as a micro-expression, but alone.
        lasts, rises = _length(rng), rng.uniform(*_RISES)
        shift = np.zeros((len(NAMES), 2))
        shift[int(rng.integers(len(NAMES)))] = rng.normal(0, _SLIP_PX, 2)
        return Implant(shift, now, now + lasts * rises, now + lasts * rises, now + lasts, jerk)
    else:
        rise, fall, hold = rng.uniform(*_ONE_WAY_FAST_S), rng.uniform(*_ONE_WAY_SLOW_S), _TOP_S
        if rng.random() < _SLOW_FIRST:
            rise, fall = fall, rise
        size = rng.uniform(*_ONE_WAY_PX)
    top = now + rise
    return Implant(_expression(fields, size, rng), now, top, top + hold, top + hold + fall, jerk)


def _length(rng: np.random.Generator) -> float:
    return rng.uniform(*(_SHORT_S if rng.random() < _SHORT else _LASTS_S))


def _expression(fields: Fields, size_px: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Shift (R, 2) of any combination, in any variant of its fields, more or less on both sides."""
    aus = COMBINATIONS[int(rng.integers(len(COMBINATIONS)))]
    asymmetry = rng.uniform(-_UNEVEN, _UNEVEN)
    if rng.random() < _ONE_SIDED_OFTEN:
        asymmetry = float(rng.choice([-_ONE_SIDED, _ONE_SIDED]))
    shift = fields.shift(int(rng.integers(len(fields))), aus, size_px, asymmetry)
    if rng.random() < _PARTLY:
        held = rng.random(len(NAMES)) < _HELD_BACK
        shift = shift * np.where(held, rng.uniform(_LEAST_WAY, 1, len(NAMES)), 1)[:, None]
    return shift


def _free(recording: Recording, implant: Implant, end_s: float) -> bool:
    """Whether the face is seen throughout and makes no other movement."""
    begins, ends = implant.onset_s - _APART_S, implant.offset_s + _APART_S
    return ends < end_s and not any(b < ends and e > begins for b, e in recording.busy_s)


def _event(implant: Implant) -> tuple[float, float, float]:
    return implant.onset_s, 0.5 * (implant.apex_s + implant.held_to_s), implant.offset_s


def _with_performed(events: list[tuple[float, float, float]], recording: Recording) -> NDArray[np.float64]:
    every = np.concatenate([np.array(events).reshape(-1, 3), recording.micro_s])
    return np.asarray(every[np.argsort(every[:, 0])])
