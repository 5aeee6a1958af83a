"""How far each region goes when a face shows action units: fields averaged over the regions' windows, many variants."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import CHEEKBONE_LEFT, CHEEKBONE_RIGHT
from engines.spotting.regions import HALF_SIZES
from engines.synthesis.action_units import ACTION_UNITS, Pull, pulls

AUS: Final = tuple(sorted(ACTION_UNITS))
# A window's shift is the mean of the field over so many points a side of it, nearly to its rim.
_POINTS, _TO_RIM = 7, 0.86
# An expression is as large as the landmark that moves farthest; every fourth is enough to find it.
_LANDMARKS = slice(0, 468, 4)
# Faces differ: how much the strength varies at most; the logarithm of extent, pixels of a face 200 px wide,
# and radians, as standard deviations.
_STRENGTH, _EXTENT, _PLACE_PX, _DIRECTION = 0.4, 0.25, 3.5, 0.3

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Fields:
    """Fields of one face, V variants of A action units (`AUS`), left and right part: crop pixels a unit of strength.

    ``windows`` float32 (V, A, 2, R, 2); ``landmarks`` float32 (V, A, 2, L, 2); ``unit_px``: crop pixels that are a
    pixel of a face 200 px wide.
    """

    windows: Float32
    landmarks: Float32
    unit_px: float

    def __len__(self) -> int:
        return len(self.windows)

    def shift(
        self, variant: int, aus: Sequence[int], size_px: float, asymmetry: float
    ) -> NDArray[np.float64]:
        """Shift (R, 2) of the regions at the apex, crop pixels, where the farthest landmark goes ``size_px``.

        ``size_px`` in pixels of a face 200 px wide; ``asymmetry`` -1..1: how much more the left of the image moves.
        """
        chosen = [AUS.index(au) for au in aus]
        sides = np.array([1 + asymmetry, 1 - asymmetry])[:, None, None]
        windows = (self.windows[variant, chosen].sum(axis=0) * sides).sum(axis=0)
        marks = (self.landmarks[variant, chosen].sum(axis=0) * sides).sum(axis=0)
        farthest = float(np.hypot(marks[:, 0], marks[:, 1]).max())
        return np.asarray(windows * (size_px * self.unit_px / farthest), dtype=np.float64)


def fields_of(
    landmarks: NDArray[np.float64], centres: NDArray[np.float64], variants: int, rng: np.random.Generator
) -> Fields:
    """Fields of a face with landmarks (478, 2) and window centres (R, 2), crop pixels; the first variant is exact."""
    line = np.linspace(-_TO_RIM, _TO_RIM, _POINTS)
    across, down = (axis.ravel() for axis in np.meshgrid(line, line))
    weight = (1 - across**2) * (1 - down**2)
    weight /= weight.sum()
    x = centres[:, :1] + across * HALF_SIZES[:, :1]
    y = centres[:, 1:] + down * HALF_SIZES[:, 1:]
    marks = landmarks[_LANDMARKS]
    at = np.concatenate([np.stack([x.ravel(), y.ravel()], axis=1), marks]).astype(np.float32)
    unit_px = float(np.hypot(*(landmarks[CHEEKBONE_RIGHT] - landmarks[CHEEKBONE_LEFT]))) / 200
    face, inside = landmarks.astype(np.float32), x.size
    windows, points = [], []
    for variant in range(variants):
        moved = np.array([_moved(face, at, au, unit_px, rng if variant else None) for au in AUS])
        parts = moved[:, :, :inside].reshape(len(AUS), 2, *x.shape, 2)
        windows.append(np.einsum("asrpc,p->asrc", parts, weight))
        points.append(moved[:, :, inside:])
    return Fields(np.array(windows, dtype=np.float32), np.array(points, dtype=np.float32), unit_px)


def _moved(face: Float32, at: Float32, au: int, unit_px: float, rng: np.random.Generator | None) -> Float32:
    """What an action unit does to points (P, 2): its left and right part, (2, P, 2); varied where ``rng`` is given."""
    if rng is None:
        return np.array(pulls(face, at[:, 0], at[:, 1], {au: ACTION_UNITS[au]})[au], dtype=np.float32)
    total = np.zeros((2, *at.shape), dtype=np.float32)
    for pull in ACTION_UNITS[au]:
        varied, (right_px, down_px) = _varied(pull, rng), rng.normal(0, _PLACE_PX * unit_px, 2)
        for side, outward in enumerate((-right_px, right_px)):
            x, y = at[:, 0] - np.float32(outward), at[:, 1] - np.float32(down_px)
            total[side] += pulls(face, x, y, {au: (varied,)})[au][side]
    return total


def _varied(pull: Pull, rng: np.random.Generator) -> Pull:
    strength = rng.uniform(1 - _STRENGTH, 1 + _STRENGTH)
    wide, high = np.exp(rng.normal(0, _EXTENT, 2))
    turn = rng.normal(0, _DIRECTION)
    out = strength * (pull.out * np.cos(turn) - pull.up * np.sin(turn))
    up = strength * (pull.out * np.sin(turn) + pull.up * np.cos(turn))
    return replace(
        pull, out=float(out), up=float(up), wide=float(pull.wide * wide), high=float(pull.high * high)
    )
