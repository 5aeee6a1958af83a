"""The runtimes there are, one row each, the best first."""

from functools import partial
from typing import Final

from engines import cuda
from engines.inference import onnx_runtime
from engines.inference.model_file import ModelFile
from engines.inference.runtime import PRECISIONS, Classifier, Runtime
from engines.inference.tensorrt import library
from engines.notices import OnNotice


def _tensorrt(name: str, title: str) -> Runtime:
    module = library.MODULES[name]

    def open_runtime(model: ModelFile, precision: str, on_notice: OnNotice) -> Classifier:
        from engines.inference.tensorrt.classifier import TensorRtClassifier

        loaded = library.load(module)
        return TensorRtClassifier(model, loaded, cuda.current(), name, precision, on_notice)

    return Runtime(name, title, open_runtime, partial(library.missing, module), PRECISIONS)


RUNTIMES: Final = {
    row.name: row
    for row in (
        _tensorrt("tensorrt-rtx", "TensorRT for RTX, desktop GPUs"),
        _tensorrt("tensorrt", "TensorRT, GPUs of data centres"),
        Runtime(
            "onnxruntime-cuda",
            "ONNX Runtime on an NVIDIA GPU",
            onnx_runtime.open_on_cuda,
            onnx_runtime.missing_cuda,
        ),
        Runtime("onnxruntime", "ONNX Runtime on the processor", onnx_runtime.open_on_cpu),
    )
}


def runtimes() -> list[str]:
    """The runtimes this machine has, best first."""
    return [name for name, reason in every_runtime().items() if not reason]


def every_runtime() -> dict[str, str]:
    """Every runtime there is, best first, with why it cannot work here; empty when it can."""
    return {name: row.missing() for name, row in RUNTIMES.items()}
