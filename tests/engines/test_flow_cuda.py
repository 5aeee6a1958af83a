"""The CUDA engine without a GPU: every kernel compiled for every architecture, and run on the host as it is."""

import ctypes
import dataclasses

import numpy as np
import pytest

from engines.flow import PRESETS, as_benchmark, backends, flow_map, open_solver
from engines.flow.cpu import solver as cpu_solver
from engines.flow.cuda import compiling, plan
from engines.flow.cuda.session import TOGETHER, Batches, Session
from engines.flow.warped import warped_pair

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")


def grey(images):
    return np.stack(images).astype(np.float32)


def pairs_of(count, height=60, width=50, **options):
    pairs = [warped_pair(seed, height=height, width=width, **options) for seed in range(count)]
    return grey([p.onset for p in pairs]), grey([p.apex for p in pairs])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_kernel_compiles_for_every_architecture(architecture):
    pytest.importorskip("cuda.core", reason="cuda-core is not installed")
    pytest.importorskip("cuda.bindings.nvrtc", reason="cuda-bindings is not installed")
    code = compiling.compile_kernels(architecture)
    machine_code = bytes(code.code)
    assert machine_code[:4] == b"\x7fELF"
    for kernel in compiling.KERNELS:
        assert b".text." + kernel.encode() + b"\0" in machine_code


def test_compiled_kernels_are_kept_by_source_and_architecture(tmp_path):
    pytest.importorskip("cuda.core", reason="cuda-core is not installed")
    first = compiling.compile_kernels("sm_89", tmp_path)
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    again = compiling.compile_kernels("sm_89", tmp_path)
    assert bytes(first.code) == bytes(again.code)
    compiling.compile_kernels("sm_80", tmp_path)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len([p for p in files if p.stat().st_size > 10_000]) == 2
    assert all(p.stat().st_mtime_ns == kept[p] for p in kept)


def test_kernels_are_compiled_where_they_cannot_be_kept(tmp_path, capsys):
    pytest.importorskip("cuda.core", reason="cuda-core is not installed")
    (tmp_path / "file").write_text("no folder")
    code = compiling.compile_kernels("sm_89", tmp_path / "file" / "cuda")
    assert bytes(code.code)[:4] == b"\x7fELF"
    said = capsys.readouterr().err
    assert said.startswith("apexcam: the compiled kernels are not kept: ")
    assert said.count("\n") == 1


def test_the_plan_and_the_kernels_agree_on_their_constants():
    source = compiling.SOURCE.read_text()
    assert f"#define THREADS {plan.THREADS}\n" in source
    assert f"#define FUSED {plan.FUSED}\n" in source
    assert f"#define REGION {plan.TILE + 2 * plan.FUSED}\n" in source
    assert source.count("KERNEL ") - 1 == len(compiling.KERNELS)


@pytest.mark.parametrize("name", ["opencv", "precise"])
@pytest.mark.parametrize("size", [(60, 50), (23, 71)])
def test_the_kernels_do_what_the_cpu_engine_does(host, name, size):
    # No stopping rule, so that both do the same iterations: what differs then is rounding alone.
    preset = dataclasses.replace(PRESETS[name], epsilon=0.0, outer=2, inner=12, warps=2)
    onsets, apexes = pairs_of(2, *size)
    solved = Session(host, *size, 2, preset).solve(onsets, apexes)
    expected = cpu_solver(preset)(onsets, apexes)
    for (u, v, residual, confidence, iterations), own in zip(solved, expected, strict=True):
        assert iterations == own[4]
        # A warp rounds positions to fractions of a pixel, and can fall to the other side: most of all at the border.
        inner = np.s_[6:-6, 6:-6]
        difference = np.hypot(u - own[0], v - own[1])
        assert np.median(difference) < (1e-4 if preset.fractions > 32 else 1e-3)
        assert difference[inner].mean() < 2e-3
        assert np.abs(residual - own[2])[inner].mean() < 0.05
        assert np.abs(confidence - own[3])[inner].mean() < 5e-3


def test_one_warp_of_opencv_agrees_to_a_ten_thousandth_of_a_pixel(host):
    preset = dataclasses.replace(PRESETS["opencv"], scales=1, warps=1, epsilon=0.0, outer=1, inner=33)
    onsets, apexes = pairs_of(1)
    u, v, *_ = Session(host, 60, 50, 1, preset).solve(onsets, apexes)[0]
    own_u, own_v, *_ = cpu_solver(preset)(onsets, apexes)[0]
    assert np.abs(u - own_u).max() < 1e-4
    assert np.abs(v - own_v).max() < 1e-4


