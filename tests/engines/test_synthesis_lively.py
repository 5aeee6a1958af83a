"""Faces that move as real people did: heads that turn in depth, recorded speech and laughter, lips that part."""

import itertools
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from engines.errors import InputError
from engines.synthesis import Identity, Performance, Renderer, Scene, Script
from engines.synthesis.head import rotation
from engines.synthesis.people import LIMITS, HeadMotion, at, limited, numbers_of, takes
from engines.synthesis.performance import frames_of
from engines.synthesis.scene import Pose
from engines.synthesis.script import UPPER_FACE, recorded

sys.path.insert(0, str(Path(__file__).parent))
from rendered_frames import face_part, grey

BROWS = Performance("micro", "surprise", (1, 2), 0.2, 0.35, 0.6, amplitude_px=2.5)


def spoken(kind="speech", onset_s=1.0, seed=5):
    return recorded(np.random.default_rng(seed), onset_s, kind)


def carried_back(renderer, i, j):
    """Frame j carried onto frame i by the true flow: how far off it is, grey levels."""
    a, b, flow = grey(renderer.frame(i)), grey(renderer.frame(j)), renderer.flow(i, j)
    rows, cols = np.mgrid[: a.shape[0], : a.shape[1]]
    carried = map_coordinates(b, (rows + flow[..., 1], cols + flow[..., 0]), order=3, mode="nearest")
    part = face_part(renderer)
    return np.abs(a - b)[part], np.abs(a - carried)[part]


@pytest.fixture(scope="module")
def turning():
    """A brow raise and a laugh on a head that moves as real ones do."""
    acts = [BROWS, spoken("laughter")]
    return Renderer(Scene(identity=Identity(smile=0.2), performances=acts, real_head=1.0, fps=50, seed=4))


def test_takes_are_short_courses_of_real_people():
    everyone = takes()
    assert {take.kind for take in everyone} >= {"rest", "nod", "turn", "shake", "speech", "laughter"}
    assert len(numbers_of("speech")) > 10
    assert len(numbers_of("laughter")) > 5
    for take in everyone:
        assert 1 < take.seconds < 12
        assert np.isfinite(take.pose).all()
        assert np.abs(take.pose[:, 3:]).max() < np.deg2rad(25)
        assert (take.units.shape[1] > 0) == (take.kind in ("speech", "laughter"))
        if take.numbers:
            assert take.units.min() >= 0
            assert 5 < take.peak_px < 40


def test_curves_are_smooth_and_held_at_their_ends():
    points = takes()[numbers_of("nod")[0]].pose
    last = len(points) - 1
    steps = np.diff([at(points, u) for u in np.arange(0, last, 0.01)], axis=0)
    assert np.abs(np.diff(steps, axis=0)).max() < 0.03 * np.abs(steps).max()
    assert np.array_equal(at(points, -3.0), at(points, 0.0))
    assert np.array_equal(at(points, last + 3.0), at(points, float(last)))


def test_a_head_moves_as_people_do_and_the_same_way_for_a_seed():
    one, again, other = HeadMotion(3), HeadMotion(3), HeadMotion(4)
    late = again(100.0)
    course = np.array([one(t) for t in np.arange(0, 90, 0.02)])
    assert np.array_equal(one(100.0), late)
    assert not np.array_equal(other(50.0), one(50.0))
    speed = np.rad2deg(np.abs(np.diff(course[:, 3:], axis=0))) / 0.02
    assert 5 < np.percentile(speed, 95) < 60
    assert speed.max() < 250
    assert (np.abs(limited(course)) < LIMITS).all()


@pytest.mark.parametrize(("i", "j"), [(0, 17), (10, 400), (300, 700), (400, 10)])
def test_the_truth_is_exact_while_the_head_turns(turning, i, j):
    before, after = carried_back(turning, i, j)
    assert before.mean() > 5
    assert after.mean() < 0.6  # as under sway: frames are whole grey levels
    assert turning.seen_in_both(i, j)[face_part(turning)].mean() > 0.999


@pytest.mark.parametrize(("i", "j"), [(55, 80), (80, 55), (60, 100)])
def test_the_truth_is_exact_while_the_mouth_opens(turning, i, j):
    seen = turning.seen_in_both(i, j)[face_part(turning)]
    after = carried_back(turning, i, j)[1][seen]
    assert after.mean() < 0.6
    assert np.quantile(after, 0.999) < 15  # the lips' edges
    assert 20 < (~seen).sum() < 2000


def test_only_the_micro_expression_is_left_without_the_head(turning):
    own = turning.flow(0, 17, head=False)
    assert np.hypot(own[..., 0], own[..., 1]).max() == pytest.approx(2.5 * 1.1, abs=0.15)
    assert np.abs(turning.flow(0, 17)).max() > 3.5


def test_a_turned_head_is_a_turned_relief(monkeypatch):
    renderer = Renderer(Scene(real_head=1.0))
    marks = renderer.face.landmarks.astype(np.float64)
    middle, rim = marks[[234, 454], :2].mean(0), marks[[234, 454], 2].mean()
    camera = 4.5 * 200 * renderer.face.unit
    for pose in (Pose(yaw=20.0), Pose(pitch=-15.0), Pose(x=5.0, roll=0.1, yaw=-18.0, pitch=10.0)):
        monkeypatch.setattr(renderer, "pose", lambda i, pose=pose: pose)
        seen = renderer.landmarks(0)
        for k in (1, 4, 33, 263, 61, 291):
            z = marks[k, 2] - rim
            relief = np.array([*(marks[k, :2] - middle) * (1 + z / camera), z])
            turned = rotation(pose, renderer._look.head.nose) @ relief
            expected = turned[:2] / (1 + turned[2] / camera) + middle + (pose.x, pose.y)
            # the relief is smooth: it is flatter than the tip of the nose
            assert np.hypot(*(seen[k] - expected)) < 4, (pose, k)
        assert np.hypot(*(seen[1] - marks[1, :2])) > 10


