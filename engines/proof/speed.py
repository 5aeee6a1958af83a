"""How fast: flow, flow map, network and the whole, alone and in batches, beside OpenCV and the baseline."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from engines import cuda
from engines.crop_size import CROP_HEIGHT, CROP_WIDTH
from engines.proof import baseline, samples
from engines.proof.check import Figures, Skipped, expect

_FULL, _QUICK = 1000, 20


def flow(backend: str, *, quick: bool) -> Figures:
    """One pair of 170x140 through the public interface: pictures in host memory, flow in host memory."""
    from engines.flow import open_solver

    solver = open_solver(backend)
    (onset, *_), (apex, *_) = samples.crops(1)
    found = samples.latency(lambda: solver(onset, apex), turns=_turns(backend, quick))
    expect(solver.backend == backend, "; ".join(solver.failures))
    return found


def _turns(backend: str, quick: bool) -> int:
    return _QUICK if quick else _FULL if backend == "cuda" else _FULL // 10


def flow_map(*, quick: bool) -> Figures:
    """One pair of 170x140 to its flow map, which stays on the device."""
    from engines.flow import PRESETS
    from engines.flow.cuda import machine
    from engines.flow.cuda.session import Session

    session = Session(machine(), CROP_HEIGHT, CROP_WIDTH, 1, PRESETS["precise"], maps=True)
    onsets, apexes = (samples.grey(images) for images in samples.crops(1))
    return samples.latency(lambda: session.run(onsets, apexes), turns=_QUICK if quick else _FULL)


def classify(runtime: str, *, quick: bool) -> Figures:
    """One flow map to probabilities by the best runtime here, or by the one given."""
    from engines.inference import open_classifier
    from engines.inference.model_file import MAP_SHAPE

    network = open_classifier(None, runtime)
    one = np.random.default_rng(0).random((1, *MAP_SHAPE), np.float32)
    return {"runtime": network.runtime, **samples.latency(lambda: network(one), turns=_turns("cuda", quick))}


def whole(*, quick: bool) -> Figures:
    """Apex to probabilities: one pair of crops in host memory, the way that a running camera takes."""
    from engines.recognition import Recognition

    recognition = Recognition()
    expect(recognition.flow[0] == "cuda", f"the flow is by {recognition.flow[0]}")
    onsets, apexes = samples.crops(1)
    found = samples.latency(lambda: list(recognition(onsets, apexes)), turns=_turns("cuda", quick))
    return {"way": recognition.way, "runtime": recognition.runtime, **found}


def batches(size: str, *, quick: bool) -> Figures:
    """Pairs a second: of flow through the public interface, and of flow maps that stay on the device."""
    from engines.flow import PRESETS, open_solver
    from engines.flow.cuda import machine
    from engines.flow.cuda.session import Session

    count, seconds = int(size), 0.2 if quick else 3.0
    solver = open_solver("cuda")
    onsets, apexes = samples.crops(count)
    flows = _rate(lambda: solver.batch(onsets, apexes), seconds)
    expect(solver.backend == "cuda", "; ".join(solver.failures))
    session = Session(machine(), CROP_HEIGHT, CROP_WIDTH, count, PRESETS["precise"], maps=True)
    first, then = samples.grey(onsets), samples.grey(apexes)
    maps = _rate(lambda: session.run(first, then), seconds)
    return {"flows_per_s": round(count * flows), "maps_per_s": round(count * maps)}


def _rate(work: Callable[[], object], seconds: float) -> float:
    """Calls a second."""
    work()
    began, calls = time.perf_counter(), 0
    while (spent := time.perf_counter() - began) < seconds:
        work()
        calls += 1
    return calls / spent


def beside_opencv(*, quick: bool) -> Figures:
    """How many times faster than OpenCV's DualTVL1 in one thread of this CPU, in turns on the same pair."""
    import cv2

    from engines.flow import open_solver, registry

    if reason := registry.missing("opencv"):
        raise Skipped(f"{reason} here: opencv-contrib-python has it, opencv-python-headless has not")
    cv2.setNumThreads(1)
    theirs = open_solver("opencv", "opencv")
    (onset, *_), (apex, *_) = samples.crops(1)
    return _ratios("opencv", partial(theirs, onset, apex), quick)


def beside_baseline(*, quick: bool) -> Figures:
    """How many times faster than the baseline on this GPU, in turns on the same pair."""
    import torch

    if not torch.cuda.is_available():
        raise Skipped("this PyTorch has no CUDA")
    onset, apex = (torch.from_numpy(samples.grey(some))[:, None].cuda() for some in samples.crops(1))

    def theirs() -> Any:
        with torch.inference_mode():
            return baseline.tvl1(onset, apex).cpu()

    return {"baseline": f"{baseline.NAME} on the GPU", **_ratios("baseline", theirs, quick)}


def _ratios(name: str, theirs: Callable[[], object], quick: bool) -> Figures:
    from engines.flow import open_solver

    found: dict[str, float | int | str] = {}
    (onset, *_), (apex, *_) = samples.crops(1)
    turns = 1 if quick else 20
    other = samples.latency(theirs, turns=turns, warm=1)["p50_ms"]
    found[f"{name}_p50_ms"] = other
    for backend in ("cpu", *(() if cuda.missing() else ("cuda",))):
        solver = open_solver(backend)
        own = samples.latency(partial(solver, onset, apex), turns=turns)["p50_ms"]
        found[f"{backend}_p50_ms"], found[f"{backend}_times_faster"] = own, round(other / own, 1)
    return found


def baseline_is_right(*, quick: bool) -> Figures:
    """The baseline finds a motion that is known: a comparison with something broken would be worth nothing."""
    import torch

    torch.set_num_threads(1)
    errors = []
    for pair in samples.pairs(1 if quick else 4, 85, 70):
        with torch.inference_mode():
            images = (torch.from_numpy(samples.grey([each]))[:, None] for each in (pair.onset, pair.apex))
            u, v = baseline.tvl1(*images)[0].numpy()
        errors.append(float(np.hypot(u - pair.u, v - pair.v)[pair.inside].mean()))
    expect(np.mean(errors) < 0.4, f"error of {np.mean(errors):.2f} px where the motion is 1 px")
    return {"error_px": round(float(np.mean(errors)), 4)}
