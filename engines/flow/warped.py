"""Pairs of a real face whose motion is known: what the solvers are timed and scored on.

The public-domain portrait in scikit-image, cropped like a benchmark crop and moved by a smooth field: one
local movement of known length, as a facial muscle makes it, over a faint drift of the whole head.
"""

import functools
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError

# The face in the portrait: left, top, width and height in pixels of the 512x512 picture.
_FACE: Final = (181, 72, 88, 107)
# Where movements sit, in unit coordinates of the crop: brows, cheeks, mouth corners, chin.
_PLACES: Final = (
    (0.3, 0.22),
    (0.68, 0.22),
    (0.25, 0.5),
    (0.73, 0.5),
    (0.32, 0.72),
    (0.68, 0.72),
    (0.5, 0.85),
)
CONDITIONS: Final = ("none", "gain", "ramp", "shadow")


@dataclass(frozen=True)
class Pair:
    """Two uint8 (H, W) images and the true flow between them, u and v float32 (H, W) in pixels.

    ``inside`` bool (H, W) is where the local movement is at least half its full length, ``outside`` where it
    is less than a twentieth.
    """

    onset: NDArray[np.uint8]
    apex: NDArray[np.uint8]
    u: NDArray[np.float32]
    v: NDArray[np.float32]
    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]


def warped_pair(
    seed: int,
    *,
    height: int = 170,
    width: int = 140,
    amplitude: float = 1.0,
    condition: str = "none",
    noise: float = 1.5,
) -> Pair:
    """Make the pair number ``seed``.

    ``seed``: chooses place and direction of the movement, the drift and the noise; any whole number from 0;
    ``height``: of the images in pixels; ``width``: of the images in pixels; ``amplitude``: longest displacement of
    the local movement in pixels; ``condition``: light of the apex: "none" as the onset, "gain" 1.04 times and 4
    grey levels brighter, "ramp" from 8 darker at the left to 8 brighter at the right, "shadow" 10 darker below a
    soft slanting edge; ``noise``: standard deviation of the sensor noise in grey levels.

    Raises InputError for an unknown condition.
    """
    if condition not in CONDITIONS:
        raise InputError(f"condition {condition!r} is unknown; choose one of {', '.join(CONDITIONS)}")
    random = np.random.default_rng(seed)
    place_x, place_y = np.array(_PLACES[seed % len(_PLACES)]) + random.uniform(-0.03, 0.03, 2)
    angle, drift_angle = random.uniform(0, 2 * np.pi, 2)
    drift = 0.1 * np.array([np.cos(drift_angle), np.sin(drift_angle)])
    radius = random.uniform(0.09, 0.13)

    def bump(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        squared = (x / width - place_x) ** 2 + (y / height - place_y) ** 2
        return np.asarray(np.exp(-squared / (2 * radius**2)), np.float64)

    y, x = np.mgrid[:height, :width].astype(np.float64)
    share = bump(x, y)
    u = amplitude * np.cos(angle) * share + drift[0]
    v = amplitude * np.sin(angle) * share + drift[1]
    # The apex pixel (x, y) shows the point that moved there: the field inverted by iteration.
    from_x, from_y = x, y
    for _ in range(12):
        moved = amplitude * bump(from_x, from_y)
        from_x, from_y = x - moved * np.cos(angle) - drift[0], y - moved * np.sin(angle) - drift[1]
    onset = _portrait(x, y, height, width)
    apex = _light(_portrait(from_x, from_y, height, width), x / width, y / height, condition)
    images = [
        np.clip(np.rint(i + random.normal(0, noise, i.shape)), 0, 255).astype(np.uint8) for i in (onset, apex)
    ]
    return Pair(images[0], images[1], u.astype(np.float32), v.astype(np.float32), share >= 0.5, share < 0.05)


def _light(
    image: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], condition: str
) -> NDArray[np.float64]:
    """Change the light of an image; x and y are unit coordinates."""
    if condition == "gain":
        image = image * 1.04 + 4
    elif condition == "ramp":
        image = image + 16 * (x - 0.5)
    elif condition == "shadow":
        image = image - 10 / (1 + np.exp((0.55 + 0.2 * (x - 0.5) - y) / 0.02))
    return image


@functools.cache
def _source() -> NDArray[np.float64]:
    """Spline coefficients of the portrait in grey levels."""
    from scipy import ndimage
    from skimage import data

    portrait = data.astronaut()  # type: ignore[no-untyped-call]
    grey = cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY).astype(np.float64)
    return np.asarray(ndimage.spline_filter(grey, order=5), np.float64)


def _portrait(x: NDArray[np.float64], y: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Grey levels of the portrait at crop positions, by quintic spline: finer than any kernel under test."""
    from scipy import ndimage

    left, top, wide, high = _FACE
    at = np.stack([top + (y + 0.5) * (high / height) - 0.5, left + (x + 0.5) * (wide / width) - 0.5])
    return np.asarray(ndimage.map_coordinates(_source(), at, order=5, prefilter=False), np.float64)
