"""The shape of a face: how an identity's features differ from the portrait's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engines.synthesis.identity import Identity
from engines.synthesis.portrait import mirror_pairs

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def _bell(x: Float32, y: Float32, at: Float64, wide: float, high: float) -> Float32:
    a, b = (x - np.float32(at[0])) / np.float32(wide), (y - np.float32(at[1])) / np.float32(high)
    return np.asarray(np.exp(-0.5 * (a * a + b * b)), np.float32)


def reshaped(identity: Identity, points: Float64, unit: float, x: Float32, y: Float32) -> Float32:
    """Backward displacement (frame px) of the shape variation: the texture at x, y comes from x, y plus this."""
    out = np.zeros((*x.shape, 2), np.float32)
    pairs = mirror_pairs()

    def pull(
        at: list[int], right: float, down: float, wide: float, high: float, *, both: bool = False
    ) -> None:
        sides = ((at, 1.0), ([int(k) for k in pairs[at]], -1.0)) if both else ((at, 1.0),)
        for where, sign in sides:
            bell = _bell(x, y, points[where].mean(0), wide * unit, high * unit)
            out[..., 0] -= np.float32(sign * right * unit) * bell
            out[..., 1] -= np.float32(down * unit) * bell

    middle = points[[168, 1, 152]].mean(0)
    s = identity
    spread = _bell(x, y, middle, 130 * unit, 150 * unit)
    out[..., 0] -= np.float32(0.09 * s.face_width) * (x - np.float32(middle[0])) * spread
    pull([172, 136], -9 * s.jaw, 0, 34, 34, both=True)
    pull([152], 0, 10 * s.chin, 55, 34)
    pull([33, 133, 159, 145], -5 * s.eye_distance, 0, 28, 20, both=True)
    for eye in ([33, 133, 159, 145], [263, 362, 386, 374]):
        at = points[eye].mean(0)
        bell = _bell(x, y, at, 24 * unit, 12 * unit)
        out[..., 0] -= np.float32(0.1 * s.eye_size) * (x - np.float32(at[0])) * bell
        out[..., 1] -= np.float32(0.2 * s.eye_size) * (y - np.float32(at[1])) * bell
    pull([129, 98, 64], -5.5 * s.nose_width, 0, 14, 16, both=True)
    pull([1, 2, 94], 0, 6 * s.nose_length, 24, 18)
    pull([61, 57], -6 * s.mouth_width, 0, 20, 16, both=True)
    pull([0, 37, 267], 0, -2.5 * s.lips, 26, 8)
    pull([17, 84, 314], 0, 3.5 * s.lips, 26, 9)
    pull([105, 66, 52], 0, -5 * s.brow_height, 34, 12, both=True)
    pull([107, 55], 0, 3 * s.brow_tilt, 14, 10, both=True)
    pull([46, 70], 0, -3 * s.brow_tilt, 16, 10, both=True)
    pull([10], 0, -12 * s.forehead, 80, 40)
    # less of the portrait's smile: corners down and inward, cheeks with them
    less = 1 - s.smile
    pull([61, 57, 76], 6.5 * less, 6.5 * less, 20, 16, both=True)
    pull([205, 187], 2.5 * less, 4 * less, 24, 20, both=True)
    return out
