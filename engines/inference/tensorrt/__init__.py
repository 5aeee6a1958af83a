"""TensorRT: the exported network compiled for the GPU. One code for ``tensorrt_rtx`` and ``tensorrt``."""
