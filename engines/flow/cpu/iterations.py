"""The inner loop of TV-L1: thresholding, divergence and dual ascent in one pass over the image.

The planes of a row lie side by side, so that what a row needs sits in the first-level cache: row y of plane k
starts at ``(y + 1) * PLANES * span + k * span + EDGE``, with a spare row above and below and EDGE spare
columns on both sides. A row's dual variables wait for the flow of the next row, and follow it while all is
still cached.
"""

import numpy as np

from engines.flow.cpu.compiled import Floats, compiled
from engines.flow.cpu.lanes import LANES, larger, load, smaller, splat, sqrt, store, total

IX, IY, CONSTANT, INVERSE, U, V, P11, P12, P21, P22 = range(10)
PLANES = 10
EDGE = LANES


@compiled
def iterate(
    state: Floats,
    mask: Floats,
    span: int,
    height: int,
    width: int,
    limit: np.float32,
    tau_theta: np.float32,
) -> np.float32:
    """One iteration over the whole image.

    ``state``: float32, flat, as described above. IX and IY are the derivatives of the warped apex, CONSTANT what
    remains of the brightness difference at zero flow, INVERSE one over the squared gradient, P11 to P22 the dual
    variables of u and v; ``mask``: float32 (span,), theta in the columns of the image and 0 beside them; ``span``:
    columns of a plane with the spare ones; ``height``: of the image; ``width``: of the image; ``limit``: lambda *
    theta; ``tau_theta``: tau / theta.

    Returns the sum over the image of the squared change of (u, v), in square pixels.

    Source: Zach et al. 2007, equations 13 to 16; Sánchez et al. 2013, algorithm 1.
    """
    row = PLANES * span
    upper, lower = splat(limit), splat(-limit)
    change = splat(np.float32(0))
    for y in range(height):
        start = (y + 1) * row + EDGE
        for x in range(start, start + width, LANES):
            u, v = load(state, x + U * span), load(state, x + V * span)
            ix, iy = load(state, x + IX * span), load(state, x + IY * span)
            theta = load(mask, x - start + EDGE)
            rho = load(state, x + CONSTANT * span) + ix * u + iy * v
            step = smaller(larger(rho * load(state, x + INVERSE * span), lower), upper)
            p11, p12 = x + P11 * span, x + P12 * span
            p21, p22 = x + P21 * span, x + P22 * span
            div_u = load(state, p11) - load(state, p11 - 1) + load(state, p12) - load(state, p12 - row)
            div_v = load(state, p21) - load(state, p21 - 1) + load(state, p22) - load(state, p22 - row)
            du, dv = theta * div_u - step * ix, theta * div_v - step * iy
            store(state, x + U * span, u + du)
            store(state, x + V * span, v + dv)
            change = change + du * du + dv * dv
        # The forward difference is 0 at the last column.
        state[start + U * span + width] = state[start + U * span + width - 1]
        state[start + V * span + width] = state[start + V * span + width - 1]
        if y > 0:
            _ascend(state, start - row, row, span, width, tau_theta)
    _ascend(state, height * row + EDGE, row - row, span, width, tau_theta)
    summed: np.float32 = total(change)
    return summed


@compiled
def _ascend(state: Floats, start: int, down: int, span: int, width: int, tau_theta: np.float32) -> None:
    """Dual ascent in the row at ``start``; ``down`` leads to the row below, 0 at the last one."""
    one, tau = splat(np.float32(1)), splat(tau_theta)
    for x in range(start, start + width, LANES):
        u, v = load(state, x + U * span), load(state, x + V * span)
        ux, uy = tau * (load(state, x + U * span + 1) - u), tau * (load(state, x + U * span + down) - u)
        vx, vy = tau * (load(state, x + V * span + 1) - v), tau * (load(state, x + V * span + down) - v)
        shrink_u = one / (one + sqrt(ux * ux + uy * uy))
        shrink_v = one / (one + sqrt(vx * vx + vy * vy))
        store(state, x + P11 * span, (load(state, x + P11 * span) + ux) * shrink_u)
        store(state, x + P12 * span, (load(state, x + P12 * span) + uy) * shrink_u)
        store(state, x + P21 * span, (load(state, x + P21 * span) + vx) * shrink_v)
        store(state, x + P22 * span, (load(state, x + P22 * span) + vy) * shrink_v)
