"""The face tracker on a public-domain portrait: identity, choice of the largest, and every reason for not measuring."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from engines.face import FaceSettings, FaceStatus, FaceTracker
from engines.face.geometry import INNER_EYE_LEFT, INNER_EYE_RIGHT, INNER_EYES, crop, to_crop

PORTRAIT = cv2.cvtColor(astronaut()[0:250, 100:350], cv2.COLOR_RGB2BGR)


def _picture(*places):
    """A grey 640x480 picture with the portrait at (x, y, width)."""
    picture = np.full((480, 640, 3), 90, dtype=np.uint8)
    for x, y, width in places:
        face = cv2.resize(PORTRAIT, (width, width), interpolation=cv2.INTER_CUBIC)
        height = min(width, 480 - y)
        picture[y : y + height, x : x + width] = face[:height]
    return picture


def _follow(tracker, picture, seconds, start=0.0):
    for step in range(int(seconds / 0.02)):
        faces = tracker.step(picture, start + step * 0.02)
    return faces


@pytest.fixture
def tracker():
    made = FaceTracker(FaceSettings())
    yield made
    made.close()


def test_a_face_gets_an_identity_and_a_crop_with_the_eyes_in_place(tracker):
    picture = _picture((120, 0, 460))
    (face,) = _follow(tracker, picture, 0.5)
    assert face.status is FaceStatus.OK
    assert face.landmarks.shape == (478, 3)
    eyes = to_crop(face.matrix, face.landmarks[[INNER_EYE_LEFT, INNER_EYE_RIGHT], :2])
    assert eyes == pytest.approx(INNER_EYES, abs=1.0)
    assert crop(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), face.matrix).std() > 20


def test_landmarks_are_not_run_on_every_frame_and_the_transform_holds_between(tracker):
    picture = _picture((120, 0, 460))
    _follow(tracker, picture, 0.3)
    seen = [tracker.step(picture, 0.3 + step * 0.005)[0] for step in range(40)]
    fresh = [face for face in seen if face.fresh]
    assert 4 <= len({id(face) for face in fresh}) <= 8
    assert len({face.epoch for face in seen}) == 1


def test_no_face_is_a_state_with_a_reason(tracker):
    (face,) = _follow(tracker, _picture(), 0.5)
    assert face.status is FaceStatus.LOST
    assert face.id == -1
    assert "no face" in face.reason


def test_a_face_that_leaves_is_lost_and_one_that_comes_soon_is_the_same(tracker):
    picture = _picture((120, 0, 460))
    first = _follow(tracker, picture, 0.5)[0].id
    (gone,) = _follow(tracker, _picture(), 0.4, start=0.5)
    assert gone.status is FaceStatus.LOST
    (back,) = _follow(tracker, picture, 0.5, start=0.9)
    assert (back.status, back.id) == (FaceStatus.OK, first)
    (later,) = _follow(tracker, _picture(), 3.0, start=1.4)
    assert (later.status, later.id) == (FaceStatus.LOST, -1)
    (other,) = _follow(tracker, picture, 1.0, start=4.4)
    assert other.id == first + 1


def test_a_small_face_is_told_to_come_closer(tracker):
    (face,) = _follow(tracker, _picture((200, 100, 190)), 0.5)
    assert face.status is FaceStatus.SMALL
    assert "closer" in face.reason


def test_the_largest_face_is_followed_by_default(tracker):
    (face,) = _follow(tracker, _picture((0, 60, 230), (250, 0, 390)), 0.5)
    assert face.box[0] > 250


def test_more_faces_have_identities_of_their_own():
    tracker = FaceTracker(FaceSettings(max=2, min_width_px=60))
    faces = _follow(tracker, _picture((0, 60, 280), (300, 0, 340)), 1.0)
    tracker.close()
    assert len(faces) == 2
    assert len({face.id for face in faces}) == 2
    left, right = sorted(faces, key=lambda face: face.box[0])
    assert left.box[0] + left.box[2] < 300 < right.box[0] + right.box[2]


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"faces\.max"):
        FaceSettings(max=0)
    with pytest.raises(ValueError, match=r"faces\.drift_px"):
        FaceSettings(drift_px=0)


def test_the_models_load_without_a_word_where_there_is_no_home():
    nobody = {"HOME": "/proc/nobody", "PYTHONPATH": str(Path(__file__).parents[2])}
    kept = {
        name: value for name, value in os.environ.items() if name not in ("MPLCONFIGDIR", "XDG_CONFIG_HOME")
    }
    script = "from engines.face.mesh import Mesh; Mesh().close()"
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, env={**kept, **nobody}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
