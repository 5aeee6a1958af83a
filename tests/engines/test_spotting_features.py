"""What the learned spotter sees, whatever the camera: samples, rows, odds, chained motion."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from engines.spotting.detector import FUTURE, PAST, Detector, Odds, open_network
from engines.spotting.face_motion import FaceMotion
from engines.spotting.features import (
    COLUMNS,
    EYES,
    MOTION,
    POSE,
    RATE_HZ,
    SHAPE,
    FeatureRows,
    Grid,
    face_shape,
    mirrored,
)
from engines.spotting.regions import NAMES
from engines.spotting.spot import Sample

sys.path.insert(0, str(Path(__file__).parent))
import made_crops

R = len(NAMES)


def _sampled(times, signal):
    grid = Grid()
    samples = [sample for t in times for sample in grid.push(float(t), signal(t))]
    return np.array([at for at, _ in samples]), np.array([value for _, value in samples])


def _wave(t):
    return np.array([np.sin(2 * np.pi * 1.5 * t), t])


@pytest.mark.parametrize("fps", [24, 25, 26.4, 30, 60, 100, 200])
def test_samples_do_not_depend_on_the_camera_s_rate(fps):
    times, values = _sampled(np.arange(0.004, 3, 1 / fps), _wave)
    assert np.diff(times) == pytest.approx(1 / RATE_HZ)
    assert values[:, 1] == pytest.approx(times, abs=1e-9)
    assert values[:, 0] == pytest.approx(_wave(times)[0], abs=0.04)


def test_a_lost_frame_is_bridged():
    whole = np.arange(0, 3, 1 / 100)
    lost = np.delete(whole, [100, 101, 102])
    _, expected = _sampled(whole, _wave)
    _, values = _sampled(lost, _wave)
    assert values == pytest.approx(expected, abs=0.03)


def _rows(count, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (count, COLUMNS)).astype(np.float32)


def test_a_mirror_s_mirror_is_the_face():
    rows = _rows(5)
    assert np.array_equal(mirrored(mirrored(rows)), rows)
    seen = mirrored(rows)
    left, right = NAMES.index("mouth corner left"), NAMES.index("mouth corner right")
    motion, other = (each[:, MOTION].reshape(-1, R, 2) for each in (rows, seen))
    assert np.array_equal(other[:, left], motion[:, right] * np.float32([-1, 1]))
    assert np.array_equal(seen[:, EYES], rows[:, EYES][:, ::-1])
    assert np.array_equal(seen[:, SHAPE.start], rows[:, SHAPE.start + 1])
    # A roll to the left is one to the right in a mirror; an approach stays one.
    assert np.array_equal(seen[:, POSE.start + 3], -rows[:, POSE.start + 3])
    assert np.array_equal(seen[:, POSE.start + 2], rows[:, POSE.start + 2])


def test_noise_follows_what_rises_and_returns_and_not_a_drift():
    rng = np.random.default_rng(1)
    rows = FeatureRows()
    still = (np.zeros(6), np.ones(2), np.zeros(5), np.ones(R))
    for k in range(240):
        motion = rng.normal(0, 0.2, (R, 2)) * [1, 0] + [0, 0.05 * k]
        made = rows.push(k / 30, motion, *still)
    (_, row) = made[-1]
    noise = np.exp(row[-2 * R :]).reshape(R, 2)
    assert np.median(noise[:, 0]) == pytest.approx(0.2, rel=0.5)
    assert noise[:, 1].max() < 0.02


def test_the_shape_of_a_face_is_in_tens_of_pixels():
    landmarks = np.zeros((478, 3))
    landmarks[14, 1], landmarks[291, 0], landmarks[152, 1] = 6, 50, 70
    assert face_shape(landmarks, (0.3, 0.2)) == pytest.approx([np.log(0.3), np.log(0.2), 0.6, 5, 7])


ODDS = Odds(slope=1.0, offset=-1.0, alarms=((10.0, -1.0), (1.0, 1.0), (0.1, 3.0)))


def test_more_alarms_allowed_is_a_lower_threshold():
    assert ODDS.threshold(1.0) == pytest.approx(1.0)
    assert ODDS.threshold(0.1) == pytest.approx(3.0)
    assert ODDS.threshold(10**-0.5) == pytest.approx(2.0)
    # Beyond what was measured the line goes on.
    assert ODDS.threshold(0.01) == pytest.approx(5.0)
    assert ODDS.threshold(100.0) == pytest.approx(-3.0)
    assert ODDS.probability(1.0) == pytest.approx(0.5)
    assert ODDS.probability(4.0) > ODDS.probability(2.0)


def test_the_shipped_network_says_how_its_odds_are_read():
    odds = open_network().odds
    rates = [rate for rate, _ in odds.alarms]
    logits = [logit for _, logit in odds.alarms]
    assert rates == sorted(rates, reverse=True) and logits == sorted(logits)
    assert odds.slope > 0
    assert odds.threshold(0.1) > odds.threshold(1.0)


def test_a_face_that_does_nothing_has_no_apex_worth_telling():
    network = open_network()
    detector = Detector(network)
    row = np.zeros(COLUMNS, np.float32)
    row[-2 * R :] = np.log(0.02)
    found = [detector.push(k / RATE_HZ, row) for k in range(90)] + detector.flush()
    assert all(apex is None or apex.logit < network.odds.threshold(1.0) for apex in found)


class _Peak:
    """A network whose logit is a bump in time, read off the newest row's first column."""

    odds = ODDS

    def __call__(self, windows):
        answers = np.zeros((len(windows), 4), np.float32)
        answers[:, 0] = windows[:, PAST, 0]
        answers[:, 1:3] = 0.6
        return answers


