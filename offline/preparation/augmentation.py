"""More pictures of what was recorded: turned, shifted and mirrored, as papers 001 and 004 describe. Training only."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

# Paper 004, section II.A: horizontal inversion and rotations of 5 and 10 degrees both ways, ten times the samples.
TURNS_DEG: Final = (0.0, 5.0, -5.0, 10.0, -10.0)
# Paper 001, section IV.A: rotation by at most 5 degrees and shift by at most 10 pixels (of 224), each with chance .5.
MOST_TURN_DEG: Final = 5.0
MOST_SHIFT_PX: Final = 10.0


def moved(image: NDArray[Any], degrees: float = 0.0, right: float = 0.0, down: float = 0.0) -> NDArray[Any]:
    """An image (H, W) or (H, W, C), uint8 or float32, turned about its middle and shifted; its edge is repeated.

    ``degrees`` counter-clockwise, ``right`` and ``down`` in pixels. Same shape and type.
    """
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    matrix[:, 2] += (right, down)
    out = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out).reshape(image.shape)


def mirrored(image: NDArray[Any]) -> NDArray[Any]:
    """An image (H, W) or (H, W, C), left and right exchanged."""
    return np.ascontiguousarray(image[:, ::-1])


def one_of_ten(image: NDArray[Any], number: int) -> NDArray[Any]:
    """An image turned by each of `TURNS_DEG`, then the same mirrored (paper 004): of these ten that with a number 0..9.
    Number 0 is the image itself.
    """
    mirror, turn = divmod(number, len(TURNS_DEG))
    turned = moved(image, TURNS_DEG[turn])
    return mirrored(turned) if mirror else turned


def jittered(
    image: NDArray[Any],
    rng: np.random.Generator,
    most_turn_deg: float = MOST_TURN_DEG,
    most_shift_px: float = MOST_SHIFT_PX,
    chance: float = 0.5,
) -> NDArray[Any]:
    """An image turned and shifted at random, each with a chance of its own (paper 001), drawn from ``rng``."""
    turn, right, down = rng.uniform(-1, 1, 3) * (most_turn_deg, most_shift_px, most_shift_px)
    turns, shifts = rng.random(2) < chance
    return moved(image, turn * turns, right * shifts, down * shifts)
