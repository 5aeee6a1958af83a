"""Optical strain: how much the skin is stretched, whatever its displacement."""

import numpy as np
from numpy.typing import NDArray


def strain(u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.float32]:
    """Magnitude of the infinitesimal strain tensor of a flow.

    With e = (grad w + grad w^T) / 2 for w = (u, v): sqrt(exx^2 + eyy^2 + 2 exy^2) (Liong et al., "Shallow
    Triple Stream Three-dimensional CNN for Micro-expression Recognition", FG 2019, eq. 4-5). Derivatives are
    central, one-sided at the border.

    Args:
        u: float32 (H, W), displacement to the right in pixels, H and W at least 2.
        v: float32 (H, W), displacement downwards in pixels.

    Returns:
        float32 (H, W), dimensionless (pixel per pixel), never negative.
    """
    uy, ux = np.gradient(np.asarray(u, np.float32))
    vy, vx = np.gradient(np.asarray(v, np.float32))
    magnitude: NDArray[np.float32] = np.sqrt(ux * ux + vy * vy + 0.5 * (uy + vx) ** 2)
    return magnitude.astype(np.float32, copy=False)
