"""The ONNX graph as TensorRT is given it: one batch size, one precision, nothing the target cannot do.

Everything here is checked against ONNX Runtime, which runs the rewritten graph as well.
"""

import warnings
from typing import Any

from engines.errors import InputError
from engines.inference.model_file import OUTPUT

# The Gemm that a linear layer is exported as.
_PLAIN = {"alpha": 1.0, "beta": 1.0, "transA": 0}


def prepare(content: bytes, batch: int, precision: str, *, turing: bool = False) -> bytes:
    """The network of ``read_model`` for exactly ``batch`` maps.

    ``precision`` "fp16" computes in half precision between float32 inputs and outputs, the softmax in
    float32. ``turing``: compute capability 7.5 is among the targets, for which TensorRT-RTX multiplies
    matrices in half precision only; in fp32 they become 1x1 convolutions, which it has.

    Raises InputError without the package onnx, of the extra "gpu".
    """
    try:
        import onnx
    except ImportError:
        raise InputError("TensorRT needs the package onnx: pip install 'apexcam[gpu]'") from None
    model = onnx.load_from_string(content)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    del model.graph.value_info[:]
    if precision == "fp16":
        model = _halved(model)
    elif turing:
        _multiply_by_convolution(model.graph)
    return bytes(model.SerializeToString(deterministic=True))


def _halved(model: Any) -> Any:
    """All but the softmax in half precision: it is taken off, and put back behind float32 logits."""
    from onnxruntime.transformers import float16

    (softmax,) = [node for node in model.graph.node if OUTPUT in node.output]
    if softmax.op_type != "Softmax":
        return float16.convert_float_to_float16(model, keep_io_types=True)
    model.graph.node.remove(softmax)
    model.graph.output[0].name = softmax.input[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of weights that half precision rounds
        model = float16.convert_float_to_float16(model, keep_io_types=True)
    model.graph.node.append(softmax)
    model.graph.output[0].name = OUTPUT
    return model


def _multiply_by_convolution(graph: Any) -> None:
    """Every plain Gemm by a constant, x W^T + b, as a 1x1 convolution of 1x1 images."""
    from onnx import helper, numpy_helper

    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        weights = constants.get(node.input[1]) if node.op_type == "Gemm" else None
        if weights is None or any(attributes.get(key, plain) != plain for key, plain in _PLAIN.items()):
            nodes.append(node)
            continue
        matrix = numpy_helper.to_array(weights)
        kernel = (matrix if attributes.get("transB", 0) else matrix.T)[:, :, None, None]
        name = node.output[0]
        graph.initializer.append(numpy_helper.from_array(kernel.copy(), f"{name}.kernel"))
        graph.initializer.append(helper.make_tensor(f"{name}.axes", 7, [2], [2, 3]))
        nodes += [
            helper.make_node("Unsqueeze", [node.input[0], f"{name}.axes"], [f"{name}.images"]),
            helper.make_node(
                "Conv", [f"{name}.images", f"{name}.kernel", *node.input[2:]], [f"{name}.pixels"]
            ),
            helper.make_node("Flatten", [f"{name}.pixels"], [name], name=node.name),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
