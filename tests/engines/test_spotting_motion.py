"""Region motion, head motion, and the literature's apex rules on made crops."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from engines.spotting.differences import dcrois_apex, divide_and_conquer, interframe_apex
from engines.spotting.head import HeadMotion
from engines.spotting.motion import RegionMotion
from engines.spotting.regions import NAMES

sys.path.insert(0, str(Path(__file__).parent))
import made_crops


def _shifted(texture, dx, dy, gain=1.0, offset=0.0):
    # A spline shifts to any fraction of a pixel; OpenCV's own warps round to 1/32.
    out = ndimage.shift(texture, (dy, dx), order=3, mode="nearest")[20:-20, 20:-20]
    return np.clip(out * gain + offset, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize(("dx", "dy"), [(0.0, 0.0), (0.2, -0.1), (1.0, 0.7), (-2.5, 1.5)])
def test_every_region_follows_a_known_shift(dx, dy):
    texture = made_crops.texture()
    motion = RegionMotion()
    motion.refer(_shifted(texture, 0, 0), made_crops.landmarks())
    found = motion.measure(_shifted(texture, dx, dy))
    assert found.shift == pytest.approx(np.tile([dx, dy], (len(NAMES), 1)), abs=0.04)
    assert found.match.min() > 0.99


def test_gain_and_offset_of_the_light_are_no_motion():
    texture = made_crops.texture()
    motion = RegionMotion()
    motion.refer(_shifted(texture, 0, 0, 0.8), made_crops.landmarks())
    found = motion.measure(_shifted(texture, 0, 0, 0.9, 12))
    assert np.abs(found.shift).max() < 0.03


def test_a_covered_face_is_a_bad_match():
    motion = RegionMotion()
    motion.refer(_shifted(made_crops.texture(0), 0, 0), made_crops.landmarks())
    found = motion.measure(_shifted(made_crops.texture(1), 0, 0))
    assert (found.match < 0.6).mean() > 0.6


def test_the_head_is_taken_away_and_the_expression_left():
    landmarks = made_crops.landmarks()
    motion = RegionMotion()
    motion.refer(_shifted(made_crops.texture(), 0, 0), landmarks)
    head = HeadMotion(settle_s=0.05)
    head.refer(motion.centres, motion.depths)
    noise, match = np.full((len(NAMES), 2), 0.02), np.ones(len(NAMES))
    centred = motion.centres - motion.centres.mean(axis=0)
    smiling = [i for i, name in enumerate(NAMES) if name.startswith("mouth corner")]
    for step in range(200):
        t = step / 200
        # Two pixels of sway, a degree of roll, one per cent of scale; then a smile of half a pixel.
        roll, grow = np.radians(1) * t, 0.01 * t
        rigid = np.array([2 * t, -1.5 * t]) + centred @ np.array([[grow, roll], [-roll, grow]])
        smile = np.zeros_like(rigid)
        smile[smiling] = (0.0, -0.5 * (t > 0.5))
        left, _ = head.remove(rigid + smile, match, noise, 0.005)
    assert left[smiling, 1] == pytest.approx(-0.5, abs=0.08)
    others = np.delete(left, smiling, axis=0)
    # What is left is the lag of the low pass: a twentieth of a second of the head's turning.
    assert np.abs(others).max() < 0.15


def test_interframe_apex_is_the_frame_that_differs_most():
    base = made_crops.texture()
    amplitude = [0, 0.3, 0.8, 1.6, 1.1, 0.4, 0.1]
    clip = [_shifted(base, a, 0) for a in amplitude]
    assert interframe_apex(clip) == 3


def test_divide_and_conquer_keeps_the_half_with_the_larger_peaks():
    curve = np.array([0, 0.1, 0, 0.2, 0, 0, 0.9, 0.5, 0, 0.1, 0])
    assert divide_and_conquer(curve) == 6
    assert divide_and_conquer(np.array([0.0, 0.1, 0.2, 0.4])) == 3


def test_dcrois_apex_lies_in_the_movement():
    rng = np.random.default_rng(3)
    base = made_crops.texture(7)
    amplitude = np.concatenate([np.zeros(6), np.linspace(0, 3, 8), np.linspace(2.6, 0, 8), np.zeros(6)])
    clip = [
        np.clip(_shifted(base, 0, -a).astype(float) + rng.normal(0, 1, (170, 140)), 0, 255).astype(np.uint8)
        for a in amplitude
    ]
    assert 8 <= dcrois_apex(clip) <= 19
