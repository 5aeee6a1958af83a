"""The face as if the head stood still: landmarks laid on the skull they were first seen on, in three dimensions.

Landmarks do not drift, so they show movements of seconds, where regions followed from frame to frame have wandered
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
# After the skull: inner lips and mouth corners; upper and lower lids; irises; corners of both eyes; the regions.
_SHAPE: Final = np.array([13, 61, 14, 291, 159, 386, 145, 374, 468, 473, 33, 133, 362, 263])
_REGIONS: Final = [landmark for region in REGIONS for landmark in region.landmarks]
_ALL: Final = np.concatenate([_SKULL, _SHAPE, _REGIONS])
_MEANS: Final = np.array(
    [
        [float(region is own) / len(own.landmarks) for own in REGIONS for _ in own.landmarks]
        for region in REGIONS
    ]
)


@dataclass(frozen=True)
class Placed:
    """One face on its skull: ``regions`` (R, 2) from the skull's middle, ``turn`` (2,) of the head, yaw and pitch.

    ``mouth`` (2,): its gap and width; ``eyes`` (2,): how far open, and where to across they look. Crop pixels, degrees.
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
        points = landmarks[_ALL].astype(np.float64)
        points -= points[: len(_SKULL)].sum(axis=0) / len(_SKULL)
        if self._skull is None:
            self._skull = points[: len(_SKULL)]
        rotation, scale = _lay(points[: len(_SKULL)], self._skull)
        points = points @ (scale * rotation.T)
        shape = points[len(_SKULL) : -len(_REGIONS)]
        mouth, lids = shape[:2] - shape[2:4], shape[4:6] - shape[6:8]
        return Placed(
            regions=_MEANS @ points[-len(_REGIONS) :, :2],
            turn=np.degrees(np.arctan2(rotation[:2, 2], rotation[2, 2])),
            mouth=np.sqrt((mouth**2).sum(axis=1)),
            eyes=np.array(
                [np.sqrt((lids**2).sum(axis=1)).sum() / 2, shape[8:10, 0].sum() / 2 - shape[10:, 0].sum() / 4]
            ),
        )


def _lay(points: NDArray[np.float64], onto: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Rotation (3, 3) and scale that lay centred points (N, 3) on others in least squares."""
    left, sizes, right = np.linalg.svd(onto.T @ points)
    # A mirror image is no rotation.
    side = np.sign(np.linalg.det(left @ right))
    sizes[2] *= side
    left[:, 2] *= side
    return left @ right, float(sizes.sum() / (points**2).sum())
