"""What networks are fed of a flow: optical strain, and the 28x28 three-channel flow map."""

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError

SIDE = 28
# TV-L1 leaves steps one pixel wide, whose strain is a hairline. Smoothed by this many pixels, strain resembles the
# strain of the shrunken flow as closely (correlation 0.90) as it does in the released maps; without, 0.77 to 0.85.
SMOOTHING = 1.0


def strain(u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.float32]:
    """Magnitude of the infinitesimal strain tensor of a flow.

    With e = (grad w + grad w^T) / 2 for w = (u, v): sqrt(exx^2 + eyy^2 + 2 exy^2) (Liong et al., "Shallow
    Triple Stream Three-dimensional CNN for Micro-expression Recognition", FG 2019, eq. 4-5). Derivatives are
    central, one-sided at the border.

    ``u``: float32 (H, W), displacement to the right in pixels, H and W at least 2; ``v``: float32 (H, W),
    displacement downwards in pixels.

    Returns float32 (H, W), dimensionless (pixel per pixel), never negative.
    """
    uy, ux = np.gradient(np.asarray(u, np.float32))
    vy, vx = np.gradient(np.asarray(v, np.float32))
    magnitude: NDArray[np.float32] = np.sqrt(ux * ux + vy * vy + 0.5 * (uy + vx) ** 2)
    return magnitude.astype(np.float32, copy=False)


def flow_map(u: NDArray[np.float32], v: NDArray[np.float32], size: int = SIDE) -> NDArray[np.float32]:
    """Shrink a flow and its strain to the benchmark's size.

    ``u``: float32 (H, W), displacement to the right in crop pixels; ``v``: float32 (H, W), displacement downwards
    in crop pixels; ``size``: side of the result in pixels.

    Returns float32 (3, size, size): u and v (still in pixels of the crop) and strain, each averaged over the area
    that a pixel of the map covers. Strain is taken before shrinking, of the slightly smoothed flow.
    """
    import cv2

    smooth_u, smooth_v = (cv2.GaussianBlur(plane, (7, 7), SMOOTHING) for plane in (u, v))
    planes = (u, v, strain(smooth_u, smooth_v))
    small = [cv2.resize(plane, (size, size), interpolation=cv2.INTER_AREA) for plane in planes]
    return np.asarray(small, np.float32)


def as_benchmark(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale flow maps as the released benchmark maps are scaled.

    Every channel of every map is stretched so that its smallest value is 0 and its largest 255, then rounded
    to a whole number, as if saved as an image. Magnitude and zero level are lost, as they are in the
    released maps.

    ``maps``: float32 (..., 3, H, W), u, v and strain.

    Returns float32 of the same shape, multiples of 1/255 in 0..1. A channel without any variation becomes 0.

    Raises InputError for an empty map or a value that is not finite.
    """
    maps = np.asarray(maps, np.float32)
    if maps.ndim < 3 or maps.size == 0:
        raise InputError(f"flow maps: shape {maps.shape} holds no map; give (..., 3, H, W)")
    if not np.isfinite(maps).all():
        raise InputError("flow maps: not every value is finite; drop this pair of frames")
    low = maps.min((-2, -1), keepdims=True)
    span = maps.max((-2, -1), keepdims=True) - low
    levels = np.rint((maps - low) * (255 / np.where(span > 0, span, 1)))
    scaled: NDArray[np.float32] = (levels / 255).astype(np.float32)
    return scaled
