"""LBP-TOP: local binary patterns on three orthogonal planes (Zhao and Pietikäinen, TPAMI 2007).

The baseline of all five papers; paper 001 with radius 3 and 4 or 8 points on 10 or 64 frames (tables II and III), paper
002 with radius 1 or 3 and 4 or 8 points (section 4.5, uniform patterns). Paper 002 does not state how many frames: 16.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.compiled import compiled
from offline.descriptors.texture import GRID, block_of, normalised
from offline.preparation.clip import PreparedClip
from offline.preparation.interpolation import resampled


def lbp_top(clip: PreparedClip, radius: int, points: int, count: int = 16) -> NDArray[np.float32]:
    """Float32 (25 blocks * 3 planes * bins,): planes XY, XT, YT; 59 bins of uniform patterns of 8 points, 15 of 4."""
    return normalised(patterns(resampled(clip, count), radius, points))


def uniform_bins(points: int) -> NDArray[np.int64]:
    """Int64 (2**points,): each pattern of at most two changes around the circle has a bin, the others one."""
    codes = np.arange(1 << points)
    bits = codes[:, None] >> np.arange(points) & 1
    uniform = (bits != np.roll(bits, -1, 1)).sum(1) <= 2
    bins = np.full(1 << points, int(uniform.sum()))
    bins[uniform] = np.arange(int(uniform.sum()))
    return bins


def patterns(volume: NDArray[Any], radius: int, points: int) -> NDArray[np.int64]:
    """Int64 (25, 3, bins): counts of uniform patterns of a volume (T, H, W) by block and plane.

    Neighbours lie on a circle from angle 0 on, read bilinearly; one that is no darker than the centre sets its bit.
    Voxels nearer than the radius to any face of the volume are not centres. Raises ValueError for too few frames.
    """
    if len(volume) <= 2 * radius:
        raise ValueError(f"{len(volume)} frames have no centre for radius {radius}")
    angles = 2 * np.pi * np.arange(points) / points
    circle = np.round(np.stack([-np.sin(angles), np.cos(angles)], 1) * radius, 5)
    bins = uniform_bins(points)
    _, height, width = volume.shape
    counts = np.zeros((GRID * GRID, 3, int(bins.max()) + 1), np.int64)
    _count(volume.astype(np.float32), circle, radius, bins, block_of(height), block_of(width), counts)
    return counts


@compiled()
def _count(volume: Any, circle: Any, radius: int, bins: Any, rows: Any, columns: Any, counts: Any) -> None:
    length, height, width = volume.shape
    points = len(circle)
    for t in range(radius, length - radius):
        for y in range(radius, height - radius):
            for x in range(radius, width - radius):
                centre = volume[t, y, x] - 1e-3
                for plane in range(3):
                    code = 0
                    for p in range(points):
                        first, second = circle[p]
                        # XY: rows and columns; XT: time and columns; YT: time and rows
                        low1, low2 = int(np.floor(first)), int(np.floor(second))
                        part1, part2 = first - low1, second - low2
                        value = 0.0
                        for step1 in range(2):
                            weight1 = part1 if step1 else 1 - part1
                            if weight1 == 0:
                                continue
                            for step2 in range(2):
                                weight2 = part2 if step2 else 1 - part2
                                if weight2 == 0:
                                    continue
                                d1, d2 = low1 + step1, low2 + step2
                                if plane == 0:
                                    seen = volume[t, y + d1, x + d2]
                                elif plane == 1:
                                    seen = volume[t + d1, y, x + d2]
                                else:
                                    seen = volume[t + d1, y + d2, x]
                                value += weight1 * weight2 * seen
                        if value >= centre:
                            code |= 1 << p
                    counts[rows[y] * GRID + columns[x], plane, bins[code]] += 1
