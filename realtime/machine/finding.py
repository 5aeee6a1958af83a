"""A finding of ``apexcam doctor``, and how it is timed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Verdict = Literal["ok", "slow", "missing", "broken"]


@dataclass(frozen=True)
class Finding:
    """The result of one check: ``ms_p50`` and ``ms_p99`` if it was timed, ``advice`` if there is a remedy."""

    what: str
    found: str
    verdict: Verdict = "ok"
    ms_p50: float | None = None
    ms_p99: float | None = None
    advice: str = ""


def timed(work: Callable[[int], Any], count: int) -> list[float]:
    """The milliseconds of each of ``count`` calls; ``work`` gets the number of the call, from 0."""
    times = []
    for i in range(count):
        began = time.perf_counter()
        work(i)
        times.append((time.perf_counter() - began) * 1e3)
    return times


def p50_p99(times: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    p50, p99 = np.percentile(times, (50, 99))
    return round(float(p50), 3), round(float(p99), 3)
