"""Rendered frames: the same every time, and moving exactly as the truth says."""

import itertools
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from engines.errors import InputError
from engines.synthesis import Identity, Performance, Portrait, Renderer, Scene, Script, demo
from engines.synthesis.action_units import ACTION_UNITS
from engines.synthesis.portrait import astronaut, mirror_pairs
from engines.synthesis.script import EXPRESSIONS

sys.path.insert(0, str(Path(__file__).parent))
from rendered_frames import face_part, grey

SMILE = Performance("micro", "positive", (6, 12), 0.5, 0.65, 0.85, amplitude_px=2.0)


def aperture(points):
    lids = ((159, 145, 33, 133), (386, 374, 263, 362))
    return np.mean(
        [np.linalg.norm(points[a] - points[b]) / np.linalg.norm(points[c] - points[d]) for a, b, c, d in lids]
    )


@pytest.fixture(scope="module")
def still():
    """A smile on a head that does not move, without noise."""
    return Renderer(Scene(performances=[SMILE]))


@pytest.fixture(scope="module")
def lively():
    """A smile, a brow raise and a blink on a head that sways."""
    acts = [
        SMILE,
        Performance("micro", "surprise", (1, 2), 1.0, 1.15, 1.4, amplitude_px=2.6, asymmetry=0.1),
        Performance("blink", None, (45,), 2.0, 2.08, 2.25, hold_s=0.03),
    ]
    return Renderer(
        Scene(performances=acts, sway_px=6, sway_deg=1.5, breathing=0.01, yaw_px=1.5, sway_hz=(0.3, 0.9))
    )


def test_any_order_gives_the_same_pixels():
    scene = Scene(performances=Script(seed=3), sway_px=4, noise=2.0, flicker=0.01, seed=5)
    forward, backward = Renderer(scene), Renderer(scene)
    wanted = [0, 310, 330, 333, 1200, 4000]
    first = {i: forward.frame(i) for i in wanted}
    for i in reversed(wanted):
        assert np.array_equal(backward.frame(i), first[i])
    out = np.empty_like(first[0])
    assert forward.frame(330, out) is out
    assert np.array_equal(out, first[330])
    assert not np.array_equal(first[330], first[333])


def test_another_seed_moves_otherwise():
    frames = [Renderer(Scene(sway_px=4, seed=seed)).frame(100) for seed in (0, 1)]
    assert not np.array_equal(*frames)


@pytest.mark.parametrize(("i", "j"), [(0, 130), (130, 0), (195, 230), (10, 900)])
def test_true_flow_carries_one_frame_onto_the_other(lively, i, j):
    a, b = grey(lively.frame(i)), grey(lively.frame(j))
    flow = lively.flow(i, j)
    rows, cols = np.mgrid[: a.shape[0], : a.shape[1]]
    carried = map_coordinates(b, (rows + flow[..., 1], cols + flow[..., 0]), order=3, mode="nearest")
    part = face_part(lively)
    before, after = np.abs(a - b)[part].mean(), np.abs(a - carried)[part].mean()
    assert before > 1.5
    assert after < 0.6  # frames are whole grey levels: their roundings alone make 0.3
    assert flow.dtype == np.float32
    assert flow.shape == (480, 640, 2)


def test_flow_there_and_back_cancels(lively):
    there, back = lively.flow(100, 130).astype(float), lively.flow(130, 100).astype(float)
    rows, cols = np.mgrid[:480, :640]
    at = (rows + there[..., 1], cols + there[..., 0])
    round_trip = there + np.stack(
        [map_coordinates(back[..., c], at, order=1, mode="nearest") for c in (0, 1)], -1
    )
    assert np.abs(round_trip[20:-20, 20:-20]).max() < 0.05


