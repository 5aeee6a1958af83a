"""The flow interface: what every backend promises, and what is made of a flow."""

import cv2
import numpy as np
import pytest

from engines.errors import InputError
from engines.flow import as_benchmark, backends, flow_map, open_solver, picture, strain
from engines.flow.warped import warped_pair

FACE = warped_pair(0).onset


@pytest.fixture(params=[(b, p) for b in ("opencv", "cpu") for p in ("opencv", "precise")], ids="-".join)
def solver(request):
    backend, preset = request.param
    return open_solver(backend, preset)


def test_the_best_backend_is_opened_by_default():
    assert backends()[-2:] == ["cpu", "opencv"]
    assert open_solver().backend == backends()[0]
    assert open_solver().preset.name == "precise"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("quantum", "precise"), "quantum.*cuda, cpu, opencv"),
        (("cpu", "sloppy"), "sloppy.*opencv, precise"),
    ],
)
def test_an_unknown_backend_or_preset_is_named(arguments, words):
    with pytest.raises(InputError, match=words):
        open_solver(*arguments)


@pytest.mark.parametrize(
    ("onset", "apex", "words"),
    [
        (FACE, FACE[:-1], "^apex: 169x140 .*onset, 170x140"),
        (FACE[:0], FACE, "^onset: empty"),
        (FACE, np.zeros((0, 0), np.uint8), "^apex: empty"),
        (np.where(FACE > 200, np.nan, FACE / 255), FACE / 255, "^onset: .*NaN"),
        (FACE / 255, np.full(FACE.shape, np.inf), "^apex: .*infinity"),
        (FACE.astype(np.int64), FACE, "^onset: type int64"),
        (FACE, FACE.astype(np.float32), "^apex: float values from .* scale them"),
        (FACE[:15], FACE[:15], "^onset: 15x140 is too small"),
        (FACE, cv2.cvtColor(FACE, cv2.COLOR_GRAY2BGR), r"^apex: shape \(170, 140, 3\)"),
    ],
)
def test_bad_input_is_one_error_that_names_the_argument(solver, onset, apex, words):
    with pytest.raises(InputError, match=words) as caught:
        solver(onset, apex)
    assert "\n" not in str(caught.value)


def test_flow_is_float32_of_the_size_of_the_crop(solver):
    pair = warped_pair(1, height=48, width=37)
    flow = solver(pair.onset, pair.apex)
    for plane in (flow.u, flow.v):
        assert (plane.shape, plane.dtype) == ((48, 37), np.float32)
        assert plane.flags.c_contiguous
    assert (flow.backend, flow.preset) == (solver.backend, solver.preset.name)


def test_float_images_in_0_to_1_mean_the_same_as_bytes(solver):
    pair = warped_pair(2, height=64, width=64)
    bytes_ = solver(pair.onset, pair.apex)
    floats = solver((pair.onset / 255).astype(np.float32), (pair.apex / 255).astype(np.float32))
    assert np.abs(bytes_.u - floats.u)[8:-8, 8:-8].mean() < 0.02


def test_nothing_moves_where_nothing_changes(solver):
    flow = solver(FACE, FACE)
    assert not flow.u.any()
    assert not flow.v.any()


def test_a_blank_image_has_no_flow_and_no_error(solver):
    blank = np.full((40, 40), 128, np.uint8)
    flow = solver(blank, blank)
    assert not flow.u.any()
    assert np.isfinite(flow.v).all()


def test_a_batch_equals_its_single_pairs(solver):
    pairs = [warped_pair(seed, height=64, width=56) for seed in range(3)]
    batch = solver.batch([p.onset for p in pairs], [p.apex for p in pairs])
    for pair, flow in zip(pairs, batch, strict=True):
        alone = solver(pair.onset, pair.apex)
        np.testing.assert_array_equal(flow.u, alone.u)
        np.testing.assert_array_equal(flow.v, alone.v)


def test_a_batch_needs_an_apex_for_every_onset(solver):
    with pytest.raises(InputError, match=r"^apexes: 1 images for 2 onsets"):
        solver.batch([FACE, FACE], [FACE])


def test_strain_of_known_deformations():
    y, x = np.mgrid[:20, :30].astype(np.float32)
    zero = np.zeros_like(x)
    assert np.allclose(strain(zero + 3, zero - 2), 0)
    # A rotation stretches nothing.
    assert np.allclose(strain(-0.1 * y, 0.1 * x), 0, atol=1e-6)
    assert np.allclose(strain(0.1 * x, zero), 0.1, atol=1e-6)
    assert np.allclose(strain(0.1 * x, 0.1 * y), 0.1 * np.sqrt(2), atol=1e-6)
    # Pure shear: exy = 0.1, counted twice.
    assert np.allclose(strain(0.2 * y, zero), 0.1 * np.sqrt(2), atol=1e-6)


def test_flow_map_averages_u_v_and_strain_over_its_pixels():
    v, u = np.mgrid[:170, :140].astype(np.float32)
    small = flow_map(u, v)
    assert (small.shape, small.dtype) == ((3, 28, 28), np.float32)
    assert np.allclose(small[0, 5], np.arange(28) * 5 + 2, atol=1e-3)
    assert np.allclose(small[:2].mean((1, 2)), [u.mean(), v.mean()], atol=1e-3)
    assert np.allclose(small[2, 1:-1, 1:-1], np.sqrt(2), atol=1e-5)
    assert flow_map(u, v, size=14).shape == (3, 14, 14)


def test_as_benchmark_stretches_every_channel_of_every_map():
    maps = np.random.default_rng(0).normal(3, 2, (4, 3, 28, 28)).astype(np.float32)
    scaled = as_benchmark(maps)
    assert (scaled.shape, scaled.dtype) == (maps.shape, np.float32)
    assert (scaled.min((-2, -1)) == 0).all()
    assert (scaled.max((-2, -1)) == 1).all()
    assert np.allclose(scaled * 255, np.rint(scaled * 255), atol=1e-4)
    np.testing.assert_array_equal(as_benchmark(maps[1]), scaled[1])
    np.testing.assert_array_equal(as_benchmark(7 * maps + 1), scaled)


def test_as_benchmark_of_a_still_face_is_zero_and_of_nan_an_error():
    assert not as_benchmark(np.ones((3, 28, 28), np.float32)).any()
    with pytest.raises(InputError, match="finite"):
        as_benchmark(np.full((3, 28, 28), np.nan, np.float32))
    with pytest.raises(InputError, match="shape"):
        as_benchmark(np.zeros((28, 28), np.float32))


def test_picture_shows_direction_as_colour():
    zero, one = np.zeros((4, 4), np.float32), np.ones((4, 4), np.float32)
    assert (picture(zero, zero) == 255).all()
    right, left, down = picture(one, zero)[0, 0], picture(-one, zero)[0, 0], picture(zero, one)[0, 0]
    assert right.tolist() == [0, 0, 255]
    assert left[2] == 0
    assert left[0] == 255
    assert down[2] == 255
    assert down[0] == 0
    faint = picture(0.1 * one, zero, limit=1.0)
    assert (faint > 200).all()
    assert picture(zero, zero).dtype == np.uint8
