"""The kernels: they compile, and measure what the CPU engine measures."""

import numpy as np

from engines.crop_size import CROP_HEIGHT, CROP_WIDTH
from engines.proof import samples
from engines.proof.check import Figures, expect

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
# What the tests allow of the difference between the two engines, in pixels of the interior: mean, 99th percentile.
MEAN, TAIL = 0.02, 0.06
_INTERIOR = np.s_[8:-8, 8:-8]


def compiled(*, quick: bool) -> Figures:
    """Every kernel for every architecture, by NVRTC; this needs no GPU."""
    from engines.flow.cuda.compiling import KERNELS, compile_kernels

    wanted = ARCHITECTURES[3:4] if quick else ARCHITECTURES
    for architecture in wanted:
        code = bytes(compile_kernels(architecture).code)
        absent = [name for name in KERNELS if b".text." + name.encode() + b"\0" not in code]
        expect(not absent, f"{architecture} lacks {', '.join(absent)}")
    return {"architectures": len(wanted), "kernels": len(KERNELS)}


def known_motion(*, quick: bool) -> Figures:
    """The CPU engine, which the GPU is compared with, finds a motion that is known."""
    from engines.flow import open_solver

    solver = open_solver("cpu")
    errors = []
    for pair in samples.pairs(2 if quick else 8):
        flow = solver(pair.onset, pair.apex)
        errors.append(float(np.hypot(flow.u - pair.u, flow.v - pair.v)[pair.inside].mean()))
    expect(np.mean(errors) < 0.3, f"error of {np.mean(errors):.2f} px where the motion is 1 px")
    return {"error_px": round(float(np.mean(errors)), 4)}


def agree(preset: str, *, quick: bool) -> Figures:
    """The GPU's flow is the CPU's but for rounding, and that of a batch is that of single pairs, bit for bit."""
    from engines.flow import open_solver

    solver, own = open_solver("cuda", preset), open_solver("cpu", preset)
    some = samples.pairs(4 if quick else 20)
    flows = solver.batch([p.onset for p in some], [p.apex for p in some])
    means, tails = [], []
    for pair, flow in zip(some, flows, strict=True):
        expected = own(pair.onset, pair.apex)
        difference = np.hypot(flow.u - expected.u, flow.v - expected.v)[_INTERIOR]
        means.append(float(difference.mean()))
        tails.append(float(np.percentile(difference, 99)))
        alone = solver(pair.onset, pair.apex)
        same = np.array_equal(alone.u, flow.u) and np.array_equal(alone.v, flow.v)
        expect(same, "a pair alone and in a batch gives another flow")
    expect(solver.backend == "cuda", f"{solver.backend} took over: {'; '.join(solver.failures)}")
    expect(max(means) <= MEAN, f"mean difference {max(means):.3f} px, more than {MEAN}")
    expect(max(tails) <= TAIL, f"99th percentile {max(tails):.3f} px, more than {TAIL}")
    return {"mean_px": round(max(means), 5), "p99_px": round(max(tails), 5)}


def maps(*, quick: bool) -> Figures:
    """The flow maps that the kernels make are those made of the same flow here."""
    from engines.flow import PRESETS, as_benchmark, flow_map
    from engines.flow.cuda import machine
    from engines.flow.cuda.session import Session
    from engines.flow.maps import SIDE

    gpu, count = machine(), 4
    some = samples.pairs(count)
    onsets, apexes = samples.grey([p.onset for p in some]), samples.grey([p.apex for p in some])
    preset = PRESETS["precise"]
    flows = Session(gpu, CROP_HEIGHT, CROP_WIDTH, count, preset).solve(onsets, apexes)
    session = Session(gpu, CROP_HEIGHT, CROP_WIDTH, count, preset, maps=True)
    session.run(onsets, apexes)
    here = gpu.reserve_here(count * 3 * SIDE * SIDE)
    expected = np.stack([flow_map(u, v) for u, v, *_ in flows])
    worst = {}
    # One step of 255 where rounding falls to the other side.
    for name, wanted, bound in (("maps", expected, 1e-4), ("scaled", as_benchmark(expected), 1.5 / 255)):
        gpu.record([], [], [(here, session.address(name))])()
        worst[name] = float(np.abs(here.reshape(wanted.shape) - wanted).max())
        expect(worst[name] <= bound, f"{name} differ by {worst[name]:.2g}, more than {bound:.2g}")
    return worst
