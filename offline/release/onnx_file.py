"""From a trained network to an ONNX file the live side opens, with the parity of the two checked before it
is kept.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engines.inference import open_classifier
from engines.networks.onnx_file import to_onnx

PARITY = 1e-5


@dataclass(frozen=True)
class Exported:
    """The written file: its SHA-256, size in bytes, and the largest difference from PyTorch over the
    checked maps.
    """

    path: Path
    sha256: str
    size: int
    max_abs_diff: float


def export(
    network: nn.Module,
    path: Path,
    *,
    name: str,
    classes: tuple[str, ...],
    check: NDArray[Any],
    reference: nn.Module,
) -> Exported:
    """Write ``network`` (maps to probabilities) as ONNX, atomically, if it computes what ``reference`` does.

    ``check``: float32 (N, 3, 28, 28), the maps both are run on. Raises ArithmeticError when any probability
    differs by more than 1e-5, and writes nothing then.
    """
    content = to_onnx(network, name, classes)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        classify = open_classifier(temporary, "onnxruntime")
        with torch.no_grad():
            expected = reference.eval()(torch.from_numpy(check)).numpy()
        difference = float(np.abs(classify(check) - expected).max())
        if not difference <= PARITY:
            raise ArithmeticError(
                f"the exported network differs from PyTorch by {difference:.2e}, more than {PARITY}"
            )
        size = Path(temporary).stat().st_size
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return Exported(path, classify.sha256, size, difference)
