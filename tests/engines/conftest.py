"""The GPU's part in the tests: the host runs the same recordings, the kernels by their own source."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from engines.cuda.machine import Launch, Memory
from engines.flow.cuda import compiling

SHIM = Path(__file__).with_name("flow_cuda_shim.h")


class Host:
    """This processor as an `engines.cuda.machine.Machine`. Without a library it knows no kernels of ours."""

    identity = {"gpu": "Pretend RTX 4090", "capability": "8.9", "driver": "13.0"}  # noqa: RUF012

    def __init__(self, library=None):
        self.library = library
        self.recorded = []

    def reserve(self, floats):
        values = np.full(floats, np.nan, np.float32)
        return Memory(values.ctypes.data, values)

    def reserve_here(self, floats):
        return np.zeros(floats, np.float32)

    def record(self, uploads, steps, downloads):
        self.recorded.append((uploads, list(steps), downloads))
        for step in steps:
            if not isinstance(step, Launch):
                step(0)

        def run():
            for address, here in uploads:
                ctypes.memmove(address, here.ctypes.data, here.nbytes)
            for step in steps:
                if isinstance(step, Launch):
                    self.launch(step)
                else:
                    step(7)
            for here, address in downloads:
                ctypes.memmove(here.ctypes.data, address, here.nbytes)

        return run

    def seen(self, memory, shape):
        """What lies in some memory, as an array."""
        raw = (ctypes.c_float * int(np.prod(shape))).from_address(memory.address)
        raw.owner = memory.owner
        return np.frombuffer(raw, np.float32).reshape(shape)

    def launch(self, step):
        kernel = getattr(self.library, step.kernel)
        kinds = {np.uint64: ctypes.c_void_p, np.int32: ctypes.c_int, np.float32: ctypes.c_float}
        arguments = [kinds[type(a)](a.item()) for a in step.arguments]
        across, pairs, planes = step.grid
        for z in range(planes):
            for y in range(pairs):
                for x in range(across):
                    self.library.set_block(x, y, z)
                    kernel(*arguments)


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler here to run the CUDA kernels on the host")
    library = tmp_path_factory.mktemp("flow_cuda") / "kernels.so"
    # With the fused multiply-add of this processor, as a GPU has it.
    options = ["-O2", "-march=native", "-std=c++17", "-Wno-unknown-pragmas", "-shared", "-fPIC"]
    source = ["-x", "c++", "-include", str(SHIM), str(compiling.SOURCE)]
    subprocess.run([compiler, *options, *source, "-o", str(library)], check=True)
    return Host(ctypes.CDLL(str(library)))


@pytest.fixture
def plain_host():
    """The host for networks alone."""
    return Host()
