"""Scripts, and everything a scene refuses."""

import itertools

import numpy as np
import pytest

from engines.errors import InputError
from engines.synthesis import Identity, Performance, Portrait, Scene, Script
from engines.synthesis.performance import AT_REST, frames_of
from engines.synthesis.portrait import astronaut, find_landmarks


def performance(**changes):
    values = {
        "kind": "micro",
        "label": "positive",
        "aus": (6, 12),
        "onset_s": 1.0,
        "apex_s": 1.1,
        "offset_s": 1.3,
    }
    return Performance(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "nano"}, "kind"),
        ({"label": "joy"}, "label"),
        ({"aus": (99,)}, "99"),
        ({"aus": ()}, "cannot be made of"),
        ({"aus": (45,)}, "cannot be made of"),
        ({"kind": "blink", "aus": (12,)}, "cannot be made of"),
        ({"kind": "gaze", "aus": (12,)}, "cannot be made of"),
        ({"apex_s": 0.9}, "onset_s < apex_s"),
        ({"offset_s": 1.05}, "offset_s"),
        ({"hold_s": 0.5}, "offset_s"),
        ({"onset_s": -1.0}, "onset_s"),
        ({"amplitude_px": 0.0}, "amplitude_px"),
        ({"amplitude_px": 50.0}, "amplitude_px"),
        ({"amplitude_px": float("nan")}, "finite"),
        ({"asymmetry": 1.0}, "asymmetry"),
        ({"closure": 0.0}, "closure"),
    ],
)
def test_impossible_performances_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        performance(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"fps": 0},
        {"fps": float("nan")},
        {"height": 10},
        {"width": 100000},
        {"seed": -1},
        {"sway_px": 100.0},
        {"sway_px": -1.0},
        {"sway_deg": 90.0},
        {"sway_hz": (0.0, 1.0)},
        {"noise": -1.0},
        {"noise": float("nan")},
        {"flicker": 2.0},
        {"flicker_hz": 0.0},
        {"exposure_drift": 1.0},
        {"exposure_steps": ((1.0, 0.0),)},
        {"light_drift": 1.0},
        {"jpeg": 0},
        {"jolts": ((1.0, 300.0, 0.0),)},
        {"performances": iter([])},
    ],
)
def test_impossible_scenes_are_refused(changes):
    with pytest.raises(InputError, match="scene"):
        Scene(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": -1},
        {"face_px": 20},
        {"face_px": float("nan")},
        {"centre": (2.0, 0.5)},
        {"smile": 2.0},
        {"tone": -9.0},
        {"jaw": float("nan")},
        {"beard": -0.1},
        {"roll_deg": 90.0},
        {"hair": (1, 2)},
        {"background": (1, 2, 300)},
        {"skin_texture": -1.0},
    ],
)
def test_impossible_identities_are_refused(changes):
    with pytest.raises(InputError, match="identity"):
        Identity(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": -1},
        {"pause_s": (0.1, 0.2)},
        {"micro_s": (0.2, 0.9)},
        {"amplitude_px": (2.0, 1.0)},
        {"labels": ()},
        {"labels": ("joy",)},
        {"macros": 2.0},
    ],
)
def test_impossible_scripts_are_refused(changes):
    with pytest.raises(InputError, match="script"):
        Script(**changes)


def test_impossible_portraits_are_refused():
    good = astronaut()
    for image, landmarks in (
        (good.image.astype(np.float32), good.landmarks),
        (good.image[..., 0], good.landmarks),
        (good.image, good.landmarks[:468]),
        (good.image, np.zeros_like(good.landmarks)),
        (good.image, np.full_like(good.landmarks, np.nan)),
    ):
        with pytest.raises(InputError, match="portrait"):
            Portrait(image=image, landmarks=landmarks)
    with pytest.raises(InputError, match="mask"):
        Portrait(image=good.image, landmarks=good.landmarks, person=np.zeros((3, 3), np.uint8))


def test_the_stored_landmarks_are_those_a_face_mesh_finds():
    pytest.importorskip("mediapipe")
    base = astronaut()
    found = find_landmarks(np.ascontiguousarray(base.image[:256, 96:352]))[:, :2] + (96, 0)
    assert np.median(np.hypot(*(found - base.landmarks[:, :2]).T)) < 1.5
    with pytest.raises(InputError, match="no face"):
        find_landmarks(np.zeros((128, 128, 3), np.uint8))


def test_the_course_rises_to_one_and_rests_before_and_after():
    act = performance(hold_s=0.05)
    assert act.amplitude(0.999) == 0
    assert act.amplitude(1.0) == 0
    assert act.amplitude(1.1) == 1
    assert act.amplitude(1.15) == 1
    assert act.amplitude(1.3) == 0
    course = np.array([act.amplitude(t) for t in np.linspace(0.9, 1.4, 501)])
    assert course.min() == 0
    assert course.max() == 1
    assert np.abs(np.diff(course)).max() < 0.03


@pytest.mark.parametrize("fps", [25, 60, 200, 1000])
def test_onset_is_the_last_frame_at_rest_and_offset_the_first(fps):
    act = performance(apex_s=1.2, offset_s=1.5)
    onset, apex, offset = frames_of(act, fps)
    assert act.amplitude(onset / fps) <= AT_REST < act.amplitude((onset + 1) / fps)
    assert act.amplitude(offset / fps) <= AT_REST < act.amplitude((offset - 1) / fps)
    assert apex / fps == pytest.approx(1.2, abs=0.5 / fps + 1e-9)


def test_what_falls_between_two_frames_is_not_seen():
    assert frames_of(performance(onset_s=1.01, apex_s=1.03, offset_s=1.05), 5) is None


@pytest.mark.parametrize("seed", range(4))
def test_scripts_keep_micro_expressions_apart(seed):
    acts = list(itertools.takewhile(lambda a: a.onset_s < 600, Script(seed=seed)))
    assert [a.onset_s for a in acts] == sorted(a.onset_s for a in acts)
    micros = [a for a in acts if a.kind == "micro"]
    assert 100 < len(micros) < 240
    touched = 0
    for one in micros:
        others = [a for a in acts if a is not one and a.onset_s < one.offset_s and one.onset_s < a.offset_s]
        assert all(a.kind == "blink" for a in others)
        touched += bool(others)
    assert touched < 0.2 * len(micros)
    assert len({(a.label, a.aus) for a in micros}) > 10
    blinks = [a for a in acts if a.kind == "blink"]
    assert all(0.1 <= a.offset_s - a.onset_s <= 0.3 for a in blinks)
    assert len(blinks) > 80
    assert all(0.7 <= a.offset_s - a.onset_s <= 3 for a in acts if a.kind == "macro")


def test_scripts_can_be_read_again_and_end_when_told():
    script = Script(seed=7, duration_s=60)
    acts = list(script)
    assert acts == list(script)
    assert acts[-1].offset_s <= 60
    assert acts[-1].onset_s > 50
    assert acts == [
        a for a in itertools.takewhile(lambda a: a.onset_s < 70, Script(seed=7)) if a.offset_s <= 60
    ]


def test_neutral_scripts_have_everything_but_micro_expressions():
    kinds = {a.kind for a in Script(seed=1, duration_s=300, neutral=True)}
    assert kinds == {"macro", "speech", "blink", "gaze"}
