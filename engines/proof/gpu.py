"""The GPU itself: is it there, do recordings on it run again, does its memory go by DLPack without a copy."""

import importlib.util

import numpy as np

from engines import cuda
from engines.proof.check import Failed, Figures, Skipped, expect


def found(*, quick: bool) -> Figures:
    """A driver that does not answer, or a cuda.core that cannot be imported, is a fault and no lack of a GPU."""
    reason = cuda.missing()
    driver = cuda.driver_version()
    if driver is None or "finds no GPU" in reason or "older than" in reason:
        raise Skipped(reason)
    if reason:
        if importlib.util.find_spec("cuda") is None:
            raise Skipped(reason)
        raise Failed(f"there is a driver for CUDA {driver[0]}.{driver[1]}, but {reason}")
    identity: dict[str, str] = cuda.current().identity
    return identity


def capture(*, quick: bool) -> Figures:
    """One recording of upload, kernel and download gives the right answer each time its input is another."""
    from engines.cuda.machine import Launch
    from engines.flow.cuda import machine

    gpu, count = machine(), 1000
    given, got = gpu.reserve_here(count), gpu.reserve_here(count)
    memory = gpu.reserve(count)
    half = np.int32(count // 2)
    cleared = Launch("clear", (1, 1, 1), (np.uintp(memory.address), half))
    run = gpu.record([(memory.address, given)], [cleared], [(got, memory.address)])
    turns = 10 if quick else 1000
    for turn in range(turns):
        given[:] = turn + 1
        run()
        expect(not got[:half].any(), f"turn {turn}: the kernel did not run in the graph")
        expect((got[half:] == turn + 1).all(), f"turn {turn}: the copies in the graph are not of this turn")
    return {"turns": turns}


def dlpack(library: str, *, quick: bool) -> Figures:
    """What ``library`` (torch or cupy) makes of the engines' memory is that memory: written and read both ways."""
    gpu, count = cuda.current(), 256
    here, memory = gpu.reserve_here(count), gpu.reserve(count)
    upload = gpu.record([(memory.address, here)], [], [])
    download = gpu.record([], [], [(here, memory.address)])
    numbers = np.arange(count, dtype=np.float32)
    here[:] = numbers
    upload()
    if library == "torch":
        import torch
        from torch.utils.dlpack import from_dlpack

        if not torch.cuda.is_available():
            raise Skipped("this PyTorch has no CUDA")
        seen = from_dlpack(memory.owner).view(torch.float32)
        address, values = seen.data_ptr(), seen.cpu().numpy()
        seen += 1
        torch.cuda.synchronize()
    else:
        import cupy

        if not cupy.cuda.is_available():
            raise Skipped("this CuPy finds no GPU")
        seen = cupy.from_dlpack(memory.owner).view(cupy.float32)
        address, values = int(seen.data.ptr), cupy.asnumpy(seen)
        seen += 1
        cupy.cuda.Device().synchronize()
    expect(address == memory.address, f"{library} made a copy")
    expect((values == numbers).all(), f"{library} does not see what the engines wrote")
    download()
    expect((here == numbers + 1).all(), f"the engines do not see what {library} wrote")
    return {"bytes": 4 * count}
