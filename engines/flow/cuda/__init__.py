"""Backend ``cuda``: TV-L1 on an NVIDIA GPU, the whole pyramid in one CUDA graph."""

import ctypes
import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.flow.flow_map import SIDE
from engines.flow.presets import Preset
from engines.flow.solver import Solve


@functools.cache
def present() -> bool:
    """Whether there is a GPU that the kernels run on, and the packages of the extra "gpu"."""
    try:
        # The driver first: without it, importing cuda.core would cost a third of a second for nothing.
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        from cuda.core import Device

        from engines.flow.cuda.gpu import OLDEST

        return any(tuple(device.compute_capability) >= OLDEST for device in Device.get_all_devices()[:1])
    except Exception:
        # No package, no driver, a driver without a device: each of them raises something else.
        return False


@functools.cache
def _gpu() -> Any:
    from engines.flow.cuda.gpu import Gpu

    return Gpu()


def solver(preset: Preset) -> Solve:
    """A function that solves pairs on the GPU. Compiles the kernels on first use on this machine."""
    from engines.flow.cuda.batches import Batches

    return Batches(_gpu(), preset)


def map_maker(preset: Preset) -> Callable[[NDArray[np.float32], NDArray[np.float32]], Any]:
    """A function from pairs to flow maps that never leave the GPU.

    It takes onsets and apexes, float32 (N, H, W) in grey levels 0..255, N at most ``batches.TOGETHER``, and
    returns float32 (N, 3, 28, 28) as ``as_benchmark`` makes it, in device memory, as an object with
    ``__dlpack__``. The next call overwrites it.
    """
    from cuda.core import Buffer
    from cuda.core.utils import StridedMemoryView

    from engines.flow.cuda.batches import Batches

    batches = Batches(_gpu(), preset, maps=True)

    def make(onsets: NDArray[np.float32], apexes: NDArray[np.float32]) -> Any:
        with batches.lock:
            session = batches.session(*onsets.shape)
            session.run(onsets, apexes)
        shape = (len(onsets), 3, SIDE, SIDE)
        buffer = Buffer.from_handle(session.address("scaled"), 4 * int(np.prod(shape)), owner=session)
        return StridedMemoryView.from_buffer(buffer, shape, dtype=np.dtype(np.float32))

    return make
