"""How far each pixel of a solved flow can be believed."""

import numpy as np

from engines.flow.backend import HALF_TRUST
from engines.flow.cpu.compiled import Floats, compiled
from engines.flow.cpu.iterations import CONSTANT, EDGE, IX, IY, PLANES

# Half side of the window over which evidence is gathered.
REACH = 2
_HALF_TRUST = np.float32(HALF_TRUST)


@compiled
def finish(state: Floats, span: int, flow: Floats) -> Floats:
    """Residual and confidence.

    The residual is the grey-level difference apex(x + u, y + v) - onset(x, y), linearised at the last warp.
    Its mean square over 5x5 pixels against that of the gradient is the squared displacement it could hide;
    confidence is 1 where nothing is hidden, 1/2 at half a pixel, 0 where there is no texture at all.

    Args:
        state: as ``iterate`` leaves it at level 0.
        span: columns of a plane with the spare ones.
        flow: float32 (2, H, W), u and v.

    Returns:
        float32 (2, H, W): residual in grey levels, confidence in 0..1.
    """
    height, width = flow.shape[1:]
    quality = np.empty((2, height, width), np.float32)
    sums = np.zeros((2, height, width), np.float32)
    squares = np.zeros((2, width + 2 * REACH), np.float32)
    for y in range(height):
        start = (y + 1) * PLANES * span + EDGE
        for x in range(width):
            ix, iy = state[start + IX * span + x], state[start + IY * span + x]
            rest = state[start + CONSTANT * span + x] + ix * flow[0, y, x] + iy * flow[1, y, x]
            quality[0, y, x] = rest
            squares[0, x + REACH] = rest * rest
            squares[1, x + REACH] = ix * ix + iy * iy
        for near in range(max(y - REACH, 0), min(y + REACH + 1, height)):
            for c in range(2):
                for x in range(width):
                    beside = squares[c, x] + squares[c, x + 1] + squares[c, x + 2] + squares[c, x + 3]
                    sums[c, near, x] += beside + squares[c, x + 4]
    for y in range(height):
        for x in range(width):
            texture = sums[1, y, x] * _HALF_TRUST * _HALF_TRUST
            total = texture + sums[0, y, x]
            quality[1, y, x] = texture / total if total > 0 else np.float32(0)
    return quality
