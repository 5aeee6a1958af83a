"""A flow as a picture for people: hue is direction, saturation is length."""

import functools

import numpy as np
from numpy.typing import NDArray

# Length of each colour transition of the wheel, from red over yellow, green, cyan, blue and magenta to red.
_TRANSITIONS = (15, 6, 4, 11, 13, 6)


@functools.cache
def _wheel() -> NDArray[np.float32]:
    """The wheel, (55, 3) RGB, of Baker et al., "A Database and Evaluation Methodology for Optical Flow"."""
    full, rows = 1.0, []
    corners = np.array(
        [(1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1), (1, 0, 0)], np.float32
    )
    for n, start, end in zip(_TRANSITIONS, corners[:-1], corners[1:], strict=True):
        share = (np.arange(n, dtype=np.float32) / n)[:, None]
        rows.append(start * (full - share) + end * share)
    return np.concatenate(rows)


def picture(u: NDArray[np.float32], v: NDArray[np.float32], limit: float | None = None) -> NDArray[np.uint8]:
    """Draw a flow with the Middlebury colour wheel.

    ``u``: float32 (H, W), displacement to the right in pixels; ``v``: float32 (H, W), displacement downwards in
    pixels; ``limit``: displacement in pixels drawn in full colour; longer ones are darkened. The longest when not
    given.

    Returns uint8 (H, W, 3), blue-green-red. No motion is white, motion to the right red, to the left cyan-blue,
    downwards yellow-green, upwards violet.
    """
    wheel = _wheel()
    length = np.hypot(u, v)
    scale = float(length.max()) if limit is None else float(limit)
    length = length / scale if scale > 0 else np.zeros_like(length)
    position = (np.arctan2(v, u) / (2 * np.pi) % 1.0) * len(wheel)
    low = position.astype(np.intp) % len(wheel)
    share = (position - np.floor(position))[..., None]
    colour = wheel[low] * (1 - share) + wheel[(low + 1) % len(wheel)] * share
    inside = 1 - np.minimum(length, 1)[..., None] * (1 - colour)
    rgb = np.where(length[..., None] <= 1, inside, 0.75 * colour)
    drawn: NDArray[np.uint8] = np.rint(255 * rgb[..., ::-1]).astype(np.uint8)
    return drawn
