"""The apex of clips cut out at their onset, by regional displacement."""

import cv2
import numpy as np
import pytest

from engines.face import FaceTracker
from engines.face.geometry import crop
from engines.spotting.apex import APEX_RULES, apex, displacements
from engines.spotting.regions import NAMES
from engines.synthesis import Identity, Performance, Renderer, Scene

SWAY = {"sway_px": 4.0, "sway_deg": 0.8, "yaw_px": 1.0, "noise": 2.0}


def cut(seed, fps, label, aus, rise, length_s=0.4, amplitude_px=1.6, **scene):
    """A clip from onset to offset under the onset's transform, and its apex's position."""
    move = Performance(
        "micro", label, aus, 1.0, 1.0 + rise * length_s, 1.0 + length_s, amplitude_px=amplitude_px
    )
    renderer = Renderer(
        Scene(identity=Identity.from_seed(seed), fps=fps, seed=seed, performances=[move], **(SWAY | scene))
    )
    (truth,) = renderer.truth(int(2 * fps))
    tracker = FaceTracker()
    (face,) = tracker.step(renderer.frame(truth.onset), 0.0)
    tracker.close()
    grey = [cv2.cvtColor(renderer.frame(i), cv2.COLOR_BGR2GRAY) for i in range(truth.onset, truth.offset + 1)]
    return [crop(image, face.matrix) for image in grey], truth.apex - truth.onset


@pytest.mark.parametrize(
    ("seed", "label", "aus"), [(31, "positive", (6, 12)), (32, "surprise", (1, 2)), (33, "negative", (4, 7))]
)
@pytest.mark.parametrize("rise", [0.25, 0.7])
def test_the_apex_is_found_early_or_late_in_a_swaying_head(seed, label, aus, rise):
    crops, true = cut(seed, 100.0, label, aus, rise)
    assert abs(apex(crops) - true) <= 3


def test_it_is_nearer_than_the_features_that_compare_frames_as_they_are():
    clips = [cut(seed, 100.0, "negative", (15,), 0.6, amplitude_px=1.2) for seed in (34, 35, 36)]
    error = {
        name: np.mean([abs(rule(crops) - true) for crops, true in clips]) for name, rule in APEX_RULES.items()
    }
    assert error["motion"] <= 2
    assert error["motion"] < min(error["interframe"], error["dcrois"], error["middle"])


def test_a_slow_camera_leaves_few_frames_and_they_are_enough():
    crops, true = cut(37, 25.0, "surprise", (1, 2, 5), 0.4)
    assert len(crops) <= 13
    assert abs(apex(crops) - true) <= 1


def test_a_clip_too_short_to_choose_from_has_its_middle():
    blank = np.full((170, 140), 100, np.uint8)
    assert [apex([blank] * count) for count in (1, 2)] == [0, 1]
    assert 0 <= apex([blank] * 6) < 6


def test_the_head_s_motion_is_no_displacement():
    crops, _ = cut(38, 100.0, "positive", (12,), 0.5, amplitude_px=0.01, sway_px=10.0, noise=0.0)
    assert len(NAMES) == displacements(crops).shape[1]
    moved = np.abs(np.median(displacements(crops)[-1], axis=0)).max()
    assert moved < 0.15