def test_an_apex_is_told_once_where_the_odds_are_highest():
    detector = Detector(_Peak())
    found = []
    for k in range(120):
        row = np.zeros(COLUMNS, np.float32)
        row[0] = 5 * np.exp(-0.5 * ((k - 60) / 2) ** 2) - 3
        apex = detector.push(k / RATE_HZ, row)
        if apex is not None and apex.logit > 0:
            found.append((k, apex))
    ((when, apex),) = found
    assert apex.apex_s == pytest.approx(60 / RATE_HZ)
    assert apex.apex_s - apex.onset_s == pytest.approx(0.2, abs=1e-6)
    assert when - 60 == FUTURE + 2


def test_a_head_that_travels_over_many_references_and_crops_leaves_no_motion():
    texture, marks, face = made_crops.texture(margin=40), made_crops.landmarks(), FaceMotion(0.05, 3.0)
    references = set()
    for k in range(60):
        gone = np.array([0.5 * k, -0.3 * k])
        # The crop follows in steps, as the stabiliser's does.
        step = 4 * (k // 8)
        place = np.array([0.5 * step, -0.3 * step])
        shift = gone - place
        crop = ndimage.shift(texture, (shift[1], shift[0]), order=3, mode="nearest")[40:-40, 40:-40]
        matrix = np.array([[1, 0, place[0]], [0, 1, place[1]]])
        here = marks.copy()
        here[:, :2] += shift
        crop = np.clip(crop.round(), 0, 255).astype(np.uint8)
        seen = face.push(Sample(k, k / 30, crop, here, epoch=k // 8, matrix=matrix))
        references.add(seen.reference)
    assert len(references) > 5
    # Thirty pixels of way, chained: what is left is the noise of the chain.
    assert np.median(np.abs(seen.motion)) < 0.25 and np.abs(seen.motion).max() < 1.5
    assert seen.pose[:2] == pytest.approx(gone, abs=0.5)


def test_another_face_begins_anew():
    marks, face = made_crops.landmarks(), FaceMotion(0.05, 3.0)
    crops = [
        np.clip(made_crops.texture(s, 40)[40:-40, 40:-40].round(), 0, 255).astype(np.uint8) for s in (0, 1)
    ]
    assert face.push(Sample(0, 0.0, crops[0], marks)) is not None
    assert face.push(Sample(1, 0.03, crops[0], marks)) is not None
    assert face.push(Sample(2, 0.06, crops[1], marks)) is None
    assert face.push(Sample(3, 0.09, crops[1], marks)) is not None
