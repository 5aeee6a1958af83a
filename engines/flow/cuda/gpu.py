"""A GPU as the machine of a session: memory, kernels, and a CUDA graph of each plan."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from cuda.core import Buffer, Device, LaunchConfig, LegacyPinnedMemoryResource, launch

from engines.flow.cuda.compiling import KERNELS, compile_kernels
from engines.flow.cuda.plan import THREADS, Launch
from engines.flow.cuda.session import Floats, Memory

# The oldest that NVRTC still compiles for.
OLDEST = (7, 5)


class Gpu:
    """The current CUDA device, one stream on it, and the compiled kernels."""

    def __init__(self) -> None:
        self.device: Any = Device()
        self.device.set_current()
        self.stream: Any = self.device.create_stream()
        cache = Path(platformdirs.user_cache_dir("apexcam")) / "cuda"
        code = compile_kernels(f"sm_{self.device.arch}", cache)
        self._kernels = {name: code.get_kernel(name) for name in KERNELS}
        self._pinned = LegacyPinnedMemoryResource()

    def reserve(self, floats: int) -> Memory:
        """Room on the device; not cleared."""
        buffer = self.device.allocate(4 * floats, stream=self.stream)
        self.stream.sync()
        return Memory(int(buffer.handle), buffer)

    def reserve_here(self, floats: int) -> Floats:
        """Room in pinned host memory, which the device copies from and to by itself."""
        buffer = self._pinned.allocate(4 * floats, stream=self.stream)
        raw: Any = (ctypes.c_float * floats).from_address(int(buffer.handle))
        # The array that numpy makes of this holds it, and so the memory.
        raw.owner = buffer
        values: Floats = np.frombuffer(raw, np.float32)
        return values

    def record(
        self,
        uploads: list[tuple[int, Floats]],
        launches: list[Launch],
        downloads: list[tuple[Floats, int]],
    ) -> Callable[[], None]:
        """Capture copies and launches in one CUDA graph; the host waits once, at its end."""
        self.device.set_current()
        builder = self.stream.create_graph_builder()
        builder.begin_building()
        for address, here in uploads:
            _there(address, here).copy_from(_here(here), stream=builder)
        for step in launches:
            config = LaunchConfig(grid=step.grid, block=THREADS)
            launch(builder, config, self._kernels[step.kernel], *step.arguments)
        for here, address in downloads:
            _here(here).copy_from(_there(address, here), stream=builder)
        graph = builder.end_building().complete()
        graph.upload(self.stream)

        def run() -> None:
            self.device.set_current()
            graph.launch(self.stream)
            self.stream.sync()

        return run


def _there(address: int, like: Floats) -> Any:
    return Buffer.from_handle(address, like.nbytes)


def _here(values: Floats) -> Any:
    return Buffer.from_handle(values.ctypes.data, values.nbytes)
