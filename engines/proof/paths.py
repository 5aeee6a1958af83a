"""The ways from crops to probabilities: the one graph, each runtime behind the flow on the GPU, and handing over."""

import tempfile
from pathlib import Path

import numpy as np

from engines import cuda
from engines.proof import samples
from engines.proof.check import Failed, Figures, Skipped, expect

# How far probabilities may lie from ONNX Runtime's on the CPU.
CLOSE = 1e-3


def on_cpu(*, quick: bool) -> Figures:
    """Stage by stage on the CPU: what the other ways are compared with."""
    from engines.recognition import Recognition

    recognition = Recognition(backend="cpu", runtime="onnxruntime")
    answers = list(recognition(*samples.crops(2)))
    for answer in answers:
        expect(abs(float(answer.probabilities.sum()) - 1) < 1e-4, "the probabilities do not sum to 1")
    return {"way": recognition.way, "runtime": recognition.runtime, "pairs": len(answers)}


def check_supported(runtime: str) -> None:
    """Raises Skipped where the library is not here, or not for this architecture."""
    from engines.inference import RUNTIMES
    from engines.inference.tensorrt import compiling, library

    if reason := RUNTIMES[runtime].missing():
        raise Skipped(reason)
    if runtime in library.MODULES:
        loaded = library.load(library.MODULES[runtime])
        known = [name for name in compiling.targets(loaded) if name != compiling.CURRENT]
        here = f"sm_{cuda.current().identity['capability'].replace('.', '')}"
        if known and here not in known:
            raise Skipped(f"{loaded.name} {loaded.version} does not compile for {here}: {', '.join(known)}")


def one_graph(runtime: str, precision: str, *, quick: bool) -> Figures:
    """Pictures to probabilities in one CUDA graph, single and in batches, as the CPU has them of the same flow."""
    from engines.flow import as_benchmark, flow_map
    from engines.inference import open_classifier
    from engines.recognition import Recognition

    check_supported(runtime)
    notices: list[str] = []
    recognition = Recognition(runtime=runtime, precision=precision, on_notice=notices.append)
    expect(recognition.way == f"one CUDA graph with {runtime}", "; ".join([*notices, recognition.way]))
    onsets, apexes = samples.crops(20)
    together = list(recognition(onsets, apexes))
    alone = [answer for k in range(8) for answer in recognition(onsets[k : k + 1], apexes[k : k + 1])]
    classify = open_classifier(None, "onnxruntime")
    worst = 0.0
    for answer in (*together, *alone):
        (expected,) = classify(as_benchmark(flow_map(answer.u, answer.v))[None])
        worst = max(worst, float(np.abs(answer.probabilities - expected).max()))
    # A map's rounding to 255 levels falls to the other side now and then, beside the network's own rounding.
    bound = 10 * CLOSE if precision == "fp32" else 30 * CLOSE
    expect(worst <= bound, f"probabilities differ by {worst:.2g}, more than {bound:g}")
    expect(not recognition.failures, "; ".join(recognition.failures))
    return {"way": recognition.way, "max_difference": worst}


def classified(runtime: str, *, quick: bool) -> Figures:
    """The network by a runtime gives what ONNX Runtime gives on the CPU, for 1 map and for 33."""
    from engines.inference import open_classifier
    from engines.inference.model_file import MAP_SHAPE

    check_supported(runtime)
    notices: list[str] = []
    classify = open_classifier(None, runtime, on_notice=notices.append)
    own = open_classifier(None, "onnxruntime")
    worst = 0.0
    for count in (1, 33):
        given = np.random.default_rng(count).random((count, *MAP_SHAPE), np.float32)
        worst = max(worst, float(np.abs(classify(given) - own(given)).max()))
    expect(worst <= CLOSE, f"probabilities differ by {worst:.2g}, more than {CLOSE:g}")
    expect(classify.runtime == runtime and not notices, "; ".join([classify.runtime, *notices]))
    return {"max_difference": worst}


