"""Pyramid, derivatives and cubic sampling: everything that happens once a level or once a warp."""

import math

import numpy as np

from engines.flow.cpu.compiled import Floats, compiled
from engines.flow.cpu.iterations import CONSTANT, EDGE, INVERSE, IX, IY, PLANES, U, V
from engines.flow.cpu.lanes import LANES, four_sums, larger, load, splat, store

# Samples kept beyond every side of the picture: the four taps of a cubic, wholly outside.
MARGIN = 4
# Brightness, its two derivatives, and a spare, so that four taps fill sixteen lanes.
CHANNELS = 4
TINY = np.float32(1.1920929e-07)


@compiled
def resize(source: Floats, target: Floats, step_x: float, step_y: float, factor: float) -> None:
    """Bilinear resize of ``source`` to the shape of ``target``, both float32 (H, W), times ``factor``.

    Half-pixel centres, edges repeated, no antialiasing; a target pixel is ``step_x`` by ``step_y`` source
    pixels.
    """
    height, width = source.shape
    for y in range(target.shape[0]):
        at_y = min(max((y + 0.5) * step_y - 0.5, 0.0), height - 1.0)
        top = int(at_y)
        bottom = min(top + 1, height - 1)
        share_y = np.float32(at_y - top)
        for x in range(target.shape[1]):
            at_x = min(max((x + 0.5) * step_x - 0.5, 0.0), width - 1.0)
            left = int(at_x)
            right = min(left + 1, width - 1)
            share_x = np.float32(at_x - left)
            above = source[top, left] + (source[top, right] - source[top, left]) * share_x
            below = source[bottom, left] + (source[bottom, right] - source[bottom, left]) * share_x
            target[y, x] = (above + (below - above) * share_y) * np.float32(factor)


@compiled
def sample(picture: Floats, samples: Floats, repeat_edges: bool) -> None:
    """Lay a picture out for ``warp``: brightness and both derivatives side by side, with a margin.

    ``picture``: float32 (H, W); ``samples``: float32, flat, (H + 2 MARGIN) x (W + 2 MARGIN) x CHANNELS, written.
    The derivatives are half the difference of the two neighbours, at an edge half the one-sided difference;
    ``repeat_edges``: whether the margin repeats the last pixel, or is 0.
    """
    height, width = picture.shape
    stride = (width + 2 * MARGIN) * CHANNELS
    half = np.float32(0.5)
    for y in range(-MARGIN, height + MARGIN):
        inside_y = min(max(y, 0), height - 1)
        above, below = max(inside_y - 1, 0), min(inside_y + 1, height - 1)
        to = (y + MARGIN) * stride
        for x in range(-MARGIN, width + MARGIN):
            inside_x = min(max(x, 0), width - 1)
            left, right = max(inside_x - 1, 0), min(inside_x + 1, width - 1)
            if repeat_edges or (inside_x == x and inside_y == y):
                samples[to] = picture[inside_y, inside_x]
                samples[to + 1] = half * (picture[inside_y, right] - picture[inside_y, left])
                samples[to + 2] = half * (picture[below, inside_x] - picture[above, inside_x])
            else:
                samples[to] = samples[to + 1] = samples[to + 2] = np.float32(0)
            samples[to + 3] = np.float32(0)
            to += CHANNELS


@compiled
def warp(
    samples: Floats,
    onsets: Floats,
    first: int,
    height: int,
    width: int,
    state: Floats,
    span: int,
    weights: Floats,
    wide_weights: Floats,
) -> None:
    """Sample the apex and its derivatives at (x + u, y + v) and linearise the brightness difference there.

    ``samples``: as ``sample`` leaves them; ``onsets``: float32, flat, the onset from ``first`` on and at least
    LANES values after it; ``first``: where the onset begins; ``height``: of the image; ``width``: of the image;
    ``state``: as in ``iterations``; U and V are read, IX, IY, CONSTANT and INVERSE written; ``span``: columns of a
    plane with the spare ones; ``weights``: float32 (fractions, 4) of the kernel; positions are rounded to ``1 /
    fractions`` pixel; ``wide_weights``: float32, flat, the same, each repeated for the four channels.
    """
    fractions = weights.shape[0]
    shift = int(math.log2(fractions) + 0.5)
    fine = np.float32(fractions)
    row = PLANES * span
    stride = (width + 2 * MARGIN) * CHANNELS
    last_x, last_y = width + MARGIN, height + MARGIN
    one, tiny = splat(np.float32(1)), splat(TINY)
    for y in range(height):
        start = (y + 1) * row + EDGE
        for x in range(width):
            to = start + x
            at_x = int(np.rint((np.float32(x) + state[to + U * span]) * fine))
            at_y = int(np.rint((np.float32(y) + state[to + V * span]) * fine))
            # The left and the top tap, counted from the corner of the margin.
            left = min(max((at_x >> shift) - 1 + MARGIN, 0), last_x)
            top = min(max((at_y >> shift) - 1 + MARGIN, 0), last_y)
            down = at_y & (fractions - 1)
            at = top * stride + left * CHANNELS
            taps = (
                load(samples, at) * splat(weights[down, 0])
                + load(samples, at + stride) * splat(weights[down, 1])
                + load(samples, at + 2 * stride) * splat(weights[down, 2])
                + load(samples, at + 3 * stride) * splat(weights[down, 3])
            )
            sums = four_sums(taps * load(wide_weights, (at_x & (fractions - 1)) * LANES))
            state[to + CONSTANT * span] = sums[0]
            state[to + IX * span] = sums[1]
            state[to + IY * span] = sums[2]
        for x in range(0, width, LANES):
            to = start + x
            ix, iy = load(state, to + IX * span), load(state, to + IY * span)
            change = load(state, to + CONSTANT * span) - load(onsets, first + y * width + x)
            at_rest = change - ix * load(state, to + U * span) - iy * load(state, to + V * span)
            store(state, to + CONSTANT * span, at_rest)
            store(state, to + INVERSE * span, one / larger(ix * ix + iy * iy, tiny))
