"""What a face does and when: performances, their time course and their truth."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from engines.errors import InputError
from engines.labels import CLASSES
from engines.synthesis import people
from engines.synthesis.action_units import ACTION_UNITS, BLINK, GAZE, check_action_units

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Kind = Literal["micro", "macro", "blink", "speech", "laughter", "gaze"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
SPOKEN: Final = ("speech", "laughter")
"""Kinds that can follow a recorded take."""

AT_REST: Final = 0.02
"""A face is at rest while its amplitude is at most this part of the performance's peak."""

MOST_PX: Final = 16.0  # a portrait bears no more without tearing


@dataclass(frozen=True)
class Performance:
    """One movement of the face.

    onset_s, apex_s, offset_s: seconds from the first frame; amplitude_px: how far the strongest point moves
    at the apex, px of a face 200 px wide (blink: ignored, the lid closes as far as `closure` says). hold_s:
    how long it stays at the apex. asymmetry: the left half of the image moves 1 + asymmetry, the right 1 -
    asymmetry times as far. take: the number of a recorded take (`people.takes`) whose course the action units
    follow, for speech and laughter; they are some or all of the take's own.
    """

    kind: Kind
    label: str | None
    aus: tuple[int, ...]
    onset_s: float
    apex_s: float
    offset_s: float
    amplitude_px: float = 1.5
    hold_s: float = 0.0
    asymmetry: float = 0.0
    closure: float = 1.0
    take: int | None = None

    def __post_init__(self) -> None:
        where = f"performance at {self.onset_s:g} s"
        if self.kind not in KINDS:
            raise InputError(f"{where}: kind {self.kind!r} is unknown; choose from {', '.join(KINDS)}")
        if self.label is not None and self.label not in CLASSES:
            raise InputError(
                f"{where}: label {self.label!r} is unknown; choose from {', '.join(CLASSES)} or none"
            )
        times = (
            self.onset_s,
            self.apex_s,
            self.offset_s,
            self.hold_s,
            self.amplitude_px,
            self.asymmetry,
            self.closure,
        )
        if not all(np.isfinite(times)):
            raise InputError(f"{where}: times and amplitudes must be finite numbers")
        if not 0 <= self.onset_s < self.apex_s <= self.apex_s + self.hold_s < self.offset_s:
            raise InputError(
                f"{where}: need 0 <= onset_s < apex_s, hold_s >= 0 and apex_s + hold_s < offset_s, got "
                f"{self.onset_s:g}, {self.apex_s:g}, hold {self.hold_s:g}, {self.offset_s:g}"
            )
        most = 12 if self.take is None else MOST_PX
        if not 0 < self.amplitude_px <= most:
            raise InputError(
                f"{where}: amplitude_px is {self.amplitude_px:g}; choose more than 0, at most {most:g}"
            )
        if abs(self.asymmetry) > 0.9:
            raise InputError(f"{where}: asymmetry is {self.asymmetry:g}; choose between -0.9 and 0.9")
        if not 0 < self.closure <= 1:
            raise InputError(f"{where}: closure is {self.closure:g}; choose more than 0, at most 1")
        check_action_units(self.aus, where)
        skin = [au for au in self.aus if au in ACTION_UNITS]
        if self.kind == "blink":
            fitting = self.aus == (BLINK,)
        elif self.kind == "gaze":
            fitting = bool(self.aus) and all(au in GAZE for au in self.aus)
        else:
            fitting = bool(skin) and len(skin) == len(self.aus)
        if not fitting:
            raise InputError(
                f"{where}: {self.kind} cannot be made of action units {list(self.aus)}; blink is (45,), gaze is among "
                f"{sorted(GAZE)}, all else is among {sorted(ACTION_UNITS)}"
            )

        if self.take is not None:
            self._check_take(where)

    def _check_take(self, where: str) -> None:
        known = people.numbers_of(self.kind) if self.kind in SPOKEN else ()
        if self.take not in known:
            raise InputError(f"{where}: {self.kind} has no recorded take {self.take}; choose from {known}")
        assert self.take is not None
        own = people.takes()[self.take].numbers
        if not set(self.aus) <= set(own):
            raise InputError(f"{where}: take {self.take} knows the action units {own}, not all of {self.aus}")

    def amplitude(self, t: float) -> float:
        """Part of the apex's displacement at time t (s), 0..1: a minimum-jerk rise and a minimum-jerk fall; in
        between what a recorded take did.
        """
        rise = self.rise(t)
        if not rise:
            return 0.0
        if self.take is not None:
            return rise * float(np.linalg.norm(self.strengths(t)))
        return rise * self._syllables(t) if self.kind == "speech" else rise

    def strengths(self, t: float) -> Float64:
        """What the recorded take's action units do at time t (s): float64 (len(aus),), at the take's strongest
        moment a vector of length 1. Only where there is a take.
        """
        assert self.take is not None
        columns, largest, _ = _course(self.take, self.aus)
        return people.at(columns, self.moment(t)) / largest

    @property
    def strongest_s(self) -> float:
        """When the recorded take is strongest. Only where there is a take."""
        assert self.take is not None
        columns, _, best = _course(self.take, self.aus)
        return self.onset_s + (self.offset_s - self.onset_s) * best / (len(columns) - 1)

    def moment(self, t: float) -> float:
        """The place of time t (s) in the recorded take, control points from its first."""
        assert self.take is not None
        last = len(people.takes()[self.take].pose) - 1
        return (t - self.onset_s) / (self.offset_s - self.onset_s) * last

    def rise(self, t: float) -> float:
        """How much of it there is at time t (s), 0..1: up to the apex, held, and down to the offset."""
        if t <= self.onset_s or t >= self.offset_s:
            return 0.0
        peak_end = self.apex_s + self.hold_s
        if t < self.apex_s:
            u = (t - self.onset_s) / (self.apex_s - self.onset_s)
        elif t <= peak_end:
            u = 1.0
        else:
            u = (self.offset_s - t) / (self.offset_s - peak_end)
        return u * u * u * (10 + u * (6 * u - 15))

    def _syllables(self, t: float) -> float:
        # two incommensurate rhythms of 3–6 Hz: mouths open and close about four times a second
        s = t - self.onset_s
        rate = 3.6 + 0.9 * np.sin(7.0 * self.onset_s)
        wave = 0.62 * np.sin(np.pi * rate * s) ** 2 + 0.38 * np.sin(np.pi * 1.37 * rate * s + 0.8) ** 2
        return float(wave)


