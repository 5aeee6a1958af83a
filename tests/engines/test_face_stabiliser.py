import numpy as np
import pytest

from engines.face.geometry import INNER_EYE_LEFT, INNER_EYE_RIGHT, spread
from engines.face.stabiliser import Stabiliser


def _landmarks(x, y, distance=60.0):
    landmarks = np.zeros((478, 3), dtype=np.float32)
    landmarks[INNER_EYE_LEFT, :2] = (x - distance / 2, y)
    landmarks[INNER_EYE_RIGHT, :2] = (x + distance / 2, y)
    return landmarks


def test_landmark_jitter_never_moves_the_crop():
    rng = np.random.default_rng(1)
    stabiliser = Stabiliser(drift_px=3.0, filter_s=0.25)
    first = stabiliser.update(0.0, _landmarks(300, 200))
    for step in range(1, 300):
        jitter = rng.normal(0, 0.15, 2)
        matrix = stabiliser.update(step * 0.033, _landmarks(300 + jitter[0], 200 + jitter[1]))
        assert matrix is first
    assert stabiliser.epoch == 0


def test_slow_head_motion_is_followed_within_the_drift_allowed():
    stabiliser = Stabiliser(drift_px=3.0, filter_s=0.25)
    for step in range(300):
        t_s = step * 0.033
        truth = _landmarks(300 + 6 * t_s, 200)
        matrix = stabiliser.update(t_s, truth)
    still = Stabiliser(3.0, 0.25).update(0.0, truth)
    assert stabiliser.epoch >= 5
    assert spread(matrix, still) < 3.0 + 6 * 0.3


def test_a_jump_is_taken_at_once():
    stabiliser = Stabiliser(drift_px=3.0, filter_s=0.25)
    stabiliser.update(0.0, _landmarks(300, 200))
    matrix = stabiliser.update(0.033, _landmarks(380, 230))
    exact = Stabiliser(3.0, 0.25).update(0.0, _landmarks(380, 230))
    assert spread(matrix, exact) == pytest.approx(0, abs=1e-6)
    assert stabiliser.epoch == 1
