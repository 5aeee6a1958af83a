"""Movements of seconds on made landmarks: expressions are told, what people do all day is refused by its name."""

import time

import numpy as np
import pytest

from engines.spotting.held import Held, HoldTracker
from engines.spotting.regions import NAMES, REGIONS
from engines.spotting.still_head import StillHead

RATE = 30.0
MIDDLE = np.array([70.0, 85.0, 0.0])
SMILE = {"mouth corner left": (-4.0, -4.0), "mouth corner right": (4.0, -4.0), "cheek left": (0.0, -2.5)}
BROWS = {name: (0.0, -4.0) for name in NAMES if name.startswith("brow")}


def _face():
    """478 points on a bulging face, with eyes that are open and a mouth that is shut."""
    rng = np.random.default_rng(3)
    across, down = rng.uniform(-55, 55, 478), rng.uniform(-75, 75, 478)
    points = np.stack([across, down, (across**2 + down**2) / 120 - 30], axis=1) + MIDDLE
    for upper, lower, iris, corners in ((159, 145, 468, (33, 133)), (386, 374, 473, (362, 263))):
        eye = points[list(corners)].mean(axis=0)
        points[iris], points[upper], points[lower] = eye, eye - [0, 4, 0], eye - [0, -4, 0]
    points[14] = points[13] + [0, 1, 0]
    return points


def _moved(landmarks, regions, share):
    for region in REGIONS:
        if region.name in regions:
            landmarks[list(region.landmarks), :2] += share * np.array(regions[region.name])
    return landmarks


def _turned(landmarks, yaw, pitch):
    a, b = np.radians([yaw, pitch])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return (landmarks - MIDDLE) @ (about_x @ about_y).T + MIDDLE


def _course(t, onset_s, hold_s, edge_s=0.3):
    """0 before the onset, up, 1 for ``hold_s``, and down again."""
    up, down = (t - onset_s) / edge_s, (onset_s + 2 * edge_s + hold_s - t) / edge_s
    u = np.clip(min(up, down), 0, 1)
    return u**3 * (10 + u * (6 * u - 15))


def _watch(seconds, change, tracker=None, start_s=0.0):
    """What the tracker says of a face that ``change(landmarks, t)`` moves, under jitter: (told, refused)."""
    tracker = tracker or HoldTracker(0.5, 5.0)
    rng = np.random.default_rng(7)
    found = []
    for k in range(int(seconds * RATE)):
        t = k / RATE
        landmarks = change(_face(), t) + rng.normal(0, 0.15, (478, 3))
        found.append(tracker.push(k, start_s + t, landmarks))
    return [one for one in found if isinstance(one, Held)], [one for one in found if isinstance(one, str)]


@pytest.mark.parametrize("regions", [SMILE, BROWS], ids=["a smile", "raised brows"])
def test_an_expression_is_told_with_its_interval_while_the_head_turns(regions):
    def change(face, t):
        moved = _moved(face, regions, _course(t, 4.0, 0.5))
        return _turned(moved, 6 * np.sin(t), 4 * np.sin(0.7 * t))

    (held,), refused = _watch(8, change)
    assert refused == []
    assert held.onset.t_s == pytest.approx(4.0, abs=0.15)
    assert held.offset.t_s == pytest.approx(5.1, abs=0.15)
    assert 4.2 < held.apex.t_s < 4.9
    assert held.onset.t_s == pytest.approx(held.onset.index / RATE)
    size = np.hypot(*held.displacement.T)
    assert {NAMES[i] for i in np.argsort(-size)[:2]} <= set(regions)
    assert size.max() == pytest.approx(
        np.hypot(*max(regions.values(), key=lambda to: np.hypot(*to))), rel=0.2
    )


def test_a_turning_head_alone_moves_no_region():
    head = StillHead()
    first = head.place(_face())
    turned = head.place(_turned(1.2 * _face(), 20, -10) - [5, 3, 0])
    assert turned.regions == pytest.approx(first.regions, abs=1e-9)
    assert turned.mouth == pytest.approx(first.mouth)
    assert np.hypot(*turned.turn) == pytest.approx(np.hypot(20, 10), abs=2)


