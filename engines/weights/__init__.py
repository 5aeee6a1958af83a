"""The shipped network(s), ONNX, each with a model card beside it. They travel in the wheel."""
