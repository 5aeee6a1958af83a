"""Backend ``cuda``: TV-L1 on an NVIDIA GPU, the whole pyramid in one CUDA graph."""

import functools
from typing import Any

from engines import cuda
from engines.files import cache_folder
from engines.flow.backend import Solve
from engines.flow.presets import Preset


@functools.cache
def machine() -> Any:
    """The GPU with the flow kernels loaded. Compiles them on first use on this machine."""
    from engines.flow.cuda.compiling import KERNELS, compile_kernels
    from engines.flow.cuda.plan import THREADS

    gpu = cuda.current()
    gpu.load(compile_kernels(f"sm_{gpu.device.arch}", cache_folder("cuda")), KERNELS, THREADS)
    return gpu


def solver(preset: Preset) -> Solve:
    """A function that solves pairs on the GPU."""
    from engines.flow.cuda.session import Batches

    return Batches(machine(), preset)
