"""Action units as smooth displacement fields.

An action unit (Ekman & Friesen, Facial Action Coding System) is a few *pulls*: the skin around a landmark
moves in a direction, less and less with distance (a Gaussian). Vectors are (outward, up): outward is away
from the middle of the face, so that one line serves both sides. Directions and extents follow the FACS
descriptions of appearance changes; strengths are relative, the performance says how far the strongest point
moves. Lengths are in px of a face 200 px wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engines.errors import InputError
from engines.synthesis.portrait import mirror_pairs

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pull:
    """One Gaussian of displacement around the mean of landmarks of the image's left half, and mirrored."""

    at: tuple[int, ...]
    out: float
    up: float
    wide: float
    high: float
    central: bool = False


_INNER_BROW: Final = (107, 66, 55, 65)
_OUTER_BROW: Final = (105, 63, 53, 52, 70)

ACTION_UNITS: Final[Mapping[int, tuple[Pull, ...]]] = {
    # inner brow raiser (frontalis, medial): inner brow up, forehead follows
    1: (Pull(_INNER_BROW, 0, 1, 17, 13), Pull((108, 69), 0, 0.45, 22, 13), Pull((222, 221), 0, 0.3, 14, 6)),
    # outer brow raiser (frontalis, lateral)
    2: (Pull(_OUTER_BROW, 0.1, 1, 20, 13), Pull((104, 68), 0, 0.4, 20, 14), Pull((223, 224), 0, 0.35, 16, 6)),
    # brow lowerer (corrugator, procerus): brows down and together, lid fold pressed
    4: (
        Pull(_INNER_BROW, -0.62, -0.8, 19, 13),
        Pull((105, 52), -0.1, -0.4, 18, 11),
        Pull((222, 223), 0, -0.3, 16, 6),
        Pull((8, 9), 0, -0.35, 10, 14, central=True),
    ),
    # upper lid raiser
    5: (Pull((159, 158, 160), 0, 1, 15, 5), Pull((223, 222), 0, 0.35, 16, 6)),
    # cheek raiser (orbicularis oculi, outer): cheek up, lower lid up, skin at the outer corner drawn in
    6: (
        Pull((117, 118, 50, 101), -0.12, 1, 21, 14),
        Pull((145, 144, 153), 0, 0.5, 14, 5),
        Pull((130, 226, 35), -0.5, -0.05, 9, 10),
    ),
    # lid tightener
    7: (Pull((145, 144, 153), 0, 1, 15, 5), Pull((159, 158, 160), 0, -0.5, 15, 5)),
    # nose wrinkler: sides of the nose up, inner brow down, upper lip up a little
    9: (
        Pull((198, 126, 129), 0.1, 1, 11, 15),
        Pull((129, 49, 203), 0.15, 0.75, 11, 9),
        Pull(_INNER_BROW, -0.25, -0.6, 15, 11),
        Pull((39, 37, 92), 0, 0.65, 14, 8),
        Pull((168, 6), 0, 0.3, 8, 12, central=True),
    ),
    # upper lip raiser: lip and the furrow beside the nose up
    10: (
        Pull((37, 39, 40), 0, 1, 13, 9),
        Pull((203, 206, 165), 0.25, 0.75, 12, 13),
        Pull((129, 98), 0.15, 0.35, 9, 8),
    ),
    # lip corner puller (zygomaticus): corners up and outward, cheeks follow
    12: (
        Pull((61, 57, 76), 0.75, 0.7, 17, 14),
        Pull((205, 187, 206), 0.35, 0.5, 22, 17),
        Pull((91, 181, 146), 0.25, 0.2, 15, 8),
    ),
    # dimpler (buccinator): corners tightened and drawn back
    14: (Pull((61, 57, 76), 0.9, 0.12, 12, 11), Pull((187, 207, 212), -0.3, 0.0, 11, 13)),
    # lip corner depressor (triangularis)
    15: (Pull((61, 57, 76), 0.12, -1, 15, 11), Pull((43, 202, 57), 0, -0.5, 15, 12)),
    # chin raiser (mentalis): chin boss and lower lip up
    17: (Pull((199, 200), 0, 1, 25, 13, central=True), Pull((17, 18), 0, 0.75, 24, 9, central=True)),
    # lip pucker (for speech)
    18: (Pull((61, 57, 76), -1, 0, 15, 12), Pull((0, 17), 0, 0.1, 14, 8, central=True)),
    # lip stretcher (risorius): corners straight back
    20: (
        Pull((61, 57, 76), 1, -0.12, 17, 12),
        Pull((187, 207), 0.4, 0, 18, 15),
        Pull((43, 106), 0.3, -0.15, 15, 10),
    ),
    # lip tightener
    23: (Pull((0, 37, 267), 0, -0.8, 20, 6, central=True), Pull((17, 84, 314), 0, 0.8, 20, 6, central=True)),
    # lips part: lower lip down, upper lip a little up
    25: (Pull((17, 14, 84, 314), 0, -1, 22, 8, central=True), Pull((0, 13), 0, 0.3, 20, 6, central=True)),
    # jaw drop: everything below the mouth goes down
    26: (
        Pull((152, 199, 200), 0, -1, 42, 24, central=True),
        Pull((17, 18, 84, 314), 0, -0.8, 26, 10, central=True),
    ),
}

