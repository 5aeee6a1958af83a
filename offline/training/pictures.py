"""Training pictures shown otherwise, as papers 001 and 004 do: all pictures of a clip in the same way.

A picture is what has two axes of pixels, uint8 (N, H, W) or (N, H, W, 3). Numbers measured on the clip, such as the
motion that ATNet's temporal stream reads, stay.
"""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face import CROP_WIDTH

# Paper 004, section II.A: horizontal inversion and rotations of 5 and 10 degrees both ways, ten times the samples.
TURNS_DEG: Final = (0.0, 5.0, -5.0, 10.0, -10.0)
# Paper 001, section IV.A: rotation by at most 5 degrees and shift by at most 10 pixels (of 224), each with chance .5.
MOST_TURN_DEG: Final = 5.0
MOST_SHIFT_PX: Final = 10.0
# As its authors published: mirrored with chance .5, turned, brighter or darker by at most 10 grey levels.
MOST_BRIGHTER: Final = 10.0
# Paper 001 shifts by pixels of a 224 wide face.
_SHIFT_PX: Final = MOST_SHIFT_PX * CROP_WIDTH / 224


def copies_of(how: str) -> int:
    """How many times as many training clips there are. ValueError for an unknown way."""
    copies = {"": 1, "jittered": 1, "brightened": 1, "tenfold": 2 * len(TURNS_DEG)}
    if how not in copies:
        raise ValueError(f"pictures {how!r}: choose one of {', '.join(map(repr, copies))}")
    return copies[how]


def varied(
    clips: NDArray[Any], places: NDArray[np.int64], how: str, rng: np.random.Generator
) -> NDArray[Any]:
    """Clips (N, ...) at ``places`` below N times `copies_of`: place p is copy p // N of clip p % N."""
    copies, chosen = np.divmod(places, len(clips))
    out: NDArray[Any] = clips[chosen]
    for at, copy in enumerate(copies):
        seed = int(rng.integers(1 << 32))
        for pictures in _pictures(out):
            if how == "tenfold":
                pictures[at] = one_of_ten(pictures[at], int(copy))
            elif how == "brightened":
                pictures[at] = brightened(pictures[at], np.random.default_rng(seed))
            else:
                pictures[at] = jittered(pictures[at], np.random.default_rng(seed), most_shift_px=_SHIFT_PX)
    return out


def _pictures(clips: NDArray[Any]) -> list[NDArray[Any]]:
    """Views of the fields that are pictures."""
    fields = [clips] if clips.dtype.names is None else [clips[name] for name in clips.dtype.names]
    return [field for field in fields if field.dtype == np.uint8 and field.ndim >= 3]


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


def brightened(image: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """A uint8 image mirrored with chance .5, turned and made brighter or darker at random, drawn from ``rng``."""
    turn, brighter = rng.uniform(-1, 1, 2) * (MOST_TURN_DEG, MOST_BRIGHTER)
    turned = moved(mirrored(image) if rng.random() < 0.5 else image, turn)
    return np.asarray(np.clip(np.rint(turned + brighter), 0, 255), np.uint8)
