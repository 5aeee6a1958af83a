"""The CPU engine: OpenCV's solver reproduced, and ours against known motion."""

import dataclasses
import threading
import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.flow import PRESETS, cpu, open_solver
from engines.flow.cpu import solver as cpu_solver
from engines.flow.sampling import level_sizes
from engines.flow.warped import warped_pair

PRECISE = open_solver("cpu", "precise")
OPENCV = open_solver("cpu", "opencv")


def varied_pair(number, condition="none"):
    height, width = 84 + 9 * (number % 6), 70 + 11 * (number % 5)
    amplitude = (0.2, 1.0, 2.0)[number % 3]
    return warped_pair(number, height=height, width=width, amplitude=amplitude, condition=condition)


def opencv_flow(pair, preset, brighter=0.0):
    reference = cv2.optflow.DualTVL1OpticalFlow_create()
    reference.setEpsilon(preset.epsilon)
    reference.setScalesNumber(preset.scales)
    reference.setWarpingsNumber(preset.warps)
    onset, apex = ((image / np.float32(255)).astype(np.float32) for image in (pair.onset, pair.apex))
    flow = reference.calc(onset * np.float32(1 + brighter), apex, None)
    return flow[..., 0], flow[..., 1]


def errors(flow, pair):
    error = np.hypot(flow.u - pair.u, flow.v - pair.v)
    return error[pair.inside].mean(), error[pair.outside].mean()


@pytest.mark.parametrize("number", range(0, 20, 5))
def test_one_warp_of_opencv_is_reproduced_to_a_thousandth_of_a_pixel(number):
    preset = dataclasses.replace(PRESETS["opencv"], scales=1, warps=1, epsilon=0.0)
    pair = varied_pair(number)
    u, v = opencv_flow(pair, preset)
    own = cpu_solver(preset)(pair.onset[None].astype(np.float32), pair.apex[None].astype(np.float32))[0]
    assert np.abs(own[0] - u).max() < 1e-3
    assert np.abs(own[1] - v).max() < 1e-3


def difference_inside(first, second):
    return np.hypot(first[0] - second[0], first[1] - second[1])[8:-8, 8:-8]


def test_opencvs_defaults_are_reproduced_on_twenty_pairs():
    differences = []
    for number in range(20):
        pair = varied_pair(number)
        own = OPENCV(pair.onset, pair.apex)
        difference = difference_inside(opencv_flow(pair, PRESETS["opencv"]), (own.u, own.v))
        assert difference.mean() <= 0.02
        differences.append(difference.ravel())
    assert np.percentile(np.concatenate(differences), 99) <= 0.06


@pytest.mark.parametrize("condition", ["gain", "ramp", "shadow"])
def test_where_light_confuses_opencv_we_differ_from_it_as_little_as_it_from_itself(condition):
    # Its stopping rule amplifies the last bit of the input, most of all where it chases light instead of motion.
    own_difference, its_difference = [], []
    for number in range(3):
        pair = varied_pair(number, condition)
        theirs = opencv_flow(pair, PRESETS["opencv"])
        own = OPENCV(pair.onset, pair.apex)
        own_difference.append(difference_inside(theirs, (own.u, own.v)).mean())
        its_difference.append(difference_inside(theirs, opencv_flow(pair, PRESETS["opencv"], 1e-7)).mean())
    assert np.mean(own_difference) <= 2 * np.mean(its_difference)


@pytest.mark.parametrize("amplitude", [0.2, 1.0, 2.0])
def test_precise_is_at_least_as_accurate_as_opencv(amplitude):
    ours, theirs = [], []
    for seed in range(6):
        pair = warped_pair(seed, amplitude=amplitude)
        ours.append(errors(PRECISE(pair.onset, pair.apex), pair))
        theirs.append(errors(OPENCV(pair.onset, pair.apex), pair))
    (inside, outside), (inside_cv, outside_cv) = np.mean(ours, 0), np.mean(theirs, 0)
    assert inside <= inside_cv / (1.5 if amplitude < 1 else 1)
    assert outside <= outside_cv


@pytest.mark.parametrize("condition", ["gain", "ramp", "shadow"])
def test_changing_light_does_not_read_as_motion(condition):
    plain, lit = [], []
    for seed in range(5):
        pair = warped_pair(seed)
        plain.append(errors(PRECISE(pair.onset, pair.apex), pair))
        pair = warped_pair(seed, condition=condition)
        lit.append(errors(PRECISE(pair.onset, pair.apex), pair))
    assert (np.mean(lit, 0) <= 1.3 * np.mean(plain, 0)).all()