def test_without_the_head_only_the_face_moves(lively):
    own = lively.flow(100, 130, head=False)
    length = np.hypot(own[..., 0], own[..., 1])
    assert length.max() == pytest.approx(2.0 * 1.1, abs=0.1)  # 2 px of a face 200 px wide, on one of 220 px
    moved = lively.moved(100, 130, 0.2)
    marks = lively.landmarks(100).astype(int)
    assert moved[marks[61, 1], marks[61, 0]]
    assert not moved[marks[10, 1], marks[10, 0]]
    assert not moved[5, 5]
    rest = lively.flow(0, 60, head=False)
    assert np.abs(rest).max() < 2e-3
    assert np.abs(lively.flow(0, 60)).max() > 0.5


def test_landmarks_move_with_the_flow(lively):
    i, j = 100, 130
    flow = lively.flow(i, j).astype(float)
    before, after = lively.landmarks(i), lively.landmarks(j)
    for k in (1, 33, 61, 105, 205, 291):
        x, y = before[k]
        step = [map_coordinates(flow[..., c], [[y], [x]], order=1)[0] for c in (0, 1)]
        assert before[k] + step == pytest.approx(after[k], abs=0.05)


def test_truth_agrees_with_what_the_frames_show(still):
    (truth,) = still.truth()
    assert (truth.kind, truth.label, truth.aus) == ("micro", "positive", (6, 12))
    assert 100 <= truth.onset < truth.apex < truth.offset <= 170
    assert truth.apex == 130
    part = face_part(still)
    rest = grey(still.frame(0))[part]
    change = [np.abs(grey(still.frame(k))[part] - rest).mean() for k in range(95, 176)]
    peak = max(change)
    assert 95 + int(np.argmax(change)) == pytest.approx(truth.apex, abs=2)
    assert change[truth.onset - 95] < 0.08 * peak
    assert change[truth.offset - 95] < 0.08 * peak
    assert change[truth.onset + 6 - 95] > 0.15 * peak
    assert change[truth.offset - 6 - 95] > 0.1 * peak
    assert max(change[: truth.onset - 95]) < 0.08 * peak
    assert truth.amplitude_px == 2.0
    assert truth.amplitude_frame_px == pytest.approx(2.2)


def test_truth_is_told_when_it_is_over(still):
    (truth,) = still.truth()
    assert still.truth(truth.offset - 1) == []
    assert still.truth(truth.offset) == [truth]
    assert still.truth(10_000, from_frame=truth.offset + 1) == []


def test_optical_flow_finds_the_movement(still):
    found = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(
        *(cv2.cvtColor(still.frame(k), cv2.COLOR_BGR2GRAY) for k in (0, 130)), None
    )
    true = still.flow(0, 130)
    moved = still.moved(0, 130, 1.0)
    assert np.hypot(*(found - true)[moved].T).mean() < 0.35 * np.hypot(*true[moved].T).mean()


# where a landmark on the left half of the image goes: (right, down), signs only, 0 is either
DIRECTIONS = {
    1: (107, 0, -1),
    2: (105, 0, -1),
    4: (107, 1, 1),
    5: (159, 0, -1),
    6: (50, 0, -1),
    7: (145, 0, -1),
    9: (129, 0, -1),
    10: (37, 0, -1),
    12: (61, -1, -1),
    14: (61, -1, 0),
    15: (61, 0, 1),
    17: (199, 0, -1),
    18: (61, 1, 0),
    20: (61, -1, 0),
    23: (0, 0, 1),
    25: (17, 0, 1),
    26: (152, 0, 1),
}


