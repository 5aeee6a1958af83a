"""From a network in PyTorch to the ONNX file that `engines.inference` opens."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Mapping

import torch
from torch import nn

from engines.inference.model_file import INPUT, MAP_SHAPE, OUTPUT, SCHEMA


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


def to_onnx(network: nn.Module, name: str, classes: tuple[str, ...]) -> bytes:
    """The content of the ONNX file of ``network``, which gives probabilities (N, classes) of maps (N, 3, 28, 28)."""
    metadata = {
        "apexcam.schema": SCHEMA,
        "apexcam.name": name,
        "apexcam.classes": json.dumps(list(classes)),
        "apexcam.input": "float32 (N, 3, 28, 28) in 0..1: u, v, optical strain, each stretched to its own range",
    }
    return onnx_content(network, torch.zeros(2, *MAP_SHAPE), INPUT, OUTPUT, metadata)


def onnx_content(
    network: nn.Module, example: torch.Tensor, takes: str, gives: str, metadata: Mapping[str, str]
) -> bytes:
    """The content of an ONNX file of a network with one input and one output, any number at a time.

    ``example`` (2, ...) shows the input's shape; ``takes`` and ``gives`` name input and output. The file says nothing
    of the machine it was made on.
    """
    import onnx

    network.eval()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            network,
            (example,),
            input_names=[takes],
            output_names=[gives],
            dynamic_shapes=({0: torch.export.Dim("N", min=1, max=4096)},),
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


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