BLINK: Final = 45
# eyes turn to their own left and right, up, down: directions in the image
GAZE: Final[Mapping[int, tuple[float, float]]] = {
    61: (1.0, 0.0),
    62: (-1.0, 0.0),
    63: (0.0, -1.0),
    64: (0.0, 1.0),
}

_STRENGTH: Final[Mapping[int, float]] = {2: 0.9, 5: 0.6, 6: 0.75, 7: 0.5, 10: 0.9, 23: 0.6, 25: 0.7, 26: 0.9}


def check_action_units(aus: Sequence[int], where: str) -> None:
    """InputError unless every number is an action unit that can be rendered."""
    known = set(ACTION_UNITS) | {BLINK} | set(GAZE)
    for au in aus:
        if au not in known:
            raise InputError(f"{where}: action unit {au} cannot be rendered; choose from {sorted(known)}")


def pulls(
    landmarks: Float32, x: Float32, y: Float32, units: Mapping[int, tuple[Pull, ...]] = ACTION_UNITS
) -> dict[int, tuple[Float32, Float32]]:
    """What each action unit does to points x, y (px) of a face at rest: its left (in the image) and right part.

    landmarks: (478, 2+) px. units: other pulls than those of `ACTION_UNITS`. Displacements in relative strength,
    float32 (..., 2); the pulls of one action unit add up.
    """
    flat = landmarks[:, :2].astype(np.float64)
    across = flat[454] - flat[234]
    unit = float(np.hypot(*across)) / 200
    axis_x = across / np.hypot(*across)
    axis_y = np.array([-axis_x[1], axis_x[0]])
    pairs = mirror_pairs()

    def add(field: Float32, at: npt.NDArray[np.float64], pull: Pull, strength: float, outward: float) -> None:
        dx, dy = x - np.float32(at[0]), y - np.float32(at[1])
        a = (dx * np.float32(axis_x[0]) + dy * np.float32(axis_x[1])) / np.float32(unit * pull.wide)
        b = (dx * np.float32(axis_y[0]) + dy * np.float32(axis_y[1])) / np.float32(unit * pull.high)
        bell = np.exp(-0.5 * (a * a + b * b))
        vector = strength * (outward * pull.out * axis_x - pull.up * axis_y)
        field[..., 0] += np.float32(vector[0]) * bell
        field[..., 1] += np.float32(vector[1]) * bell

    found = {}
    for au, parts in units.items():
        left, right = np.zeros((*x.shape, 2), np.float32), np.zeros((*x.shape, 2), np.float32)
        strength = _STRENGTH.get(au, 1.0)
        for pull in parts:
            at = list(pull.at)
            here, there = flat[at].mean(0), flat[pairs[at]].mean(0)
            if pull.central:
                add(left, here, pull, 0.5 * strength, 0.0)
                add(right, here, pull, 0.5 * strength, 0.0)
            else:
                add(left, here, pull, strength, -1.0)
                add(right, there, pull, strength, 1.0)
        found[au] = (left, right)
    return found