def test_every_action_unit_moves_its_landmark_its_way():
    assert set(DIRECTIONS) == set(ACTION_UNITS)
    acts = [
        Performance("macro", None, (au,), 1.0 + 2 * k, 1.5 + 2 * k, 2.0 + 2 * k, amplitude_px=3)
        for k, au in enumerate(ACTION_UNITS)
    ]
    renderer = Renderer(Scene(performances=acts, fps=10))
    rest = renderer.landmarks(0)
    across = renderer.face.landmarks[454, :2] - renderer.face.landmarks[234, :2]
    upright = np.array([[across[0], across[1]], [-across[1], across[0]]]) / np.hypot(*across)
    pairs = mirror_pairs()
    for k, au in enumerate(ACTION_UNITS):
        step = (renderer.landmarks(15 + 20 * k) - rest) @ upright.T
        mark, right, down = DIRECTIONS[au]
        assert np.hypot(*step.T).max() == pytest.approx(3.3, rel=0.2), au
        for point, side in ((mark, 1), (int(pairs[mark]), -1)):
            assert step[point, 0] * side * right >= abs(right) * 0.6, au
            assert step[point, 1] * down >= abs(down) * 0.6, au
        # and what it does not move stays
        still_mark = 152 if au in (1, 2, 4, 5, 6, 7, 9, 10, 12) else 10
        assert np.hypot(*step[still_mark]) < 0.5, au


@pytest.mark.parametrize("label", list(EXPRESSIONS))
def test_every_expression_of_a_class_shows(label):
    for aus in EXPRESSIONS[label]:
        act = Performance("micro", label, aus, 0.1, 0.2, 0.4, amplitude_px=1.5)
        renderer = Renderer(
            Scene(performances=[act], fps=100, height=240, width=320, identity=Identity(face_px=110))
        )
        (truth,) = renderer.truth()
        assert truth.label == label
        assert np.abs(grey(renderer.frame(20)) - grey(renderer.frame(0))).max() > 3


def test_a_blink_closes_the_eyes():
    face_mesh = pytest.importorskip("mediapipe").solutions.face_mesh
    act = Performance("blink", None, (45,), 0.5, 0.58, 0.8, hold_s=0.04)
    with face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as mesh:
        for identity in (Identity(smile=0.2), Identity(face_px=260, seed=4)):
            renderer = Renderer(Scene(identity=identity, performances=[act], fps=100, noise=1.5))
            seen = []
            for k in (0, 59, 100):
                (face,) = mesh.process(
                    np.ascontiguousarray(renderer.frame(k)[..., ::-1])
                ).multi_face_landmarks
                seen.append(aperture(np.array([(p.x * 640, p.y * 480) for p in face.landmark])))
            opened, shut, again = seen
            assert shut < 0.5 * opened
            assert again > 0.85 * opened
            (truth,) = renderer.truth()
            assert (truth.kind, truth.label, truth.apex) == ("blink", None, 58)
            # the eye behind the lid is gone
            x, y = renderer.face.landmarks[468, :2].astype(int)
            assert not renderer.seen_in_both(0, 59)[y - 1 : y + 2, x - 1 : x + 2].any()


def test_gaze_moves_the_iris_and_not_the_lids():
    act = Performance("gaze", None, (61,), 0.5, 0.54, 1.0, hold_s=0.4, amplitude_px=3)
    renderer = Renderer(Scene(performances=[act], fps=100))
    flow = renderer.flow(0, 70)
    marks = renderer.face.landmarks[:, :2].round().astype(int)
    for iris in (468, 473):
        assert flow[marks[iris, 1], marks[iris, 0], 0] == pytest.approx(3.3, abs=0.3)
    for corner in (33, 133, 263, 362):
        assert np.hypot(*flow[marks[corner, 1], marks[corner, 0]]) < 0.3


def test_speech_opens_and_closes_the_mouth_several_times():
    act = Performance("speech", None, (25, 26), 0.2, 0.5, 2.2, hold_s=1.4, amplitude_px=4)
    renderer = Renderer(Scene(performances=[act], fps=50))
    chin = np.array([renderer.landmarks(k)[17, 1] for k in range(0, 125, 2)])
    assert np.ptp(chin) > 2
    level = chin > (chin.min() + chin.max()) / 2
    assert np.count_nonzero(np.diff(level.astype(int)) == 1) >= 4
    (truth,) = renderer.truth()
    assert truth.kind == "speech"
    assert truth.label is None


