"""The face as if the head stood still: landmarks laid on the skull they were first seen on, in three dimensions.

Landmarks do not drift, so they tell movements of seconds, where regions followed from frame to frame have wandered
off. Expressions barely move the bridge of the nose, the corners of the eyes, the temples and the forehead: the rigid
motion and scale that best lay these on their first places (Umeyama 1991) are the head's.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.spotting.regions import REGIONS

_SKULL: Final = np.array(
    [33, 133, 362, 263, 168, 6, 197, 195, 127, 356, 234, 454, 162, 389, 10, 151, 109, 338, 21, 251, 93, 323]
)
# Inner lips and mouth corners; upper and lower lids; irises; corners of both eyes.
_LIPS, _CORNERS = (13, 14), (61, 291)
_UPPER_LIDS, _LOWER_LIDS = (159, 386), (145, 374)
_IRISES, _EYES = (468, 473), (33, 133, 362, 263)
_LIST: Final = np.concatenate([region.landmarks for region in REGIONS])
_MEANS: Final = np.zeros((len(REGIONS), len(_LIST)))
for _row, _region in enumerate(REGIONS):
    _first = sum(len(region.landmarks) for region in REGIONS[:_row])
    _MEANS[_row, _first : _first + len(_region.landmarks)] = 1 / len(_region.landmarks)
_MOST: Final = np.concatenate([_LIST, _LIPS, _CORNERS, _UPPER_LIDS, _LOWER_LIDS, _IRISES, _EYES])


@dataclass(frozen=True)
class Placed:
    """One face on its skull: ``regions`` (R, 2) crop pixels, ``turn`` (2,) of the head, yaw and pitch in degrees.

    ``mouth`` (2,): its gap and width; ``eyes`` (2,): how far open, and where to across they look; crop pixels.
    """

    regions: NDArray[np.float64]
    turn: NDArray[np.float64]
    mouth: NDArray[np.float64]
    eyes: NDArray[np.float64]


class StillHead:
    """Lays the faces of one person on the first of them."""

    def __init__(self) -> None:
        self._skull: NDArray[np.float64] | None = None

    def clear(self) -> None:
        """Begin anew: another face may come."""
        self._skull = None

    def place(self, landmarks: NDArray[np.floating[Any]]) -> Placed:
        """Take landmarks (478, 3) in crop pixels, depth in the same unit."""
        here = landmarks[_SKULL].astype(np.float64)
        middle = here.mean(axis=0)
        if self._skull is None:
            self._skull = here
        onto = self._skull.mean(axis=0)
        rotation, scale = _lay(here - middle, self._skull - onto)
        spots = scale * (landmarks[_MOST] - middle) @ rotation.T + onto
        lips, corners, upper, lower, irises, eyes = np.split(spots[len(_LIST) :], [2, 4, 6, 8, 10])
        open_px = np.linalg.norm(upper - lower, axis=1).mean()
        look_px = irises[:, 0].mean() - eyes[:, 0].mean()
        return Placed(
            regions=(_MEANS @ spots[: len(_LIST)])[:, :2],
            turn=np.degrees(np.arctan2(rotation[:2, 2], rotation[2, 2])),
            mouth=np.linalg.norm([lips[0] - lips[1], corners[0] - corners[1]], axis=1),
            eyes=np.array([open_px, look_px]),
        )


def _lay(points: NDArray[np.float64], onto: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Rotation (3, 3) and scale that lay centred points (N, 3) on others in least squares."""
    left, sizes, right = np.linalg.svd(onto.T @ points)
    # A mirror image is no rotation.
    side = np.sign(np.linalg.det(left @ right))
    sizes[2] *= side
    left[:, 2] *= side
    return left @ right, float(sizes.sum() / (points**2).sum())
