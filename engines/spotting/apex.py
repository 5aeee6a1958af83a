"""The apex of a clip whose onset is known: the frame displaced farthest along the movement's own direction.

The displacements are the streaming spotter's: windows of the face followed from the onset, the head's motion removed.
For clips without an apex in their table, such as SMIC's.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import Image
from engines.spotting.differences import dcrois_apex, interframe_apex
from engines.spotting.head import HeadMotion
from engines.spotting.motion import SURE, RegionMotion
from engines.spotting.regions import NAMES, REGIONS

# Where the regions lie in a crop, and their depth (pixels, nearer is more negative): means of twelve rendered faces.
_USUAL = np.array(
    [
        *(
            [2.7, 24.2, -5.3],
            [41.5, 22.5, -23.8],
            [69.7, 26.1, -26.1],
            [96.6, 24.2, -23.1],
            [135.4, 25.5, -3.7],
        ),
        *([69.5, 58.0, -29.7], [69.4, 98.3, -43.3], [41.7, 95.7, -9.0], [96.5, 95.9, -8.5]),
        *([22.5, 85.2, -3.9], [115.6, 85.6, -2.9], [-5.1, 70.8, 15.9], [142.1, 71.7, 17.7]),
        *(
            [29.8, 119.8, 14.5],
            [107.4, 120.3, 15.3],
            [69.2, 117.2, -15.5],
            [68.6, 147.2, -3.0],
            [68.5, 167.3, 4.2],
        ),
    ]
)
# How slowly the head turns, in parts of the clip.
_HEAD_SETTLES = 0.15
_LEAST_NOISE_PX = 0.01
_DIRECTION_ROUNDS = 8
# The course is smoothed over this part of the clip.
_SMOOTH_SHARE = 0.08


def displacements(crops: Sequence[Image]) -> NDArray[np.float64]:
    """How far each region went since the first of the crops (uint8 170x140), without the head: (N, R, 2), pixels.

    The crops must be under one transform.
    """
    landmarks = np.zeros((478, 3))
    for region, place in zip(REGIONS, _USUAL, strict=True):
        landmarks[list(region.landmarks)] = place
    regions, head = RegionMotion(), HeadMotion(_HEAD_SETTLES * len(crops))
    regions.refer(crops[0], landmarks)
    head.refer(regions.centres, regions.depths)
    motions = [regions.measure(crop) for crop in crops]
    shifts = np.array([motion.shift for motion in motions])
    noise = _noise(shifts)
    out = np.zeros((len(crops), len(NAMES), 2))
    for at, motion in enumerate(motions):
        face, _ = head.remove(motion.shift, motion.match, noise, 1.0)
        # A window that lost its region stays where it was last seen.
        out[at] = np.where((motion.match > SURE)[:, None], face, out[at - 1] if at else 0.0)
    return out


def apex(crops: Sequence[Image]) -> int:
    """Index of the apex in a clip whose first crop is the onset."""
    if len(crops) < 3:
        return len(crops) // 2
    motion = displacements(crops)
    scaled = (motion / _noise(motion)).reshape(len(crops), -1)
    direction = scaled[np.argmax((scaled**2).sum(axis=1))]
    for _ in range(_DIRECTION_ROUNDS):
        # The direction that explains most of the clip's motion: its first principal component, not centred.
        along = scaled @ direction
        direction = along @ scaled
        direction = direction / max(float(np.linalg.norm(direction)), 1e-9)
    along = scaled @ direction
    along = along if along.sum() >= 0 else -along
    width = max(1, round(_SMOOTH_SHARE * len(crops)))
    padded = np.pad(along, (width // 2, width - 1 - width // 2), mode="edge")
    return int(np.argmax(np.convolve(padded, np.full(width, 1 / width), mode="valid")))


def middle(crops: Sequence[Image]) -> int:
    """Index of the clip's middle."""
    return len(crops) // 2


def _noise(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation (R, 2) of single frames, from what is uneven in three of them."""
    uneven = np.abs(motion[:-2] - 2 * motion[1:-1] + motion[2:])
    return np.asarray(np.maximum(np.median(uneven, axis=0) / (0.6745 * np.sqrt(6)), _LEAST_NOISE_PX))


# Rules for a clip whose first crop is the onset, by name: the apex's position.
APEX_RULES: Final[dict[str, Callable[[Sequence[Image]], int]]] = {
    "motion": apex,
    "interframe": interframe_apex,
    "dcrois": dcrois_apex,
    "middle": middle,
}
