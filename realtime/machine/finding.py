"""One thing that ``apexcam doctor`` looked at."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Verdict = Literal["ok", "slow", "missing", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``ms_p50`` and ``ms_p99`` where it was timed; ``advice`` where something can be done."""

    what: str
    found: str
    verdict: Verdict = "ok"
    ms_p50: float | None = None
    ms_p99: float | None = None
    advice: str = ""


def timed(work: Callable[[int], Any], count: int) -> list[float]:
    """Milliseconds of each call."""
    times = []
    for i in range(count):
        began = time.perf_counter()
        work(i)
        times.append((time.perf_counter() - began) * 1e3)
    return times


def p50_p99(times: list[float]) -> tuple[float, float]:
    """Median and 99th percentile."""
    p50, p99 = np.percentile(times, (50, 99))
    return round(float(p50), 3), round(float(p99), 3)