@functools.cache
def _course(take: int, aus: tuple[int, ...]) -> tuple[Float32, float, int]:
    """Of a take: the curves of some action units, the greatest length of their vector, and where it is."""
    recorded = people.takes()[take]
    columns = recorded.units[:, [recorded.numbers.index(au) for au in aus]]
    lengths = [float(np.linalg.norm(people.at(columns, k))) for k in range(len(columns))]
    # the ends are played down
    inner = lengths[2:-2]
    return columns, max(inner), 2 + int(np.argmax(inner))


@dataclass(frozen=True)
class Truth:
    """What really happened, in frames. onset: the last frame at rest before the movement (amplitude at most 2
    % of the peak, the next frame above); apex: the first frame of largest amplitude; offset: the first frame
    at rest after it.

    amplitude_px: largest displacement at the apex, px of a face 200 px wide; amplitude_frame_px: the same in
    px of the frame.
    """

    kind: Kind
    label: str | None
    aus: tuple[int, ...]
    onset: int
    apex: int
    offset: int
    amplitude_px: float
    amplitude_frame_px: float


def frames_of(performance: Performance, fps: float) -> tuple[int, int, int] | None:
    """(onset, apex, offset) frames of a performance, as `Truth` defines them; None where no frame falls into
    the movement.
    """
    first = int(np.floor(performance.onset_s * fps))
    last = int(np.ceil(performance.offset_s * fps))
    course = np.array([performance.amplitude(k / fps) for k in range(first, last + 1)])
    # relative to the true peak, not to the largest sampled value: a slow camera must not move the onset
    moving = np.flatnonzero(course > AT_REST)
    if moving.size == 0:
        return None
    return first + int(moving[0]) - 1, first + int(np.argmax(course)), first + int(moving[-1]) + 1


def check_order(performances: Iterable[Performance]) -> Iterator[Performance]:
    """Hands performances on; InputError at the first that begins before its predecessor."""
    last = 0.0
    for performance in performances:
        if not isinstance(performance, Performance):
            raise InputError(
                f"scene: performances must be Performance objects, not {type(performance).__name__}"
            )
        if performance.onset_s < last:
            raise InputError(
                f"scene: the performance at {performance.onset_s:g} s comes after one at {last:g} s; sort them by onset"
            )
        last = performance.onset_s
        yield performance
