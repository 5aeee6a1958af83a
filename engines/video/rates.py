"""Frames a second: from the time stamps; what a file says of itself is compared with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import mean, median_low
from typing import Final

MOST_FPS: Final = 10_000
# Rounded time stamps are still the stated rate; a tenth away is another one.
_SAME, _OTHER = 0.01, 0.1
# A thousand and more a second are the ticks of a clock, which browsers write down as a rate.
_CLOCK_FPS: Final = 1000


@dataclass(frozen=True)
class Rate:
    """``fps`` frames a second, 0 where nothing says it; ``advice`` one line where sources contradict one another."""

    fps: float
    advice: str = ""


def measured(stamps_s: Sequence[float]) -> float:
    """Frames a second between time stamps in any order, pauses and lost frames aside; 0 where they do not say."""
    ordered = sorted(set(stamps_s))
    steps = [b - a for a, b in pairwise(ordered)]
    # Stamps that stand still for most frames are no times.
    if len(steps) < 2 or 2 * len(steps) < len(stamps_s):
        return 0.0
    usual = median_low(steps)
    fps = 1 / mean(step for step in steps if 0.6 * usual < step < 1.4 * usual)
    return fps if fps <= MOST_FPS else 0.0


def settled(stamps_s: Sequence[float], usual: Sequence[Fraction | None], claims: dict[str, float]) -> Rate:
    """The rate of a film: its time stamps', else the first of the ``usual`` ones that are stated.

    A usual rate that agrees with the stamps is taken in their stead, being exact. ``claims`` are rates stated
    elsewhere in the file, by who states them: one that the stamps contradict is said.
    """
    stated = [float(rate) for rate in usual if rate and 0 < rate <= MOST_FPS]
    fps = measured(stamps_s)
    if not fps:
        return Rate(stated[0] if stated else 0.0)
    fps = next((rate for rate in stated if abs(rate / fps - 1) < _SAME), fps)
    for who, claim in claims.items():
        if 0 < claim < _CLOCK_FPS and abs(claim / fps - 1) > _OTHER:
            return Rate(
                fps,
                f"{who} says {claim:.5g} fps, its time stamps {fps:.5g}, which are taken; "
                f"if it was filmed at {claim:.5g}: --fps {claim:.5g}",
            )
    return Rate(fps)