def test_glasses_follow_the_head_and_not_the_skin():
    act = Performance("macro", "surprise", (1, 2), 0.5, 0.8, 1.2, amplitude_px=6)
    renderer = Renderer(
        Scene(identity=Identity(seed=12, glasses=True), performances=[act], fps=100, sway_px=5)
    )
    plain = Renderer(Scene(identity=Identity(seed=12), performances=[act], fps=100, sway_px=5))
    opacity = renderer.face.glasses[0] > 0.8
    assert opacity.sum() > 300
    changed = np.abs(grey(renderer.frame(0)) - grey(plain.frame(0))) > 10
    assert changed.sum() > 300
    own = renderer.flow(0, 80, head=False)
    bare = plain.flow(0, 80, head=False)
    rim = opacity & (np.hypot(bare[..., 0], bare[..., 1]) > 0.5)
    assert rim.sum() > 20
    assert np.quantile(np.hypot(own[..., 0], own[..., 1])[rim], 0.8) < 0.05


@pytest.mark.parametrize("level", [0.8, 2.0])
def test_noise_has_the_level_asked_for(level):
    renderer = Renderer(Scene(noise=level, identity=Identity(background=(120, 120, 120))))
    frames = np.stack([grey(renderer.frame(k)) for k in range(40)])
    middling = (frames.mean(0) > 40) & (frames.mean(0) < 215)
    assert frames.std(0, ddof=1)[middling].mean() == pytest.approx(level, rel=0.08)
    assert (
        abs(
            frames.mean(0)[middling]
            - grey(Renderer(Scene(identity=renderer.scene.identity)).frame(0))[middling]
        ).mean()
        < 0.5 * level
    )
    a, b = (frames[k] - frames.mean(0) for k in (3, 4))
    assert abs(np.corrcoef(a[middling], b[middling])[0, 1]) < 0.1


def test_light_changes_as_the_scene_says():
    steps = Renderer(Scene(exposure_steps=((0.5, 1.2), (1.0, 0.8)), fps=100))
    levels = [grey(steps.frame(k)).mean() for k in (0, 60, 120)]
    assert levels[1] > 1.08 * levels[0]
    assert levels[2] == pytest.approx(0.8 * levels[0], rel=0.02)
    lamps = Renderer(Scene(flicker=0.05, fps=240))
    brightness = np.array([grey(lamps.frame(k)).mean() for k in range(48)])
    spectrum = np.abs(np.fft.rfft(brightness - brightness.mean()))
    assert np.argmax(spectrum) * 240 / 48 == pytest.approx(100, abs=5)
    aside = Renderer(Scene(light_drift=0.2, fps=10))
    part = face_part(aside)
    left_right = []
    for k in range(0, 112, 4):
        face = grey(aside.frame(k))[part]
        half = face.shape[1] // 2
        left_right.append(face[:, :half].mean() / face[:, half:].mean())
    assert max(left_right) > 1.08 * min(left_right)
    drift = Renderer(Scene(exposure_drift=0.1, fps=10))
    seen = [grey(drift.frame(k)).mean() for k in range(0, 100, 5)]
    assert max(seen) > 1.08 * min(seen)


def test_a_jolt_moves_the_head_to_another_place():
    renderer = Renderer(Scene(jolts=((0.5, 8.0, -3.0),), fps=100))
    step = renderer.landmarks(80)[:468] - renderer.landmarks(0)[:468]
    assert np.median(step, 0) == pytest.approx((8, -3), abs=0.3)
    assert np.array_equal(renderer.frame(80)[:, :20], renderer.frame(0)[:, :20])


def test_jpeg_loses_a_little():
    plain, coded = Renderer(Scene()), Renderer(Scene(jpeg=60))
    difference = np.abs(grey(plain.frame(0)) - grey(coded.frame(0)))
    assert 0.2 < difference.mean() < 4


@pytest.mark.parametrize("size", [(320, 240), (642, 483), (960, 720)])
def test_demo_in_other_sizes(size):
    width, height = size
    renderer = demo(fps=60, width=width, height=height, seed=2)
    assert renderer.frame(7).shape == (height, width, 3)
    flow = renderer.flow(0, 7)
    assert flow.shape == (height, width, 2)
    assert np.abs(flow).max() > 0.01


