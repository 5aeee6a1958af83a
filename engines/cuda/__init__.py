"""The one GPU that the engines share: whether it is there, its memory, its stream, and CUDA graphs on it."""

import ctypes
import functools
import sys
from typing import Any

# The oldest architecture that NVRTC and TensorRT-RTX still compile for.
OLDEST = (7, 5)


@functools.cache
def driver_version() -> tuple[int, int] | None:
    """The newest CUDA that the installed NVIDIA driver runs, as (major, minor); None without a driver."""
    try:
        library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        number = ctypes.c_int()
        if library.cuDriverGetVersion(ctypes.byref(number)) != 0:
            return None
    except (OSError, AttributeError):
        return None
    return number.value // 1000, number.value % 1000 // 10


@functools.cache
def missing() -> str:
    """Why no GPU can be used here, in a few words; empty when one can."""
    # The driver first: without it, importing cuda.core would cost a third of a second for nothing.
    if driver_version() is None:
        return "no NVIDIA driver"
    try:
        from cuda.core import Device

        devices = Device.get_all_devices()
        if not devices:
            return "the NVIDIA driver finds no GPU"
        oldest = tuple(devices[0].compute_capability)
    except ImportError:
        return "cuda-core is not installed"
    except Exception as error:
        # A driver without a device, or too old for the bindings: each raises something else.
        return f"the NVIDIA driver does not answer ({str(error).partition(chr(10))[0][:120]})"
    if oldest < OLDEST:
        return f"the GPU is of compute capability {oldest[0]}.{oldest[1]}, older than {OLDEST[0]}.{OLDEST[1]}"
    return ""


@functools.cache
def current() -> Any:
    """The current CUDA device as an `engines.cuda.machine.Machine`, one for the process. Raises what CUDA raises."""
    from engines.cuda.gpu import Gpu

    return Gpu(driver_version() or (0, 0))
