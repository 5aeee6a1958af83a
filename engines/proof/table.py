"""The checks there are, one row each, in the order they are made: what is quick and decides most comes first."""

from typing import Final

from engines.proof.check import Check, Goal

_CV = ("numpy", "cv2", "numba", "scipy", "skimage")
_CUDA = ("cuda.core", "cuda.bindings", "numpy", "cv2")
_WHOLE = (*_CV, "onnxruntime")
_FLOW_MS, _WHOLE_MS = Goal("p50_ms", 0.3), Goal("p50_ms", 0.6)
_RATE = Goal("maps_per_s", 20_000, at_least=True)
_P: Final = "engines.proof"


def _on_gpu(group: str, name: str, function: str, *given: str, **more: object) -> Check:
    needs = tuple(dict.fromkeys((*_CUDA, *_CV)))
    return Check(group, name, f"{_P}.{function}", given, gpu=True, **{"needs": needs, **more})  # type: ignore[arg-type]


CHECKS: Final = (
    Check("gpu", "a GPU that answers", f"{_P}.gpu:found"),
    Check("kernels", "compile for every architecture", f"{_P}.kernels:compiled", needs=_CUDA),
    Check("kernels", "CPU engine finds a known motion", f"{_P}.kernels:known_motion", needs=_CV, seconds=200.0),
    _on_gpu("kernels", "GPU as CPU, precise", "kernels:agree", "precise"),
    _on_gpu("kernels", "GPU as CPU, opencv", "kernels:agree", "opencv"),
    _on_gpu("kernels", "flow maps as on the CPU", "kernels:maps"),
    _on_gpu("gpu", "CUDA graph captured and run again", "gpu:capture"),
    _on_gpu("gpu", "DLPack with PyTorch", "gpu:dlpack", "torch", needs=(*_CUDA, "torch")),
    _on_gpu("gpu", "DLPack with CuPy", "gpu:dlpack", "cupy", needs=(*_CUDA, "cupy")),
    Check("paths", "stage by stage on the CPU", f"{_P}.paths:on_cpu", needs=_WHOLE),
    Check("paths", "what fails hands over", f"{_P}.paths:hands_over", needs=_CV),
    Check(
        "paths", "network compiled for sm_89 by TensorRT", f"{_P}.paths:compiled_elsewhere", ("sm_89",),
        needs=("onnxruntime", "onnx"),
    ),
    *(
        _on_gpu("paths", f"one graph, {runtime} {precision}", "paths:one_graph", runtime, precision, needs=_WHOLE)
        for runtime in ("tensorrt-rtx", "tensorrt")
        for precision in ("fp32", "fp16")
    ),
    *(
        _on_gpu("paths", f"network by {runtime}", "paths:classified", runtime, needs=_WHOLE)
        for runtime in ("tensorrt-rtx", "tensorrt", "onnxruntime-cuda")
    ),
    *(
        _on_gpu("paths", f"flow by CUDA, then {runtime}", "paths:staged", runtime, needs=_WHOLE)
        for runtime in ("tensorrt-rtx", "tensorrt", "onnxruntime-cuda", "onnxruntime")
    ),
    _on_gpu("paths", "goes on after a CUDA error", "paths:after_a_cuda_error", needs=_WHOLE),
    Check("starts", "kernels kept, sm_89", f"{_P}.starts:kernels_kept", ("sm_89",), needs=_CUDA),
    _on_gpu("starts", "first flow, twice", "starts:flow_kept", seconds=120.0),
    *(
        _on_gpu("starts", f"network kept by {runtime}", "starts:network_kept", runtime, needs=_WHOLE, seconds=120.0)
        for runtime in ("tensorrt-rtx", "tensorrt")
    ),
    _on_gpu("speed", "flow, one pair", "speed:flow", "cuda", goals=(_FLOW_MS,)),
    _on_gpu("speed", "flow map, one pair", "speed:flow_map"),
    _on_gpu("speed", "network, one map", "speed:classify", "auto", needs=_WHOLE),
    _on_gpu("speed", "apex to probabilities", "speed:whole", needs=_WHOLE, goals=(_WHOLE_MS,)),
    _on_gpu("speed", "batches of 1", "speed:batches", "1"),
    _on_gpu("speed", "batches of 8", "speed:batches", "8"),
    _on_gpu("speed", "batches of 64", "speed:batches", "64", goals=(_RATE,)),
    Check("speed", "flow on the CPU, one pair", f"{_P}.speed:flow", ("cpu",), needs=_CV),
    Check("speed", "beside OpenCV's TV-L1 on the CPU", f"{_P}.speed:beside_opencv", needs=_CV),
    Check("speed", "the baseline is right", f"{_P}.speed:baseline_is_right", needs=(*_CV, "torch")),
    _on_gpu("speed", "beside the baseline", "speed:beside_baseline", needs=(*_CUDA, *_CV, "torch")),
    Check("memory", "1,000 pairs on the CPU", f"{_P}.endurance:flat", ("cpu",), needs=_CV),
    _on_gpu("memory", "10,000 pairs on the GPU", "endurance:flat", "cuda"),
    Check("training", "ststnet on the CPU", f"{_P}.training:on_cpu", ("ststnet",), needs=("numba", "torch")),
    *(
        _on_gpu(
            "training", f"{network}, GPU beside CPU", "training:beside_the_cpu", network,
            needs=("numba", "torch"), seconds=150.0,
        )
        for network in ("ststnet", "fr", "mscnn")
    ),
)  # fmt: skip
