"""One pair through the whole pyramid, in a single call that holds no lock; how far each pixel can be believed."""

import numpy as np

from engines.flow.backend import HALF_TRUST
from engines.flow.cpu.compiled import Floats, Indices, compiled
from engines.flow.cpu.iterations import CONSTANT, EDGE, IX, IY, PLANES, U, V, iterate
from engines.flow.cpu.medians import median
from engines.flow.cpu.warping import resize, sample, warp

# Half side of the window over which evidence is gathered.
REACH = 2
_HALF_TRUST = np.float32(HALF_TRUST)


@compiled
def solve(
    onsets: Floats,
    apexes: Floats,
    sizes: Indices,
    starts: Indices,
    samples: Floats,
    state: Floats,
    mask: Floats,
    scratch: Floats,
    weights: Floats,
    wide_weights: Floats,
    numbers: Floats,
    rounds: Indices,
    repeat_edges: bool,
    use_median: bool,
) -> tuple[Floats, Floats, int]:
    """Flow of one pair.

    ``onsets``: float32, flat, the pyramid of the onset; its lowest level is filled in, the others are made here;
    ``apexes``: float32, flat, the pyramid of the apex, likewise; ``sizes``: int64 (levels, 2), height and width of
    each level; ``starts``: int64 (levels,), where each level begins in ``onsets`` and ``apexes``; ``samples``:
    float32, flat, for ``sample``; ``state``: float32, flat, for ``iterate``; ``mask``: float32, flat, for
    ``iterate``; ``scratch``: float32, flat, for ``median``; ``weights``: float32 (fractions, 4), for ``warp``;
    ``wide_weights``: float32, flat, for ``warp``; ``numbers``: float32 (5,): lambda * theta, tau / theta, theta,
    epsilon, step; ``rounds``: int64 (3,): warps a level, outer and inner iterations; ``repeat_edges``: for
    ``sample``; ``use_median``: whether the flow is filtered at the start of an outer iteration.

    Returns (flow, quality, iterations): flow float32 (2, H, W) is u and v in pixels, quality float32 (2, H, W) the
    residual and the confidence, see ``finish``.
    """
    limit, tau_theta, theta, epsilon, step = numbers
    warps, outer, inner = rounds
    levels = sizes.shape[0]
    step_up = 1.0 / step
    for k in range(1, levels):
        for pictures in (onsets, apexes):
            above, here = _level(pictures, sizes, starts, k - 1), _level(pictures, sizes, starts, k)
            resize(above, here, step_up, step_up, 1.0)
    done = 0
    flow = np.zeros((2, sizes[levels - 1, 0], sizes[levels - 1, 1]), np.float32)
    for k in range(levels - 1, -1, -1):
        height, width = sizes[k]
        if k < levels - 1:
            coarse, flow = flow, np.empty((2, height, width), np.float32)
            for c in range(2):
                step_x, step_y = coarse.shape[2] / width, coarse.shape[1] / height
                resize(coarse[c], flow[c], step_x, step_y, step_up)
        span = (width + EDGE - 1) // EDGE * EDGE + 2 * EDGE
        _begin(flow, state, mask, span, theta)
        sample(_level(apexes, sizes, starts, k), samples, repeat_edges)
        enough = epsilon * epsilon * height * width
        for _warp in range(warps):
            warp(samples, onsets, starts[k], height, width, state, span, weights, wide_weights)
            change = np.float32(np.inf)
            for _outer in range(outer):
                if change <= enough:
                    break
                if use_median:
                    for plane in (U, V):
                        median(state, plane, span, height, width, scratch)
                for _inner in range(inner):
                    if change <= enough:
                        break
                    change = iterate(state, mask, span, height, width, limit, tau_theta)
                    done += 1
        for y in range(height):
            start = (y + 1) * PLANES * span + EDGE
            for x in range(width):
                flow[0, y, x] = state[start + U * span + x]
                flow[1, y, x] = state[start + V * span + x]
    return flow, finish(state, span, flow), done


@compiled
def _level(pictures: Floats, sizes: Indices, starts: Indices, k: int) -> Floats:
    height, width = sizes[k]
    return pictures[starts[k] : starts[k] + height * width].reshape((height, width))


@compiled
def _begin(flow: Floats, state: Floats, mask: Floats, span: int, theta: np.float32) -> None:
    """Empty the state for a new level, dual variables included, and put the flow in."""
    height, width = flow.shape[1:]
    for k in range((height + 2) * PLANES * span):
        state[k] = 0
    for y in range(height):
        start = (y + 1) * PLANES * span + EDGE
        for x in range(width):
            state[start + U * span + x] = flow[0, y, x]
            state[start + V * span + x] = flow[1, y, x]
    for k in range(span):
        mask[k] = theta if EDGE <= k < EDGE + width else 0


@compiled
def finish(state: Floats, span: int, flow: Floats) -> Floats:
    """Residual and confidence.

    The residual is the grey-level difference apex(x + u, y + v) - onset(x, y), linearised at the last warp.
    Its mean square over 5x5 pixels against that of the gradient is the squared displacement it could hide;
    confidence is 1 where nothing is hidden, 1/2 at half a pixel, 0 where there is no texture at all.

    ``state``: as ``iterate`` leaves it at level 0; ``span``: columns of a plane with the spare ones; ``flow``:
    float32 (2, H, W), u and v.

    Returns float32 (2, H, W): residual in grey levels, confidence in 0..1.
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