def test_syllables_are_no_expression():
    def change(face, t):
        syllable = 6 * np.sin(np.pi * 3.5 * t) ** 2 * _course(t, 4.0, 1.6)
        face[14, 1] += syllable
        return _moved(face, {"lower lip": (0, 1), "chin": (0, 1), "upper lip": (0, -0.3)}, syllable)

    told, _ = _watch(8, change)
    assert told == []


def test_speech_that_leaves_the_mouth_open_is_refused_as_such():
    def change(face, t):
        syllable = (5 + 3 * np.sin(2 * np.pi * 2.5 * t)) * _course(t, 4.0, 2.4)
        face[14, 1] += syllable
        return _moved(face, {"lower lip": (0, 1), "chin": (0, 1)}, syllable)

    told, refused = _watch(9, change)
    assert told == []
    assert refused == ["speech"]


def test_a_long_blink_that_pulls_the_brows_is_refused_as_such():
    def change(face, t):
        shut = _course(t, 4.0, 0.8, edge_s=0.15)
        face[[159, 386], 1] += 7 * shut
        return _moved(face, dict.fromkeys(BROWS, (0, 3)), shut)

    told, refused = _watch(8, change)
    assert told == []
    assert refused == ["eyes closed"]


def test_a_long_glance_that_pulls_the_brows_is_refused_as_such():
    def change(face, t):
        aside = _course(t, 4.0, 0.8, edge_s=0.1)
        face[[468, 473], 0] += 3 * aside
        return _moved(face, dict.fromkeys(BROWS, (0, 2.5)), aside)

    told, refused = _watch(8, change)
    assert told == []
    assert refused == ["a glance"]


def test_a_head_that_turned_far_hides_what_the_face_did():
    def change(face, t):
        turn = _course(t, 4.0, 0.8)
        return _turned(_moved(face, SMILE, turn), 30 * turn, 0)

    told, refused = _watch(8, change)
    assert told == []
    assert refused == ["the head moved"]


def test_what_stays_is_a_new_rest_and_expressions_are_told_from_there():
    def change(face, t):
        stays = _course(t, 4.0, 100.0)
        return _moved(_moved(face, SMILE, stays), BROWS, _course(t, 12.0, 0.5))

    (held,), refused = _watch(16, change)
    assert refused == ["a new rest"]
    assert held.onset.t_s == pytest.approx(12.0, abs=0.15)


def test_a_smile_that_leaves_a_little_behind_is_told_once():
    def change(face, t):
        return _moved(face, SMILE, max(_course(t, 4.0, 0.6), 0.2 * (t > 5.0)))

    (held,), refused = _watch(20, change)
    assert refused == []
    assert held.offset.t_s == pytest.approx(5.1, abs=0.4)


def test_what_is_over_within_the_time_of_a_micro_expression_is_none():
    told, _ = _watch(8, lambda face, t: _moved(face, SMILE, _course(t, 4.0, 0.02, edge_s=0.2)))
    assert told == []


def test_a_movement_under_way_says_since_when_and_clearing_forgets_it():
    tracker = HoldTracker(0.5, 5.0)
    told, _ = _watch(4.9, lambda face, t: _moved(face, SMILE, _course(t, 4.0, 2.0)), tracker)
    assert told == []
    assert tracker.since_s == pytest.approx(4.0, abs=0.15)
    tracker.clear()
    assert tracker.since_s is None
    # The smile is all there is to know of the face now: its rest.
    assert _watch(3.0, lambda face, t: _moved(face, SMILE, 1.0), tracker, start_s=9.0) == ([], [])


def test_a_push_takes_no_longer_after_a_minute():
    tracker = HoldTracker(0.5, 5.0)

    def seconds():
        faces = [_face() for _ in range(900)]
        begun = time.process_time()
        for face in faces:
            tracker.push(seconds.at, seconds.at / RATE, face)
            seconds.at += 1
        return time.process_time() - begun

    seconds.at = 0
    _, first, second = seconds(), seconds(), seconds()
    assert second < 2 * first
