"""Micro-expressions implanted in frames: how far skin really moves, and that nothing else does."""

import cv2
import numpy as np
import pytest

from engines.synthesis import Identity, Performance, Renderer, Scene
from engines.synthesis.implant import amplitude, displacement, frames_at, implanted, runs, smoothed
from engines.synthesis.performance import frames_of


def portrait(face_px):
    """A frame of a rendered face that wide, and its landmarks."""
    renderer = Renderer(
        Scene(
            identity=Identity(face_px=face_px),
            width=720,
            height=720,
            performances=[],
            sway_px=0.0,
            sway_deg=0.0,
            yaw_px=0.0,
            breathing=0.0,
        )
    )
    return renderer.frame(0), renderer.face.landmarks[:, :2].astype(np.float32)


def turned(frame, marks, degrees):
    matrix = cv2.getRotationMatrix2D(tuple(map(float, marks.mean(0))), degrees, 1.0)
    rotated = cv2.warpAffine(frame, matrix, frame.shape[1::-1], flags=cv2.INTER_CUBIC)
    return rotated, (marks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32), matrix[:, :2]


def smile(size, asymmetry=0.0):
    return Performance("micro", "positive", (12,), 0.0, 0.2, 0.4, amplitude_px=size, asymmetry=asymmetry)


def measured(before, after, points):
    """How far the skin at some points (N, 2) moved, by Lucas-Kanade."""
    grey = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (before, after)]
    start = np.float32(points)[:, None]
    end, status, _ = cv2.calcOpticalFlowPyrLK(*grey, start, None, winSize=(15, 15), maxLevel=1)
    assert status.all()
    return (end - start)[:, 0]


@pytest.mark.parametrize("face_px", [140, 280])
@pytest.mark.parametrize("size", [1.0, 2.6])
def test_skin_moves_as_far_as_asked_in_parts_of_the_face(face_px, size):
    frame, marks = portrait(face_px)
    corners = marks[[61, 291]]
    moved = measured(frame, implanted(frame, marks, [(smile(size), 1.0)]), corners)
    wide = np.linalg.norm(marks[454] - marks[234])
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32)
    field = displacement(smile(size), marks, x, y)
    assert np.linalg.norm(field, axis=-1).max() == pytest.approx(size * wide / 200, rel=1e-3)
    asked = np.array([field[round(v), round(u)] for u, v in corners])
    # The corner of the mouth is all but the strongest point.
    assert np.linalg.norm(asked, axis=1) == pytest.approx(size * wide / 200, rel=0.15)
    assert moved == pytest.approx(asked, abs=0.15 * size * wide / 200)
    assert moved[0, 0] < 0 < moved[1, 0] and (moved[:, 1] < 0).all()


def test_the_movement_turns_with_the_face():
    frame, marks = portrait(240)
    straight = measured(frame, implanted(frame, marks, [(smile(2.6), 1.0)]), marks[[61, 291]])
    rotated, at, matrix = turned(frame, marks, 25)
    moved = measured(rotated, implanted(rotated, at, [(smile(2.6), 1.0)]), at[[61, 291]])
    assert moved == pytest.approx(straight @ matrix.T, abs=0.35)


def test_half_way_moves_half_as_far_and_one_side_more_than_the_other():
    frame, marks = portrait(280)
    points = marks[[61, 291]]
    whole = measured(frame, implanted(frame, marks, [(smile(2.0), 1.0)]), points)
    half = measured(frame, implanted(frame, marks, [(smile(2.0), 0.5)]), points)
    assert half == pytest.approx(0.5 * whole, abs=0.25)
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32)
    uneven = np.linalg.norm(displacement(smile(2.0, asymmetry=0.3), marks, x, y), axis=-1)
    (lx, ly), (rx, ry) = np.round(points).astype(int)
    assert uneven[ly, lx] / uneven[ry, rx] == pytest.approx(1.3 / 0.7, rel=0.1)


def test_only_the_face_moves_and_rest_leaves_the_frame_as_it_is():
    frame, marks = portrait(200)
    assert implanted(frame, marks, []) is frame
    assert implanted(frame, marks, [(smile(2.0), 0.0)]) is frame
    assert implanted(frame, np.full_like(marks, np.nan), [(smile(2.0), 1.0)]) is frame
    kept = frame.copy()
    moved = implanted(frame, marks, [(smile(2.0), 1.0)])
    assert (frame == kept).all()
    low, high = marks.min(0) - 60, marks.max(0) + 60
    outside = np.ones(frame.shape[:2], bool)
    outside[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])] = False
    assert (moved[outside] == frame[outside]).all() and (moved != frame).any()


def test_a_face_at_the_edge_of_the_picture_is_moved_there():
    frame, marks = portrait(200)
    low = int(marks[:, 0].min()) + 5
    cut, at = np.ascontiguousarray(frame[:, low:]), marks - np.float32([low, 0])
    assert implanted(cut, at, [(smile(2.0), 1.0)]).shape == cut.shape
    assert implanted(cut, at + np.float32([5000, 0]), [(smile(2.0), 1.0)]) is cut


@pytest.mark.parametrize("course", ["minimum-jerk", "raised-cosine"])
def test_frames_follow_the_times_of_the_video(course):
    one = Performance("micro", "positive", (12,), 1.0, 1.2, 1.45)
    steady = np.arange(100) / 30
    onset, apex, offset = frames_at(one, steady, course)
    heights = [amplitude(one, t, course) for t in steady]
    assert max(heights[: onset + 1]) <= 0.02 < heights[onset + 1]
    assert apex == np.argmax(heights) and max(heights[offset:]) <= 0.02 < heights[offset - 1]
    if course == "minimum-jerk":
        assert (onset, apex, offset) == frames_of(one, 30.0)
    # Every second frame lost: half the numbers, the same moments.
    assert frames_at(one, steady[::2], course)[1] == pytest.approx(apex / 2, abs=1)
    assert frames_at(one, steady[: apex + 1], course) is None
    assert frames_at(one, steady + 10, course) is None


def test_the_raised_cosine_is_one_at_the_apex_and_half_half_way():
    one = Performance("micro", "positive", (12,), 1.0, 1.2, 1.6, hold_s=0.1)
    values = {t: amplitude(one, t, "raised-cosine") for t in (0.9, 1.0, 1.1, 1.2, 1.25, 1.3, 1.45, 1.6, 2.0)}
    assert list(values.values()) == pytest.approx([0, 0, 0.5, 1, 1, 1, 0.5, 0, 0], abs=1e-9)


def test_smoothing_takes_jitter_away_and_never_reaches_across_a_cut_or_a_lost_face():
    rng = np.random.default_rng(0)
    _, marks = portrait(200)
    times = np.cumsum(rng.uniform(0.02, 0.05, 120))
    drift = np.float32(30 * times)[:, None, None] * np.float32([1, 0])
    true = marks[None] + drift
    true[60:] += np.float32([200, 0])
    seen = (true + rng.normal(0, 0.5, true.shape)).astype(np.float32)
    seen[30:34] = np.nan
    assert runs(seen, times) == [(0, 29), (34, 59), (60, 119)]
    calm = smoothed(seen, times)
    assert np.isnan(calm[30:34]).all()
    known = np.isfinite(seen[:, 0, 0])
    inner = known.copy()
    inner[[*range(4), *range(26, 38), *range(56, 64), *range(116, 120)]] = False
    assert np.abs(calm - true)[inner].mean() < 0.5 * np.abs(seen - true)[inner].mean()
    assert np.abs(calm - true)[known].max() < 3
