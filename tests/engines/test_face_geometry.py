import numpy as np
import pytest

from engines.face.geometry import (
    CHEEKBONE_LEFT,
    CHEEKBONE_RIGHT,
    CHIN,
    CROP_HEIGHT,
    CROP_WIDTH,
    FOREHEAD,
    INNER_EYES,
    crop,
    head_angles,
    matrix_from_pose,
    pose_from_matrix,
    similarity_from_eyes,
    spread,
    to_crop,
    to_frame,
)


def test_inner_eye_corners_land_where_the_benchmark_has_them():
    left, right = np.array([250.0, 210.0]), np.array([312.0, 195.0])
    placed = to_crop(similarity_from_eyes(left, right), np.array([left, right]))
    assert placed == pytest.approx(np.array([[0.338 * 140, 0.285 * 170], [0.650 * 140, 0.285 * 170]]))


def test_coinciding_eye_corners_are_refused():
    with pytest.raises(ValueError, match="coincide"):
        similarity_from_eyes(np.array([3.0, 4.0]), np.array([3.0, 4.0]))


def test_pose_and_matrix_are_inverse():
    pose = np.array([320.0, 240.0, np.log(1.4), 0.3])
    assert pose_from_matrix(matrix_from_pose(pose)) == pytest.approx(pose)


def test_crop_and_frame_coordinates_are_inverse():
    matrix = matrix_from_pose(np.array([300.0, 220.0, 0.2, -0.1]))
    points = np.array([[0.0, 0.0], [139.0, 169.0], [47.3, 48.4]])
    assert to_crop(matrix, to_frame(matrix, points)) == pytest.approx(points)


@pytest.mark.parametrize("scale", [0.8, 1.3, 2.6])
def test_crop_shows_the_frame_at_the_places_the_similarity_says(scale):
    # A smooth picture whose value is known everywhere: sampling it through the crop must give that value.
    rows, columns = np.mgrid[0:600, 0:700].astype(np.float64)
    grey = np.clip(128 + 60 * np.sin(columns / 40) + 50 * np.cos(rows / 55), 0, 255)
    matrix = matrix_from_pose(np.array([350.0, 200.0, np.log(scale), 0.12]))
    part = grey[20:590, 10:690].round().astype(np.uint8)
    cropped = crop(part, matrix, origin=(10, 20))
    assert cropped.shape == (CROP_HEIGHT, CROP_WIDTH)
    y, x = np.mgrid[0:CROP_HEIGHT, 0:CROP_WIDTH]
    where = to_frame(matrix, np.column_stack([x.ravel(), y.ravel()]).astype(np.float64))
    truth = 128 + 60 * np.sin(where[:, 0] / 40) + 50 * np.cos(where[:, 1] / 55)
    inside = (where[:, 0] > 15) & (where[:, 0] < 685) & (where[:, 1] > 25) & (where[:, 1] < 585)
    assert np.abs(cropped.ravel() - truth)[inside].mean() < 1.0


def test_spread_is_the_largest_displacement_in_crop_pixels():
    still = matrix_from_pose(np.array([300.0, 200.0, 0.0, 0.0]))
    moved = matrix_from_pose(np.array([303.0, 204.0, 0.0, 0.0]))
    assert spread(still, moved) == pytest.approx(5.0)
    assert spread(still, still) == pytest.approx(0.0)


def test_head_angles_of_a_turned_face():
    landmarks = np.zeros((478, 3), dtype=np.float32)
    turn = np.radians(25)
    landmarks[CHEEKBONE_RIGHT] = 100 * np.array([np.cos(turn), 0, np.sin(turn)])
    landmarks[CHEEKBONE_LEFT] = -landmarks[CHEEKBONE_RIGHT]
    landmarks[CHIN], landmarks[FOREHEAD] = (0, 90, 0), (0, -90, 0)
    yaw, pitch = head_angles(landmarks)
    assert yaw == pytest.approx(25, abs=0.1)
    assert pitch == pytest.approx(0, abs=0.1)


def test_the_eyes_are_level_and_symmetric_in_the_crop_geometry():
    assert INNER_EYES[0, 1] == INNER_EYES[1, 1]
