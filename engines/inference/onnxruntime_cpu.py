"""ONNX Runtime on the CPU: the runtime that is always there. One thread: the network is too small to share
out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines.inference.model_file import INPUT, OUTPUT, ModelFile, check_maps


@dataclass(frozen=True)
class OnnxRuntimeClassifier:
    """See engines.inference.Classifier."""

    name: str
    sha256: str
    classes: tuple[str, ...]
    session: ort.InferenceSession
    runtime: str = "onnxruntime"

    def __call__(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Probabilities, float32 (N, C), of maps, float32 (N, 3, 28, 28) in 0..1. ValueError for another
        shape or NaN.
        """
        (probabilities,) = self.session.run([OUTPUT], {INPUT: check_maps(maps)})
        return np.asarray(probabilities, np.float32)


def open_runtime(model: ModelFile) -> OnnxRuntimeClassifier:
    """The checked file's own session is already the one to run."""
    return OnnxRuntimeClassifier(model.name, model.sha256, model.classes, model.session)
