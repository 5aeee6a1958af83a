"""A GPU as the machine of a session: memory, kernels, and a CUDA graph of each recording."""

import ctypes
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from cuda.core import Buffer, Device, LaunchConfig, LegacyPinnedMemoryResource, launch

from engines.cuda.machine import Floats, Launch, Memory, Step


class Gpu:
    """The current CUDA device and the one stream on it that everything runs on. Threads take turns."""

    def __init__(self, driver: tuple[int, int] = (0, 0)) -> None:
        self._driver = driver
        self.device: Any = Device()
        self.device.set_current()
        self.stream: Any = self.device.create_stream()
        self._kernels: dict[str, tuple[Any, int]] = {}
        self._pinned = LegacyPinnedMemoryResource()
        self._turn = threading.RLock()

    @property
    def identity(self) -> dict[str, str]:
        """See Machine."""
        major, minor = self.device.compute_capability
        return {
            "gpu": str(self.device.name),
            "capability": f"{major}.{minor}",
            "driver": f"{self._driver[0]}.{self._driver[1]}",
        }

    def load(self, code: Any, kernels: Iterable[str], threads: int) -> None:
        """Make kernels of a ``cuda.core.ObjectCode`` known by their names; ``threads`` in a block of each."""
        self._kernels |= {name: (code.get_kernel(name), threads) for name in kernels}

    def reserve(self, floats: int) -> Memory:
        """Room on the device; not cleared."""
        with self._turn:
            self.device.set_current()
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
        steps: Sequence[Step],
        downloads: list[tuple[Floats, int]],
    ) -> Callable[[], None]:
        """Capture copies and steps in one CUDA graph; the host waits once, at its end."""
        with self._turn:
            self.device.set_current()
            for step in steps:
                if not isinstance(step, Launch):
                    # A library allocates and compiles at its first run, which a capture would not survive.
                    step(int(self.stream.handle))
            self.stream.sync()
            builder = self.stream.create_graph_builder()
            builder.begin_building()
            for address, here in uploads:
                _there(address, here).copy_from(_here(here), stream=builder)
            for step in steps:
                if isinstance(step, Launch):
                    kernel, threads = self._kernels[step.kernel]
                    launch(builder, LaunchConfig(grid=step.grid, block=threads), kernel, *step.arguments)
                else:
                    step(int(builder.stream.handle))
            for here, address in downloads:
                _here(here).copy_from(_there(address, here), stream=builder)
            graph = builder.end_building().complete()
            graph.upload(self.stream)

        def run() -> None:
            with self._turn:
                self.device.set_current()
                graph.launch(self.stream)
                self.stream.sync()

        return run


def _there(address: int, like: Floats) -> Any:
    return Buffer.from_handle(address, like.nbytes)


def _here(values: Floats) -> Any:
    return Buffer.from_handle(values.ctypes.data, values.nbytes)