def staged(runtime: str, *, quick: bool) -> Figures:
    """Stage by stage with the flow on the GPU: what stands in where the one graph fails."""
    from engines.flow import as_benchmark, flow_map
    from engines.inference import open_classifier
    from engines.inference.model_file import read_model
    from engines.recognition.stages import Stages

    check_supported(runtime)
    notices: list[str] = []
    stages = Stages(read_model(None), "cuda", "precise", runtime, "fp32", notices.append)
    (answer,) = stages(*samples.crops(1))
    (expected,) = open_classifier(None, "onnxruntime")(as_benchmark(flow_map(answer.u, answer.v))[None])
    worst = float(np.abs(answer.probabilities - expected).max())
    expect((answer.backend, answer.runtime) == ("cuda", runtime), "; ".join(notices))
    expect(worst <= CLOSE, f"probabilities differ by {worst:.2g}, more than {CLOSE:g}")
    return {"backend": answer.backend, "runtime": answer.runtime, "max_difference": worst}


def hands_over(*, quick: bool) -> Figures:
    """A flow that fails in use hands over to the CPU engine, in one line, and the pair is measured all the same."""
    from engines.fallback import Fallback
    from engines.flow import PRESETS
    from engines.flow.backend import Solve, Solved
    from engines.flow.cpu import solver

    def failing(onsets: object, apexes: object) -> list[Solved]:
        raise RuntimeError("out of memory")

    notices: list[str] = []
    using: Fallback[Solve] = Fallback(
        "flow backend",
        [("cuda", str, lambda: failing), ("cpu", str, lambda: solver(PRESETS["precise"]))],
        notices.append,
    )
    onsets, apexes = (samples.grey(images) for images in samples.crops(1))
    answers = using.run(lambda _, solve: solve(onsets, apexes))
    expect(using.name == "cpu" and len(answers) == 1, "the CPU did not take over")
    expect(len(notices) == 1, f"{len(notices)} lines instead of one: {'; '.join(notices)}")
    return {"notice": notices[0]}


def after_a_cuda_error(*, quick: bool) -> Figures:
    """A kernel that writes where it must not ruins CUDA for the process; recognition goes on, on the CPU."""
    from engines.cuda.machine import Launch
    from engines.flow.cuda import machine
    from engines.recognition import Recognition

    notices: list[str] = []
    recognition = Recognition(on_notice=notices.append)
    onsets, apexes = samples.crops(1)
    expect(recognition.flow[0] == "cuda", "; ".join(["the flow is not on the GPU", *notices]))
    (before,) = recognition(onsets, apexes)
    wild = Launch("clear", (1, 1, 1), (np.uintp(64), np.int32(256)))
    try:
        machine().record([], [wild], [])()
    except Exception as error:
        said = type(error).__name__
    else:
        raise Failed("a kernel that writes to address 64 ran without an error")
    (after,) = recognition(onsets, apexes)
    expect(after.backend == "cpu", f"the flow is still by {after.backend}")
    expect(notices, "nothing was said")
    difference = float(np.abs(after.probabilities - before.probabilities).max())
    return {"error": said, "runtime": after.runtime, "lines": len(notices), "max_difference": difference}


def compiled_elsewhere(target: str, *, quick: bool) -> Figures:
    """The shipped network compiled for a GPU that need not be here."""
    from importlib import resources

    from engines.inference.model_file import SHIPPED
    from engines.inference.tensorrt.command import build, installed_library

    if installed_library() is None:
        raise Skipped("no TensorRT is installed")
    with (
        tempfile.TemporaryDirectory() as folder,
        resources.as_file(resources.files("engines.weights") / SHIPPED) as model,
    ):
        out = Path(folder) / "network.engine"
        build(model, target, "fp16", 1, out)
        return {"bytes": out.stat().st_size}
