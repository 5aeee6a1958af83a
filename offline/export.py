"""From a trained network to an ONNX file the live side opens, with the parity of the two checked before it
is kept.
"""

import contextlib
import io
import json
import logging
import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engines.inference import open_classifier
from engines.inference.model_file import INPUT, MAP_SHAPE, OUTPUT, SCHEMA

PARITY = 1e-5


class Probabilities(nn.Module):
    """The mean logits of the members, divided by a temperature, as probabilities: what the exported graph
    computes.
    """

    def __init__(self, members: list[nn.Module], temperature: float = 1.0) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.temperature = temperature

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Probabilities (N, classes) of maps (N, 3, 28, 28)."""
        logits = self.members[0](maps)
        for member in list(self.members)[1:]:
            logits = logits + member(maps)
        return torch.softmax(logits / (len(self.members) * self.temperature), 1)


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
    import onnx

    network.eval()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            network,
            (torch.zeros(2, *MAP_SHAPE),),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("N", min=1, max=4096)},),
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    for key, value in {
        "apexcam.schema": SCHEMA,
        "apexcam.name": name,
        "apexcam.classes": json.dumps(list(classes)),
        "apexcam.input": "float32 (N, 3, 28, 28) in 0..1: u, v, optical strain, each stretched to its own range",
    }.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(model.SerializeToString(deterministic=True))
        Path(temporary).chmod(0o644)
        classify = open_classifier(temporary)
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


def _strip(model: object) -> None:
    """Remove what the exporter leaves about the machine it ran on (source paths, stack traces)."""
    model.doc_string = ""  # type: ignore[attr-defined]
    del model.metadata_props[:]  # type: ignore[attr-defined]
    graph = model.graph  # type: ignore[attr-defined]
    del graph.metadata_props[:]
    graph.doc_string = ""
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
