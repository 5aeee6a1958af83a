"""Training pictures shown otherwise, as papers 001 and 004 do: all pictures of a clip in the same way.

A picture is what has two axes of pixels, uint8 (N, H, W) or (N, H, W, 3). Numbers measured on the clip, such as the
motion that ATNet's temporal stream reads, stay.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.face import CROP_WIDTH
from offline.preparation.augmentation import MOST_SHIFT_PX, TURNS_DEG, jittered, one_of_ten

# Paper 001 shifts by pixels of a 224 wide face.
_SHIFT_PX: Final = MOST_SHIFT_PX * CROP_WIDTH / 224


def copies_of(how: str) -> int:
    """How many times as many training clips there are. ValueError for an unknown way."""
    copies = {"": 1, "jittered": 1, "tenfold": 2 * len(TURNS_DEG)}
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
            else:
                pictures[at] = jittered(pictures[at], np.random.default_rng(seed), most_shift_px=_SHIFT_PX)
    return out


def _pictures(clips: NDArray[Any]) -> list[NDArray[Any]]:
    """Views of the fields that are pictures."""
    fields = [clips] if clips.dtype.names is None else [clips[name] for name in clips.dtype.names]
    return [field for field in fields if field.dtype == np.uint8 and field.ndim >= 3]
