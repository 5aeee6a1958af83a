"""ONNX Runtime, on the processor and on an NVIDIA GPU (the package onnxruntime-gpu in place of onnxruntime)."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines import cuda
from engines.inference.model_file import INPUT, OUTPUT, ModelFile, check_maps
from engines.notices import OnNotice

_PROVIDER: Final = "CUDAExecutionProvider"


@dataclass(frozen=True)
class OnnxRuntimeClassifier:
    """See engines.inference.Classifier."""

    name: str
    sha256: str
    classes: tuple[str, ...]
    session: ort.InferenceSession
    runtime: str = "onnxruntime"

    def __call__(self, maps: NDArray[Any]) -> NDArray[Any]:
        """See `Classifier`."""
        (probabilities,) = self.session.run([OUTPUT], {INPUT: check_maps(maps)})
        return np.asarray(probabilities, np.float32)


def open_on_cpu(model: ModelFile, _precision: str, _on_notice: OnNotice) -> OnnxRuntimeClassifier:
    """The checked file's own session is already the one to run, in one thread: the network is too small to share."""
    return OnnxRuntimeClassifier(model.name, model.sha256, model.classes, model.session)


def missing_cuda() -> str:
    """Why it cannot run a network on a GPU here, in a few words; empty when it can."""
    if _PROVIDER not in ort.get_available_providers():
        return "onnxruntime-gpu is not installed"
    return "" if cuda.driver_version() is not None else "no NVIDIA driver"


def open_on_cuda(model: ModelFile, _precision: str, _on_notice: OnNotice) -> OnnxRuntimeClassifier:
    """A session on the GPU. Raises RuntimeError when ONNX Runtime would quietly use the CPU instead."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(model.content, options, providers=[_PROVIDER])
    session.disable_fallback()
    if session.get_providers()[0] != _PROVIDER:
        raise RuntimeError("its CUDA libraries do not load: cuDNN or the driver is missing or too old")
    return OnnxRuntimeClassifier(model.name, model.sha256, model.classes, session, "onnxruntime-cuda")
