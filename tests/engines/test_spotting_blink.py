"""Blinks from made eyes: openness and look over time."""

import numpy as np
import pytest

from engines.spotting.blink import BlinkTracker


def _course(t, spans, fall=0.08):
    """Openness of an eye that is shut within spans (begin, end), seconds."""
    level = 1.0
    for begin, end in spans:
        shut = min(np.clip((t - begin) / fall, 0, 1), np.clip((end - t) / fall, 0, 1))
        level = min(level, 1 - 0.9 * shut)
    return 0.3 * level


def _run(spans, fps, seconds=6.0, look=True):
    tracker, found = BlinkTracker(), []
    for k in range(round(seconds * fps)):
        t = k / fps
        opening = _course(t, spans)
        likeness = np.full(2, 1 - 1.3 * (1 - opening / 0.3) if look else 1.0)
        blink = tracker.push(k, t, likeness, (opening, opening))
        if blink is not None:
            found.append(tuple(moment.t_s for moment in blink))
    return found


@pytest.mark.parametrize("fps", [24, 25, 30, 60])
@pytest.mark.parametrize("look", [True, False])
def test_a_blink_is_one_at_any_rate_whether_the_windows_show_it_or_not(fps, look):
    ((onset, apex, offset),) = _run(((2.0, 2.28),), fps, look=look)
    assert onset == pytest.approx(2.0, abs=0.09)
    assert apex == pytest.approx(2.14, abs=0.08)
    assert offset == pytest.approx(2.28, abs=0.09)


def test_lids_that_fall_and_stay_down_make_two():
    down, up = _run(((2.0, 4.0),), 25)
    assert down[0] == pytest.approx(2.0, abs=0.09) and down[2] == pytest.approx(2.25, abs=0.1)
    assert up[0] > 3.6 and up[2] == pytest.approx(4.0, abs=0.09)


def test_eyes_held_shut_for_long_are_no_row_of_blinks():
    assert len(_run(((1.0, 3.0), (3.8, 5.4)), 30)) == 4


def test_a_glance_is_no_blink():
    tracker = BlinkTracker()
    for k in range(120):
        aside = 2.0 < k / 30 < 2.6
        look = np.full(2, 0.5 if aside else 1.0)
        assert tracker.push(k, k / 30, look, (0.3, 0.3)) is None
    assert tracker.disturbed_within(2.1, 2.5) and not tracker.shut_within(2.1, 2.5)
