"""Thousands of pairs without growth of memory, on the host and on the device."""

from pathlib import Path

from engines.proof import samples
from engines.proof.check import Figures, Skipped, expect

# What a run may grow by, in MB, once everything is warm: allocators round.
HOST, DEVICE = 32.0, 8.0


def flat(backend: str, *, quick: bool) -> Figures:
    """10,000 pairs of flow on the GPU, 1,000 smaller ones on the CPU."""
    from engines.flow import open_solver

    on_gpu = backend == "cuda"
    solver = open_solver(backend)
    some = samples.pairs(8) if on_gpu else samples.pairs(8, 48, 40)
    onsets, apexes = [p.onset for p in some] * 8, [p.apex for p in some] * 8
    count = (640 if quick else 10_000) if on_gpu else (64 if quick else 1_000)
    for warm in (onsets, onsets[:1]):
        solver.batch(warm, apexes[: len(warm)])
    host, device, done = _host_mb(), _device_mb() if on_gpu else 0.0, 0
    while done < count:
        # Single pairs among the batches: both kinds of recording are used.
        for size in (64, 1):
            solver.batch(onsets[:size], apexes[:size])
            done += size
    grown, taken = _host_mb() - host, (_device_mb() - device) if on_gpu else 0.0
    expect(solver.backend == backend, "; ".join(solver.failures))
    expect(grown <= HOST, f"{grown:.1f} MB more on the host after {done} pairs")
    expect(taken <= DEVICE, f"{taken:.1f} MB more on the device after {done} pairs")
    return {"pairs": done, "host_mb": round(grown, 2), "device_mb": round(taken, 2)}


def _host_mb() -> float:
    """Memory of this process that is resident now."""
    status = Path("/proc/self/status")
    if not status.is_file():
        raise Skipped("memory is read from /proc, which is not here")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1e3


def _device_mb() -> float:
    """Memory of the GPU that is taken now, by whoever it is."""
    from cuda.bindings import driver

    error, free, total = driver.cuMemGetInfo()
    expect(error == driver.CUresult.CUDA_SUCCESS, f"cuMemGetInfo: {error}")
    return float(total - free) / 1e6
