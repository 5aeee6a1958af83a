"""The facial regions whose motion is measured: where they lie by landmarks, and what they are good for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import CROP_HEIGHT, CROP_WIDTH


@dataclass(frozen=True)
class Region:
    """A window of the crop, (2 half_width + 1) x (2 half_height + 1) pixels, around the mean of some landmarks.

    ``rigidity`` is how much the region is trusted to move with the skull alone; ``near_eye`` regions move with blinks.
    """

    name: str
    landmarks: tuple[int, ...]
    half_width: int
    half_height: int
    rigidity: float
    near_eye: bool = False


# Left and right as seen in the image.
REGIONS: tuple[Region, ...] = (
    Region("brow outer left", (70, 63, 46, 53), 11, 7, 0.5, near_eye=True),
    Region("brow inner left", (107, 66, 55, 65), 10, 7, 0.5, near_eye=True),
    Region("glabella", (9, 8), 8, 8, 0.7),
    Region("brow inner right", (336, 296, 285, 295), 10, 7, 0.5, near_eye=True),
    Region("brow outer right", (300, 293, 276, 283), 11, 7, 0.5, near_eye=True),
    Region("nose bridge", (6, 197), 8, 9, 3.0),
    Region("nose tip", (4, 1), 9, 8, 2.0),
    Region("nose wing left", (129, 98), 8, 8, 1.0),
    Region("nose wing right", (358, 327), 8, 8, 1.0),
    Region("cheek left", (101, 36, 205), 10, 9, 1.0),
    Region("cheek right", (330, 266, 425), 10, 9, 1.0),
    Region("cheekbone left", (117, 123), 9, 10, 1.0),
    Region("cheekbone right", (346, 352), 9, 10, 1.0),
    Region("mouth corner left", (61,), 10, 9, 0.5),
    Region("mouth corner right", (291,), 10, 9, 0.5),
    Region("upper lip", (0, 164), 12, 7, 0.7),
    Region("lower lip", (17, 18), 12, 7, 0.5),
    Region("chin", (200, 199), 12, 8, 0.5),
)
NAMES: tuple[str, ...] = tuple(region.name for region in REGIONS)
# The number of each region's counterpart on the other side.
MIRRORED: NDArray[np.int64] = np.array(
    [NAMES.index(name.replace("left", "*").replace("right", "left").replace("*", "right")) for name in NAMES]
)
JAW: NDArray[np.bool_] = np.array([region.name in ("lower lip", "chin") for region in REGIONS])
NEAR_EYE: NDArray[np.bool_] = np.array([region.near_eye for region in REGIONS])
RIGIDITY: NDArray[np.float64] = np.array([region.rigidity for region in REGIONS])
HALF_SIZES: NDArray[np.int64] = np.array([(region.half_width, region.half_height) for region in REGIONS])

# Both eyes' openings, for what only blinks and gaze do: lids and corners.
EYES: tuple[tuple[int, ...], ...] = ((33, 133, 159, 145), (263, 362, 386, 374))
EYE_HALF_SIZE = (15, 8)


def place(landmarks: NDArray[np.floating[Any]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Window centres (R, 2) in whole crop pixels and depths (R,) in crop pixels, nearer is more negative.

    ``landmarks`` float (478, 3): x, y in crop pixels, z in the same unit. Windows are pushed inside the crop.
    """
    means = np.array([landmarks[list(region.landmarks)].mean(axis=0) for region in REGIONS])
    margin = HALF_SIZES + 2
    limit = np.array([CROP_WIDTH, CROP_HEIGHT]) - 1 - margin
    centres = np.clip(np.rint(means[:, :2]).astype(np.int64), margin, limit)
    return centres, means[:, 2] - means[:, 2].mean()


def place_eyes(landmarks: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Centres (2, 2) of the eye windows in whole crop pixels, pushed inside the crop."""
    means = np.array([landmarks[list(eye), :2].mean(axis=0) for eye in EYES])
    margin = np.array(EYE_HALF_SIZE) + 1
    limit = np.array([CROP_WIDTH, CROP_HEIGHT]) - 1 - margin
    return np.asarray(np.clip(np.rint(means).astype(np.int64), margin, limit), dtype=np.int64)
