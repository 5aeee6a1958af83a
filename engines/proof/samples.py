"""What the checks measure on, and how they time it."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.crop_size import CROP_HEIGHT, CROP_WIDTH
from engines.flow.warped import Pair, warped_pair

Crop = NDArray[np.uint8]


def pairs(count: int, height: int = CROP_HEIGHT, width: int = CROP_WIDTH) -> list[Pair]:
    """So many pairs of a face whose motion is known."""
    return [warped_pair(seed, height=height, width=width) for seed in range(count)]


def crops(count: int) -> tuple[list[Crop], list[Crop]]:
    """Onsets and apexes uint8 (170, 140), 8 different ones in turn."""
    few = pairs(min(count, 8))
    return [few[k % len(few)].onset for k in range(count)], [few[k % len(few)].apex for k in range(count)]


def grey(images: Sequence[Crop]) -> NDArray[np.float32]:
    """Images as the engines take them: float32 (N, H, W) in grey levels."""
    return np.stack(images).astype(np.float32)


def latency(work: Callable[[], object], *, turns: int, warm: int = 10) -> dict[str, float]:
    """Milliseconds of one call: median and 99th percentile, after ``warm`` calls that do not count."""
    for _ in range(warm):
        work()
    spent = []
    for _ in range(turns):
        began = time.perf_counter()
        work()
        spent.append((time.perf_counter() - began) * 1e3)
    p50, p99 = np.percentile(spent, (50, 99))
    return {"p50_ms": round(float(p50), 4), "p99_ms": round(float(p99), 4)}
