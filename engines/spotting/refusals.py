"""Why a movement that was noticed is no micro-expression, in words: what people do all day, each by its name."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.spotting.regions import JAW, NAMES, NEAR_EYE

# Columns of `features.face_shape`, tens of crop pixels.
_GAP, _WIDTH, _JAW = 2, 3, 4
# The mouth speaks where its gap or width goes to and fro by this much, so often within a second.
_SPOKEN: Final = 0.15
_TURNS: Final = 2
# The head was the cause where it went farther than this (crop pixels), and this many times farther than the face.
_HEAD_PX, _HEAD_FACTOR = 3.0, 2.0
_MOVED: Final = 0.6
_LAUGHING_WIDTH: Final = 0.25
_STAYED: Final = 0.6


@dataclass(frozen=True)
class Evidence:
    """What is known of the moments around a bump.

    ``motion`` (R, 2) crop pixels and ``ratios`` (R,) in parts of the threshold; ``head_px`` how far the head went;
    ``shapes`` (N, 5) of mouth and eyes, a frame each; ``after`` how far the face is from where it was before.
    """

    motion: NDArray[np.float64]
    ratios: NDArray[np.float64]
    head_px: float
    shapes: NDArray[np.float64]
    blinked: bool
    eyes_shut: bool
    eyes_moved: bool
    after: float
    switched: bool


def why_not(seen: Evidence) -> str:
    """The likeliest of the reasons that a movement was none of interest."""
    size = np.hypot(seen.motion[:, 0], seen.motion[:, 1])
    moving = seen.ratios > _MOVED
    eyes_alone = not (moving & ~NEAR_EYE).any()
    lips = turns(seen.shapes[:, _GAP], _SPOKEN) + turns(seen.shapes[:, _WIDTH], _SPOKEN)
    jaw = turns(seen.shapes[:, _JAW], _SPOKEN)
    low = [name in ("mouth corner left", "mouth corner right", "upper lip") for name in NAMES]
    mouth = bool((moving & (JAW | np.array(low))).any())
    if seen.switched:
        return "the light was switched"
    if seen.blinked and eyes_alone:
        return "a blink"
    if seen.eyes_shut and eyes_alone:
        return "a long blink"
    if seen.eyes_moved and eyes_alone:
        return "a glance"
    if seen.head_px > max(_HEAD_PX, _HEAD_FACTOR * float(size.max())):
        return "the head moved"
    if mouth and lips >= _TURNS:
        wide = len(seen.shapes) > 0 and float(np.ptp(seen.shapes[:, _WIDTH])) > _LAUGHING_WIDTH
        return "laughter" if wide and lips >= 2 * _TURNS else "speech"
    if mouth and jaw >= _TURNS:
        return "chewing"
    if moving.any() and not (moving & ~JAW).any():
        return "a swallow, or the jaw alone"
    if seen.after > _STAYED * float(size.max()):
        return "rose and did not return"
    if seen.head_px > _HEAD_PX:
        return "the head moved"
    if seen.blinked:
        return "a blink"
    return "not like an expression"


class NewlyRefused:
    """What was refused since the last look, of each face: `View.refused` only ever grows."""

    def __init__(self) -> None:
        self._before: dict[int, Counter[str]] = {}

    def of(self, face: int, refused: Mapping[str, int]) -> Counter[str]:
        """Reasons that came new to a face's counts, how often each."""
        now = Counter(refused)
        new = now - self._before.get(face, Counter())
        self._before[face] = now
        return new


def turns(values: NDArray[np.float64], least: float) -> int:
    """How often a course (N,) turns back by at least ``least``."""
    count, way = 0, 0
    low = high = values[0] if len(values) else 0.0
    for value in values:
        low, high = min(low, value), max(high, value)
        if way >= 0 and value < high - least:
            count, way, low, high = count + (way > 0), -1, value, value
        elif way <= 0 and value > low + least:
            count, way, low, high = count + (way < 0), 1, value, value
    return count
