"""TensorRT: the exported network compiled for the GPU. One code for ``tensorrt_rtx`` and ``tensorrt``."""

from engines import cuda
from engines.fallback import Heard
from engines.inference.model_file import ModelFile
from engines.inference.tensorrt.library import load, missing

# Runtime → module: desktop GPUs, and those of data centres.
MODULES = {"tensorrt-rtx": "tensorrt_rtx", "tensorrt": "tensorrt"}


def missing_runtime(runtime: str) -> str:
    """Why it cannot run a network here, in a few words; empty when it can."""
    return missing(MODULES[runtime])


def open_runtime(runtime: str, model: ModelFile, precision: str, heard: Heard):  # type: ignore[no-untyped-def]
    """The model compiled for the GPU that is here. Raises whatever driver and library raise."""
    from engines.inference.tensorrt.classifier import TensorRtClassifier

    return TensorRtClassifier(model, load(MODULES[runtime]), cuda.current(), runtime, precision, heard)
