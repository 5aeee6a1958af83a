"""Performances made up at random: each kind of movement, and scripts that string them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from engines.errors import InputError
from engines.labels import CLASSES
from engines.synthesis import people
from engines.synthesis.action_units import BLINK
from engines.synthesis.performance import MOST_PX, Performance

EXPRESSIONS: Final[dict[str, tuple[tuple[int, ...], ...]]] = {
    "negative": ((4,), (4, 7), (4, 9), (9, 10), (10,), (15,), (4, 15), (15, 17), (14,), (20,)),
    "positive": ((6, 12), (12,), (6, 12, 25)),
    "surprise": ((1, 2), (1, 2, 5), (1, 2, 5, 26), (1, 2, 26)),
}
"""Combinations of action units by class, as CASME II and SAMM code them."""
COMMON: Final[dict[str, tuple[tuple[int, ...], ...]]] = {
    "positive": ((6, 12),),
    "surprise": ((1, 2, 26),),
    "negative": ((4, 15), (9, 15)),
}
"""One or two of each class that everybody thinks of first."""

UPPER_FACE: Final = frozenset({1, 2, 4, 5, 6, 7, 9})
"""Action units of brows, lids and the root of the nose: they can move while the mouth speaks."""
_OF_UPPER_FACE: Final = tuple(
    label for label, choices in EXPRESSIONS.items() if any(UPPER_FACE.issuperset(aus) for aus in choices)
)
_NONE: Final[frozenset[int]] = frozenset()
_FAINT_PX: Final = 0.3


def _draw(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def micro(
    rng: np.random.Generator,
    onset_s: float,
    label: str | None = None,
    amplitude_px: tuple[float, float] = (0.8, 2.6),
    duration_s: tuple[float, float] = (0.16, 0.5),
    among: frozenset[int] | None = None,
    expressions: Mapping[str, tuple[tuple[int, ...], ...]] = EXPRESSIONS,
) -> Performance:
    """A micro-expression drawn at random: action units of the class, amplitude, duration (0.04–0.5 s), small
    asymmetry. among: made of these action units only. expressions: what there is of each class.
    """
    label = str(rng.choice(CLASSES)) if label is None else label
    if label not in expressions:
        raise InputError(f"micro: label {label!r} is unknown; choose from {', '.join(CLASSES)}")
    choices = expressions[label]
    if among is not None:
        choices = tuple(aus for aus in choices if among.issuperset(aus))
        if not choices:
            raise InputError(f"micro: no expression of {label} is made of {sorted(among)} alone")
    aus = choices[int(rng.integers(len(choices)))]
    duration = _draw(rng, *duration_s)
    rise = duration * _draw(rng, 0.35, 0.55)
    return Performance(
        "micro",
        label,
        aus,
        onset_s,
        onset_s + rise,
        onset_s + duration,
        amplitude_px=_draw(rng, *amplitude_px),
        asymmetry=_draw(rng, -0.15, 0.15),
    )


def macro(rng: np.random.Generator, onset_s: float, label: str | None = None) -> Performance:
    """An ordinary expression: 3–8 px, 0.7–3 s."""
    label = str(rng.choice(CLASSES)) if label is None else label
    choices = EXPRESSIONS[label]
    aus = choices[int(rng.integers(len(choices)))]
    rise, hold, fall = _draw(rng, 0.3, 0.7), _draw(rng, 0.1, 1.3), _draw(rng, 0.35, 0.9)
    apex = onset_s + rise
    return Performance(
        "macro",
        label,
        aus,
        onset_s,
        apex,
        apex + hold + fall,
        amplitude_px=_draw(rng, 3, 8),
        hold_s=hold,
        asymmetry=_draw(rng, -0.1, 0.1),
    )


def blink(rng: np.random.Generator, onset_s: float) -> Performance:
    """A blink of 100–300 ms: the lid falls faster than it rises."""
    duration = _draw(rng, 0.12, 0.3)
    close, shut = 0.33 * duration, 0.1 * duration
    apex = onset_s + close
    return Performance(
        "blink", None, (BLINK,), onset_s, apex, onset_s + duration, hold_s=shut, amplitude_px=8
    )


def speech(rng: np.random.Generator, onset_s: float, duration_s: float | None = None) -> Performance:
    """Speech-like movement of mouth and jaw, 2–5 px, for one or two seconds."""
    duration = _draw(rng, 1.0, 2.2) if duration_s is None else duration_s
    aus = ((25, 26), (25, 26, 18), (25, 26, 20))[int(rng.integers(3))]
    edge = 0.2 * duration
    return Performance(
        "speech",
        None,
        aus,
        onset_s,
        onset_s + edge,
        onset_s + duration,
        amplitude_px=_draw(rng, 2, 5),
        hold_s=duration - 2 * edge,
    )


def recorded(
    rng: np.random.Generator,
    onset_s: float,
    kind: Literal["speech", "laughter"],
    spare: frozenset[int] = _NONE,
) -> Performance:
    """Speech or laughter as a real person moved, 6–16 px, for one to four seconds. spare: action units that are
    left out.
    """
    choices = people.numbers_of(kind)
    number = choices[int(rng.integers(len(choices)))]
    take = people.takes()[number]
    duration = take.seconds * _draw(rng, 0.9, 1.15)
    aus = tuple(
        au
        for au, most in zip(take.numbers, take.units.max(0), strict=True)
        if most > _FAINT_PX and au not in spare
    )
    edge = 0.2
    return Performance(
        kind,
        None,
        aus,
        onset_s,
        onset_s + edge,
        onset_s + duration,
        amplitude_px=min(take.peak_px, MOST_PX) * _draw(rng, 0.6, 1.0),
        hold_s=duration - 2 * edge,
        asymmetry=_draw(rng, -0.1, 0.1),
        take=number,
    )


def gaze(rng: np.random.Generator, onset_s: float) -> Performance:
    """A glance aside: a saccade of 40 ms, a look, and a saccade back."""
    aus = ((61,), (62,), (61, 63), (62, 63), (64,))[int(rng.integers(5))]
    look = _draw(rng, 0.3, 1.2)
    apex = onset_s + 0.04
    return Performance(
        "gaze", None, aus, onset_s, apex, apex + look + 0.04, amplitude_px=_draw(rng, 1.5, 4), hold_s=look
    )


@dataclass(frozen=True)
class Script:
    """An endless performance: micro-expressions some seconds apart, with blinks and, now and then, something
    larger between.

    Iterating gives performances in order of onset, the same ones every time. Micro-expressions never overlap
    anything but, in `near` of the cases, a blink. duration_s ends the script: no performance reaches beyond
    it. neutral: everything but the micro-expressions. lively: speech as recorded from real people, and laughter
    (a third of it), in both of which half the time a micro-expression of brows and lids falls; the speech then
    leaves these alone.
    """

    seed: int = 0
    duration_s: float | None = None
    pause_s: tuple[float, float] = (2.5, 4.0)
    amplitude_px: tuple[float, float] = (0.8, 2.6)
    micro_s: tuple[float, float] = (0.16, 0.5)
    labels: tuple[str, ...] = CLASSES
    macros: float = 0.14
    speeches: float = 0.08
    glances: float = 0.15
    blinks: float = 0.75
    near: float = 0.12
    neutral: bool = False
    start_s: float = 1.5
    lively: bool = False

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"script: seed is {self.seed}; choose 0 or more")
        for name in ("macros", "speeches", "glances", "blinks", "near"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"script: {name} is a probability; choose between 0 and 1")
        if not 0 < self.pause_s[0] <= self.pause_s[1] or self.pause_s[0] < 1.5:
            raise InputError("script: pause_s is (shortest, longest) time between onsets in s, at least 1.5")
        if not 0.04 <= self.micro_s[0] <= self.micro_s[1] <= 0.5:
            raise InputError("script: micro_s is (shortest, longest) duration in s, within 0.04 and 0.5")
        if not 0 < self.amplitude_px[0] <= self.amplitude_px[1] <= 12:
            raise InputError("script: amplitude_px is (least, most) in px, within 0 and 12")
        if not self.labels or any(label not in CLASSES for label in self.labels):
            raise InputError(f"script: labels must be among {', '.join(CLASSES)}")

    def __iter__(self) -> Iterator[Performance]:
        for performance in self._endless():
            if self.duration_s is not None and performance.onset_s > self.duration_s + 10:
                return
            if self.duration_s is None or performance.offset_s <= self.duration_s:
                yield performance

    def _endless(self) -> Iterator[Performance]:
        rng = np.random.default_rng(self.seed)
        now = self.start_s
        bag: list[str] = []
        while True:
            # one slot: a micro-expression (or something larger) at `now`, then what happens before the next
            # slot
            pause = _draw(rng, *self.pause_s)
            what = rng.random()
            if what < self.macros:
                events = [macro(rng, now)]
            elif what < self.macros + self.speeches:
                events = self._spoken(rng, now) if self.lively else [speech(rng, now)]
            else:
                if not bag:
                    bag = [str(label) for label in rng.permutation(self.labels)]
                events = [micro(rng, now, bag.pop(), self.amplitude_px, self.micro_s)]
            event = events[0]
            close = rng.random() < self.near
            blinking, glancing = rng.random() < self.blinks, rng.random() < self.glances
            blink_at = now + 0.12 if close else event.offset_s + _draw(rng, 0.3, 0.9)
            eye = blink(rng, blink_at)
            glance = gaze(rng, max(event.offset_s, eye.offset_s) + _draw(rng, 0.25, 0.4))
            shown = [*events, *[eye] * blinking, *[glance] * glancing]
            if self.neutral:
                shown = [one for one in shown if one.kind != "micro"]
            yield from sorted(shown, key=lambda one: one.onset_s)
            end = max(event.offset_s, eye.offset_s if blinking else 0, glance.offset_s if glancing else 0)
            now = max(now + pause, end + 0.35)

    def _spoken(self, rng: np.random.Generator, now: float) -> list[Performance]:
        """Recorded speech or laughter at `now`, and in half of them a micro-expression that it leaves alone."""
        kind: Literal["speech", "laughter"] = "laughter" if rng.random() < 1 / 3 else "speech"
        at, labels = rng.uniform(0.25, 0.6), [label for label in self.labels if label in _OF_UPPER_FACE]
        if rng.random() < 0.5 or not labels:
            return [recorded(rng, now, kind)]
        talk = recorded(rng, now, kind, spare=UPPER_FACE)
        label = labels[int(rng.integers(len(labels)))]
        moment = now + at * (talk.offset_s - now)
        within = micro(rng, moment, label, self.amplitude_px, self.micro_s, among=UPPER_FACE)
        return [talk, within] if within.offset_s < talk.offset_s else [talk]
