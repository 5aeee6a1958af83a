"""Every network of the benchmark as ONNX, compiled by TensorRT-RTX for every promised GPU. Needs no GPU."""

import pytest

torch = pytest.importorskip("torch", reason="training is an extra: install apexcam[train]")
pytest.importorskip("onnx", reason="training is an extra: install apexcam[train]")
pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")

from engines.inference.tensorrt.compiling import compile_engine  # noqa: E402
from engines.inference.tensorrt.graph import prepare  # noqa: E402
from engines.inference.tensorrt.library import load  # noqa: E402
from engines.labels import CLASSES  # noqa: E402
from engines.networks import names, open_network  # noqa: E402
from engines.networks.onnx_file import Probabilities, to_onnx  # noqa: E402

# Their layers are as published, but the fully connected ones, half a gigabyte of weights, are 32 wide here.
NARROWED = ("alexnet", "vgg16")


def narrowed(network):
    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.Linear)]
    for k, layer in enumerate(layers):
        before, after = 32 if k else layer.in_features, 32 if k < len(layers) - 1 else layer.out_features
        layer.weight = torch.nn.Parameter(layer.weight[:after, :before].clone())
        layer.bias = torch.nn.Parameter(layer.bias[:after].clone())
    return network


@pytest.mark.parametrize("name", names())
def test_every_network_compiles_for_every_promised_gpu(name, monkeypatch):
    # Fresh weights are as good as any here, and drawing 138 million of them takes seconds.
    for draw in ("kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "uniform_", "normal_"):
        monkeypatch.setattr(
            torch.nn.init, draw, lambda tensor, *_, **__: torch.nn.init.constant_(tensor, 0.01)
        )
    network = open_network(name, len(CLASSES))
    content = to_onnx(Probabilities([narrowed(network) if name in NARROWED else network]), name, CLASSES)
    library = load("tensorrt_rtx")
    turing = compile_engine(library, prepare(content, 1, "fp32", turing=True), ["sm_75"])
    newer = compile_engine(library, prepare(content, 1, "fp32"), ["sm_80", "sm_86", "sm_89", "sm_120"])
    half = compile_engine(
        library, prepare(content, 1, "fp16"), ["sm_75", "sm_80", "sm_86", "sm_89", "sm_120"]
    )
    assert min(len(turing), len(newer), len(half)) > 100_000
    if len(newer) > 5_000_000:
        assert len(half) < 0.75 * len(newer)
