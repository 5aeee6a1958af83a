"""Backend ``cuda``: TV-L1 on an NVIDIA GPU, the whole pyramid in one CUDA graph."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines import cuda
from engines.files import cache_folder
from engines.flow.backend import Solve
from engines.flow.maps import SIDE
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


def map_maker(preset: Preset) -> Callable[[NDArray[np.float32], NDArray[np.float32]], Any]:
    """A function from pairs to flow maps that never leave the GPU.

    It takes onsets and apexes, float32 (N, H, W) in grey levels 0..255, N at most ``batches.TOGETHER``, and
    returns float32 (N, 3, 28, 28) as ``as_benchmark`` makes it, in device memory, as an object with
    ``__dlpack__``. The next call overwrites it.
    """
    from engines.flow.cuda.session import Batches

    gpu = machine()
    batches = Batches(gpu, preset, maps=True)

    def make(onsets: NDArray[np.float32], apexes: NDArray[np.float32]) -> Any:
        with batches.lock:
            session = batches.session(*onsets.shape)
            session.run(onsets, apexes)
        return gpu.lend(session.memory("scaled"), (len(onsets), 3, SIDE, SIDE))

    return make