@pytest.mark.parametrize("name", ["opencv", "precise"])
def test_the_stopping_rule_stops_within_one_launch_of_the_cpu_engine(host, name):
    preset = dataclasses.replace(PRESETS[name], scales=2, outer=3 if name == "opencv" else 1)
    onsets, apexes = pairs_of(2, 100, 90)
    solved = Session(host, 100, 90, 2, preset).solve(onsets, apexes)
    for (u, v, _, _, iterations), own in zip(solved, cpu_solver(preset)(onsets, apexes), strict=True):
        assert own[4] <= iterations <= own[4] + 2 * preset.warps * plan.FUSED
        assert iterations < preset.scales * preset.warps * preset.outer * preset.inner
        assert np.hypot(u - own[0], v - own[1])[8:-8, 8:-8].mean() < 0.02


def test_the_precise_preset_as_it_is_finds_the_motion(host):
    pair = warped_pair(1, height=90, width=80)
    batches = Batches(host, PRESETS["precise"])
    u, v, *_ = batches(grey([pair.onset]), grey([pair.apex]))[0]
    own = open_solver("cpu")(pair.onset, pair.apex)
    assert np.hypot(u - own.u, v - own.v).mean() < 0.01
    error, own_error = (
        np.hypot(a - pair.u, b - pair.v)[pair.inside].mean() for a, b in ((u, v), (own.u, own.v))
    )
    assert error < 1.05 * own_error


def test_batches_of_any_length_equal_single_pairs(host):
    preset = dataclasses.replace(PRESETS["precise"], scales=1, warps=1, inner=5)
    batches = Batches(host, preset)
    count = TOGETHER + 2
    onsets, apexes = pairs_of(count, 20, 24)
    together = batches(onsets, apexes)
    assert len(together) == count
    for k in (0, 1, TOGETHER - 1, TOGETHER, count - 1):
        alone = batches(onsets[k : k + 1], apexes[k : k + 1])[0]
        for one, other in zip(alone[:4], together[k][:4], strict=True):
            np.testing.assert_array_equal(one, other)


def test_no_motion_no_flow_and_nothing_left_from_the_pair_before(host):
    session = Session(host, 40, 40, 1, PRESETS["precise"])
    onsets, apexes = pairs_of(1, 40, 40)
    before = session.solve(onsets, apexes)[0]
    u, v, *_ = session.solve(onsets, onsets)[0]
    assert not u.any()
    assert not v.any()
    np.testing.assert_array_equal(session.solve(onsets, apexes)[0][0], before[0])


def test_flow_maps_made_by_the_kernels_equal_those_made_here(host):
    onsets, apexes = pairs_of(2)
    preset = dataclasses.replace(PRESETS["precise"], scales=1, warps=1, inner=10)
    session = Session(host, 60, 50, 2, preset, maps=True)
    session.run(onsets, apexes)

    def fetch(name):
        values = np.empty(2 * 3 * 28 * 28, np.float32)
        ctypes.memmove(values.ctypes.data, session.address(name), values.nbytes)
        return values.reshape(2, 3, 28, 28)

    flows = Session(host, 60, 50, 2, preset).solve(onsets, apexes)
    expected = np.stack([flow_map(u, v) for u, v, *_ in flows])
    np.testing.assert_allclose(fetch("maps"), expected, atol=1e-5)
    # One step of 255 where rounding falls to the other side.
    assert np.abs(fetch("scaled") - as_benchmark(expected)).max() < 1.5 / 255
    assert np.abs(fetch("scaled") - as_benchmark(expected)).mean() < 1e-4


@pytest.fixture
def gpu():
    if "cuda" not in backends():
        pytest.skip("no NVIDIA GPU here")
    return open_solver


@pytest.mark.gpu
@pytest.mark.parametrize("preset", ["opencv", "precise"])
def test_the_gpu_measures_what_the_cpu_measures(gpu, preset):
    solver, own = gpu("cuda", preset), gpu("cpu", preset)
    pairs = [warped_pair(seed) for seed in range(20)]
    flows = solver.batch([p.onset for p in pairs], [p.apex for p in pairs])
    for pair, flow in zip(pairs, flows, strict=True):
        expected = own(pair.onset, pair.apex)
        difference = np.hypot(flow.u - expected.u, flow.v - expected.v)[8:-8, 8:-8]
        assert difference.mean() <= 0.02
        assert np.percentile(difference, 99) <= 0.06
        alone = solver(pair.onset, pair.apex)
        np.testing.assert_array_equal(alone.u, flow.u)