def test_demo_goes_on_and_tells_its_truth():
    renderer = demo(fps=200, seed=1)
    truths = renderer.truth(200 * 120)
    micros = [t for t in truths if t.kind == "micro"]
    assert 20 <= len(micros) <= 48
    assert {t.label for t in micros} == {"negative", "positive", "surprise"}
    assert all(0.8 <= t.amplitude_px <= 2.6 for t in micros)
    assert all(0.04 <= (t.offset - t.onset) / 200 <= 0.5 for t in micros)
    assert {t.kind for t in truths} >= {"micro", "macro", "blink", "speech"}
    with pytest.raises(InputError, match="endless"):
        renderer.truth()
    assert demo(fps=200, seed=1).truth(200 * 120) == truths


def test_people_differ_and_are_seen_as_faces():
    face_mesh = pytest.importorskip("mediapipe").solutions.face_mesh
    seen = []
    with face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as mesh:
        for seed in (0, 8, 12, 17, 22, 31):
            renderer = Renderer(Scene(identity=Identity.from_seed(seed), noise=1.5))
            image = renderer.frame(0)
            faces = mesh.process(np.ascontiguousarray(image[..., ::-1])).multi_face_landmarks
            assert faces, seed
            points = np.array([(p.x * 640, p.y * 480) for p in faces[0].landmark])
            miss = np.hypot(*(points - renderer.face.landmarks[:, :2]).T)
            assert np.median(miss) < 0.03 * renderer.scene.identity.face_px, seed
            seen.append(image)
    assert all(np.abs(grey(a) - grey(b)).mean() > 5 for a, b in itertools.pairwise(seen))


def test_a_mirrored_face_is_the_mirror_image():
    plain = Renderer(Scene(identity=Identity()))
    turned = Renderer(Scene(identity=Identity(mirrored=True)))
    pairs = mirror_pairs()
    expected = plain.face.landmarks[pairs][:, :2] * (-1, 1) + (640, 0)
    assert np.abs(turned.face.landmarks[:, :2] - expected).max() < 1.5
    part = face_part(plain)
    assert np.abs(grey(turned.frame(0))[:, ::-1][part] - grey(plain.frame(0))[part]).mean() < 6


def test_another_portrait_without_masks_performs_too():
    base = astronaut()
    image = np.ascontiguousarray(cv2.resize(base.image[:256, 96:352], None, fx=2, fy=2)[..., ::-1])
    portrait = Portrait(image=image, landmarks=(base.landmarks[:, :2] - (96, 0)) * 2)
    renderer = Renderer(
        Scene(identity=Identity(portrait=portrait, tone=-0.5), performances=[SMILE], sway_px=3)
    )
    rest, apex = renderer.landmarks(0), renderer.landmarks(130)
    own = renderer.flow(0, 130, head=False)
    assert np.hypot(own[..., 0], own[..., 1]).max() == pytest.approx(2.2, abs=0.1)
    assert np.isfinite(rest).all()
    assert np.isfinite(apex).all()
    assert renderer.frame(130).shape == (480, 640, 3)


def test_no_such_frame():
    with pytest.raises(InputError, match="frame -1"):
        Renderer(Scene()).frame(-1)


def test_a_face_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="does not fit"):
        Renderer(Scene(identity=Identity(face_px=400), height=240, width=320))


def test_performances_out_of_order_are_refused():
    late = Performance("micro", "positive", (12,), 3, 3.1, 3.3)
    with pytest.raises(InputError, match="sort them"):
        Renderer(Scene(performances=[late, SMILE])).frame(800)


def test_rendering_needs_no_detector_and_no_learning():
    code = (
        "import sys; import engines.synthesis as s; assert 'cv2' not in sys.modules;"
        "s.demo().frame(0);"
        "heavy = {'mediapipe', 'torch', 'sklearn', 'matplotlib'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