def smooth_picture(seed, height, width):
    noise = np.random.default_rng(seed).uniform(0, 255, (height + 16, width + 16)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000),
    st.integers(32, 90),
    st.integers(32, 90),
    st.floats(-2, 2).filter(lambda s: abs(s) > 0.05),
    st.floats(-2, 2),
)
def test_a_translation_is_recovered(seed, height, width, dx, dy):
    wide = smooth_picture(seed, height, width)
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    moved = cv2.warpAffine(wide, matrix, wide.shape[::-1], flags=cv2.INTER_LANCZOS4)
    onset, apex = (np.clip(p[8:-8, 8:-8], 0, 255).astype(np.uint8) for p in (wide, moved))
    flow = PRECISE(onset, apex)
    inner = np.s_[6:-6, 6:-6]
    assert abs(np.median(flow.u[inner]) - dx) < 0.1
    assert abs(np.median(flow.v[inner]) - dy) < 0.1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([PRECISE, OPENCV]))
def test_a_mirrored_pair_has_the_mirrored_flow(seed, solver):
    pair = warped_pair(seed, height=90, width=80)
    flow = solver(pair.onset, pair.apex)
    mirrored = solver(pair.onset[:, ::-1], pair.apex[:, ::-1])
    # Forward differences look to one side only, so the two agree nearly, not exactly.
    assert np.abs(mirrored.u[:, ::-1] + flow.u)[8:-8, 8:-8].mean() < 0.03
    assert np.abs(mirrored.v[:, ::-1] - flow.v)[8:-8, 8:-8].mean() < 0.03


@settings(max_examples=20, deadline=None)
@given(st.integers(16, 70), st.integers(16, 70), st.integers(0, 1000), st.sampled_from([PRECISE, OPENCV]))
def test_noise_of_any_size_gives_a_finite_flow(height, width, seed, solver):
    noise = np.random.default_rng(seed).integers(0, 256, (2, height, width), np.uint8)
    flow = solver(*noise)
    for plane in (flow.u, flow.v, flow.residual, flow.confidence):
        assert plane.shape == (height, width)
        assert np.isfinite(plane).all()
    assert 0 <= flow.confidence.min() <= flow.confidence.max() <= 1


def test_confidence_and_residual_tell_a_match_from_nonsense():
    pair = warped_pair(3)
    match, nonsense = PRECISE(pair.onset, pair.apex), PRECISE(pair.onset, pair.apex[::-1].copy())
    assert match.iterations > 10
    assert match.confidence.mean() > 1.3 * nonsense.confidence.mean()
    assert np.abs(match.residual).mean() < np.abs(nonsense.residual).mean()
    # Smooth skin is matched with less certainty than the features of the face.
    error = np.hypot(match.u - pair.u, match.v - pair.v)
    sure = match.confidence > np.median(match.confidence)
    assert error[sure].mean() < error[~sure].mean()


def test_the_same_pair_gives_the_same_flow_whatever_came_before():
    pair, other = warped_pair(4), warped_pair(5, height=60, width=50)
    first = PRECISE(pair.onset, pair.apex)
    PRECISE(other.onset, other.apex)
    again = PRECISE(pair.onset, pair.apex)
    np.testing.assert_array_equal(first.u, again.u)


def test_threads_do_not_disturb_each_other():
    pairs = [warped_pair(seed) for seed in range(4)]
    expected = [PRECISE(p.onset, p.apex) for p in pairs]
    found = [None] * len(pairs)

    def work(k):
        for _ in range(5):
            found[k] = PRECISE(pairs[k].onset, pairs[k].apex)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(pairs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a.u, b.u)


def test_subnormal_numbers_survive_the_solver():
    # Fast-math libraries switch the whole process to flushing them to zero.
    tiny = np.float32(1e-41)
    pair = warped_pair(0, height=40, width=40)
    PRECISE(pair.onset, pair.apex)
    assert tiny * np.float32(1) == tiny
    assert np.array([tiny]) * np.float32(0.5) > 0


def test_levels_stop_at_sixteen_pixels():
    preset = PRESETS["opencv"]
    assert level_sizes(170, 140, preset) == [(170, 140), (136, 112), (109, 90), (87, 72), (70, 58)]
    assert level_sizes(18, 40, preset) == [(18, 40)]


def test_a_long_compilation_is_announced_and_a_short_one_or_slow_loading_is_not(monkeypatch, capsys):
    monkeypatch.setattr(cpu, "_PATIENCE", 0.05)
    cpu._say_compiling.cache_clear()
    monkeypatch.setattr(cpu, "compiles", lambda: False)
    cpu._compile(lambda *_: time.sleep(0.5))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(cpu, "compiles", lambda: True)
    cpu._compile(lambda *_: None)
    assert capsys.readouterr().err == ""
    for _ in range(2):
        cpu._compile(lambda *_: time.sleep(0.5))
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "compiling" in said
