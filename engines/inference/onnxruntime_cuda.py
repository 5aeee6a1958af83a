"""ONNX Runtime on an NVIDIA GPU: the package onnxruntime-gpu in place of onnxruntime."""

import onnxruntime as ort

from engines import cuda
from engines.inference.model_file import ModelFile
from engines.inference.onnxruntime_cpu import OnnxRuntimeClassifier

_PROVIDER = "CUDAExecutionProvider"


def missing() -> str:
    """Why it cannot run a network here, in a few words; empty when it can."""
    if _PROVIDER not in ort.get_available_providers():
        return "onnxruntime-gpu is not installed"
    return "" if cuda.driver_version() is not None else "no NVIDIA driver"


def open_runtime(model: ModelFile) -> OnnxRuntimeClassifier:
    """A session on the GPU. Raises RuntimeError when ONNX Runtime would quietly use the CPU instead."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(model.content, options, providers=[_PROVIDER])
    session.disable_fallback()
    if session.get_providers()[0] != _PROVIDER:
        raise RuntimeError("its CUDA libraries do not load: cuDNN or the driver is missing or too old")
    return OnnxRuntimeClassifier(model.name, model.sha256, model.classes, session, "onnxruntime-cuda")
