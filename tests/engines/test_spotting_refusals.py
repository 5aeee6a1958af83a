"""What people do all day has a name of its own."""

from dataclasses import replace

import numpy as np
import pytest

from engines.spotting.refusals import Evidence, turns, why_not
from engines.spotting.regions import NAMES

STILL = np.tile([0.0, 0.0, 0.1, 5.0, 7.0], (20, 1))


def _moving(*names, px=1.0):
    motion = np.zeros((len(NAMES), 2))
    ratios = np.zeros(len(NAMES))
    for i, name in enumerate(NAMES):
        if any(name.startswith(wanted) for wanted in names):
            motion[i], ratios[i] = (0.0, px), 2.0
    return motion, ratios


def _seen(*names, **more):
    motion, ratios = _moving(*names)
    plain = Evidence(motion, ratios, 0.0, STILL, False, False, False, 0.0, False)
    return replace(plain, **more)


def _swinging(column, size, periods):
    shapes = STILL.copy()
    shapes[:, column] += size * np.sin(np.linspace(0, 2 * np.pi * periods, len(shapes)))
    return shapes


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (_seen("brow"), "not like an expression"),
        (_seen("brow", blinked=True, eyes_shut=True, eyes_moved=True), "a blink"),
        (_seen("brow", eyes_shut=True, eyes_moved=True), "a long blink"),
        (_seen("brow", eyes_moved=True), "a glance"),
        (_seen("brow", "cheek", "nose", head_px=12.0), "the head moved"),
        (_seen("mouth", "lower", "chin", shapes=_swinging(2, 0.3, 1.5)), "speech"),
        (_seen("mouth", "cheek", shapes=_swinging(3, 0.4, 3)), "laughter"),
        (_seen("chin", "lower", shapes=_swinging(4, 0.3, 2)), "chewing"),
        (_seen("chin"), "a swallow, or the jaw alone"),
        (_seen("brow", after=0.9), "rose and did not return"),
        (_seen("brow", switched=True), "the light was switched"),
    ],
)
def test_the_reason_is_the_likeliest(seen, reason):
    assert why_not(seen) == reason


def test_turns_count_ways_back_and_not_jitter():
    wave = np.sin(np.linspace(0, 4 * np.pi, 80))
    assert turns(wave, 0.3) == 4
    assert turns(0.05 * wave, 0.3) == 0
    assert turns(np.linspace(0, 3, 30), 0.3) == 0
    assert turns(np.zeros(0), 0.3) == 0