def test_a_head_tears_nowhere_from_its_background():
    renderer = Renderer(Scene(real_head=1.0, fps=10, seed=2))
    for i in range(0, 300, 30):
        look = renderer._coordinates(renderer.pose(i), [])
        right, down = np.diff(look[..., 0], axis=1), np.diff(look[..., 1], axis=0)
        assert min(right.min(), down.min()) > 0
        assert max(right.max(), down.max()) < 4


@pytest.mark.parametrize("kind", ["speech", "laughter"])
def test_recorded_courses_open_the_mouth(kind):
    act = spoken(kind)
    assert spoken(kind) == act
    renderer = Renderer(Scene(identity=Identity(smile=0.0), performances=[act], fps=50))
    onset, apex, offset = frames_of(act, 50)
    (truth,) = renderer.truth()
    assert (truth.kind, truth.label, truth.onset, truth.apex, truth.offset) == (
        kind,
        None,
        onset,
        apex,
        offset,
    )
    marks = [renderer.landmarks(i) for i in range(onset, offset, 5)]
    opened = [lips[14, 1] - lips[13, 1] for lips in marks]
    assert max(opened) > 3
    assert opened[0] == pytest.approx(0, abs=1)
    own = renderer.flow(0, apex)[renderer.seen_in_both(0, apex)]
    assert np.hypot(*own.T).max() == pytest.approx(1.1 * act.amplitude_px, rel=0.3)


def test_frames_of_a_lively_scene_can_be_had_in_any_order():
    script = Script(seed=3, lively=True, speeches=0.8)
    scene = Scene(performances=script, real_head=1.0, noise=2.0, seed=5, fps=50)
    forward, backward = Renderer(scene), Renderer(scene)
    wanted = [0, 80, 90, 130, 700]
    first = {i: forward.frame(i) for i in wanted}
    for i in reversed(wanted):
        assert np.array_equal(backward.frame(i), first[i])


def test_lively_scripts_let_micro_expressions_fall_into_speech():
    acts = list(itertools.takewhile(lambda act: act.onset_s < 900, Script(seed=1, lively=True, speeches=0.3)))
    assert [act.onset_s for act in acts] == sorted(act.onset_s for act in acts)
    talks = [act for act in acts if act.kind in ("speech", "laughter")]
    assert {act.kind for act in talks} == {"speech", "laughter"}
    assert all(act.take is not None for act in talks)
    micros = [act for act in acts if act.kind == "micro"]
    within = [(m, t) for m in micros for t in talks if m.onset_s < t.offset_s and t.onset_s < m.offset_s]
    assert 0.05 * len(micros) < len(within) < 0.4 * len(micros)
    for small, talk in within:
        assert set(small.aus) <= UPPER_FACE
        assert not UPPER_FACE & set(talk.aus)
        assert talk.onset_s < small.onset_s < small.offset_s < talk.offset_s
    neutral = Script(seed=1, lively=True, speeches=0.3, neutral=True, duration_s=300)
    assert {act.kind for act in neutral} == {"macro", "speech", "laughter", "blink", "gaze"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"take": 0}, "no recorded take 0"),
        ({"take": 999}, "no recorded take 999"),
        ({"kind": "macro"}, "no recorded take"),
        ({"aus": (25, 5)}, "not all of"),
        ({"amplitude_px": 17.0}, "at most 16"),
    ],
)
def test_a_take_that_does_not_fit_is_refused(changes, message):
    act = spoken()
    values = {name: getattr(act, name) for name in act.__dataclass_fields__}
    with pytest.raises(InputError, match=message):
        Performance(**{**values, **changes})


def test_speech_moves_the_head_of_who_spoke():
    act = spoken()
    middle = round(50 * (act.onset_s + act.offset_s) / 2)
    plain = Renderer(Scene(real_head=1.0, fps=50))
    talking = Renderer(Scene(real_head=1.0, fps=50, performances=[act]))
    assert talking.pose(10) == plain.pose(10)
    assert talking.pose(middle) != plain.pose(middle)
    assert Renderer(Scene(fps=50, performances=[act])).pose(middle) == Pose()


def test_what_is_not_lively_is_as_it_was():
    acts = list(itertools.islice(Script(seed=3), 6))
    kinds = [("micro", (1, 2, 26)), ("blink", (45,)), ("micro", (12,)), ("micro", (15,)), ("blink", (45,))]
    assert [(act.kind, act.aus) for act in acts] == [*kinds, ("macro", (6, 12, 25))]
    onsets = [1.5, 2.302, 4.1285, 7.0548, 7.9798, 9.6911]
    assert [act.onset_s for act in acts] == pytest.approx(onsets, abs=1e-3)
    scene = Scene(
        identity=Identity.from_seed(3, face_px=200),
        performances=Script(seed=3),
        sway_px=5,
        sway_deg=1,
        yaw_px=1.5,
        seed=3,
        fps=50,
    )
    frame = grey(Renderer(scene).frame(400))[150:350, 220:420]
    # means of 40x40 px, as before faces could be lively
    means = [
        [8.2, 18.6, 83.7, 129.5, 127.2],
        [6.6, 112.7, 153.0, 208.1, 168.0],
        [17.5, 153.4, 179.4, 191.6, 222.1],
        [80.6, 143.7, 143.5, 181.3, 186.7],
        [84.4, 128.1, 159.6, 195.8, 208.0],
    ]
    assert cv2.resize(frame, (5, 5), interpolation=cv2.INTER_AREA) == pytest.approx(np.array(means), abs=0.3)
