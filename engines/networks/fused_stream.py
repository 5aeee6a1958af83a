"""STSTNet's stream for training on the CPU as one step: convolution, pooling, ReLU, batch norm, dropout, averaging.

The usual order writes a 30x30 map for every filter and reads it back for every operation, forward and backward;
here only the pooled maxima leave the registers, with the places they came from, and the gradient visits those
places alone. Lanes are samples, so every multiplication is a full vector. Same numbers as torch's operators within
rounding.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from engines.compiled import compiled

_jit = compiled(fastmath=True, boundscheck=False)
_LOWEST = np.finfo(np.float32).min
_CELLS = 10  # 28 + 2 x 2 padding - 2 = 30 positions, pooled 3x3 with padding 1 to 10, averaged 2x2 to 5


@_jit
def _nine(x: Any, w: Any, r: int, c: int, n: int) -> Any:
    """One channel's share of a 3x3 window, written out so that the loop over samples around it vectorises."""
    return (
        w[0] * x[r, c, n]
        + w[1] * x[r, c + 1, n]
        + w[2] * x[r, c + 2, n]
        + w[3] * x[r + 1, c, n]
        + w[4] * x[r + 1, c + 1, n]
        + w[5] * x[r + 1, c + 2, n]
        + w[6] * x[r + 2, c, n]
        + w[7] * x[r + 2, c + 1, n]
        + w[8] * x[r + 2, c + 2, n]
    )


@_jit
def _pool(x: Any, weight: Any, bias: Any, pooled: Any, place: Any) -> None:
    """X (3, 32, 32, N), weight (F, 3, 9) to pooled (F, 100, N) and place, the winner's row * 32 + column."""
    x0, x1, x2 = x[0], x[1], x[2]
    positions = x.shape[1] - 2
    for f in range(weight.shape[0]):
        w0, w1, w2, b = weight[f, 0], weight[f, 1], weight[f, 2], bias[f]
        for i in range(_CELLS):
            for j in range(_CELLS):
                best = pooled[f, i * _CELLS + j]
                where = place[f, i * _CELLS + j]
                best[:] = _LOWEST
                for r in range(max(0, 3 * i - 1), min(positions, 3 * i + 2)):
                    for c in range(max(0, 3 * j - 1), min(positions, 3 * j + 2)):
                        here = np.int32(r * x.shape[2] + c)
                        for n in range(x.shape[3]):
                            value = (
                                b + _nine(x0, w0, r, c, n) + _nine(x1, w1, r, c, n) + _nine(x2, w2, r, c, n)
                            )
                            old = best[n]
                            better = value > old
                            best[n] = value if better else old  # a select: a branch would not vectorise
                            where[n] = here if better else where[n]


@_jit
def _normalise(
    pooled: Any, gain: Any, shift: Any, keep: Any, eps: float, mean: Any, variance: Any, averaged: Any
) -> None:
    """ReLU (in place), batch norm over this batch, dropout (keep is 0 or 2), 2x2 average into averaged."""
    for f in range(pooled.shape[0]):
        maps = pooled[f]
        total = np.float64(0)
        squares = np.float64(0)
        for cell in range(maps.shape[0]):
            row_total = np.float32(0)
            for n in range(maps.shape[1]):
                maps[cell, n] = max(maps[cell, n], np.float32(0))
                row_total += maps[cell, n]
            total += row_total
        count = maps.shape[0] * maps.shape[1]
        middle = np.float32(total / count)
        for cell in range(maps.shape[0]):
            row_squares = np.float32(0)
            for n in range(maps.shape[1]):
                row_squares += (maps[cell, n] - middle) ** 2
            squares += row_squares
        mean[f], variance[f] = middle, squares / count
        scale = np.float32(1 / np.sqrt(variance[f] + eps))
        for i in range(_CELLS):
            for j in range(_CELLS):
                into = averaged[f, (i // 2) * (_CELLS // 2) + j // 2]
                row, kept = maps[i * _CELLS + j], keep[f, i * _CELLS + j]
                for n in range(row.shape[0]):
                    normal = (row[n] - middle) * scale
                    into[n] += (normal * gain[f] + shift[f]) * (np.float32(0.25) * kept[n])


@_jit
def _denormalise(
    pooled: Any,
    gain: Any,
    keep: Any,
    mean: Any,
    scale: Any,
    gradient: Any,
    back: Any,
    grad_gain: Any,
    grad_shift: Any,
) -> None:
    """Gradient at the averaged maps (F, 25, N) to that before ReLU, back (F, 100, N), and at gain and
    shift.
    """
    for f in range(pooled.shape[0]):
        middle, by = mean[f], scale[f]
        for i in range(_CELLS):
            for j in range(_CELLS):
                cell = i * _CELLS + j
                source, kept = gradient[f, (i // 2) * (_CELLS // 2) + j // 2], keep[f, cell]
                row, into = pooled[f, cell], back[f, cell]
                a, b = np.float32(0), np.float32(0)
                for n in range(row.shape[0]):
                    into[n] = source[n] * (np.float32(0.25) * kept[n])
                    a += into[n]
                    b += into[n] * ((row[n] - middle) * by)
                grad_shift[f] += a
                grad_gain[f] += b
        count = np.float32(pooled.shape[1] * pooled.shape[2])
        level, slope = grad_shift[f] / count, grad_gain[f] / count
        for cell in range(pooled.shape[1]):
            row, into = pooled[f, cell], back[f, cell]
            for n in range(row.shape[0]):
                through = gain[f] * by * (into[n] - level - (row[n] - middle) * by * slope)
                into[n] = through if row[n] > 0 else np.float32(0)


@_jit
def _gather(x: Any, place: Any, back: Any, grad_weight: Any, grad_bias: Any) -> None:
    """X (N, 3, 32, 32), back and place (F, 100, N): the gradient gathered at the winners."""
    width = x.shape[3]
    for n in range(x.shape[0]):
        image = x[n]
        for f in range(place.shape[0]):
            into = grad_weight[f]
            for cell in range(place.shape[1]):
                g = back[f, cell, n]
                if g != 0:
                    grad_bias[f] += g
                    r, c = place[f, cell, n] // width, place[f, cell, n] % width
                    for channel in range(3):
                        for y in range(3):
                            into[channel, y, 0] += g * image[channel, r + y, c]
                            into[channel, y, 1] += g * image[channel, r + y, c + 1]
                            into[channel, y, 2] += g * image[channel, r + y, c + 2]


def _dropout_mask(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """0 or 2 with even odds: one random bit each, from torch's generator, a twentieth of the cost of
    bernoulli_.
    """
    count = int(np.prod(shape))
    words = torch.randint(-(2**63), 2**63 - 1, (count // 64 + 1,), dtype=torch.int64).numpy()
    bits = np.unpackbits(words.view(np.uint8), count=count)
    return (bits.astype(np.float32) * 2).reshape(shape)


class _FusedStream(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, maps: torch.Tensor, *parameters: torch.Tensor) -> Any:
        weight, bias, gain, shift = (parameter.detach().contiguous().numpy() for parameter in parameters[:4])
        padded = functional.pad(maps, (2, 2, 2, 2))
        filters, samples = weight.shape[0], maps.shape[0]
        shape = (filters, _CELLS * _CELLS, samples)
        pooled, place = np.empty(shape, np.float32), np.empty(shape, np.int32)
        _pool(
            padded.permute(1, 2, 3, 0).contiguous().numpy(),
            weight.reshape(filters, 3, 9),
            bias,
            pooled,
            place,
        )
        keep = _dropout_mask(shape)
        mean, variance = np.empty(filters, np.float32), np.empty(filters, np.float32)
        averaged = np.zeros((filters, _CELLS * _CELLS // 4, samples), np.float32)
        eps = float(parameters[4])
        _normalise(pooled, gain, shift, keep, eps, mean, variance, averaged)
        context.saved = (
            padded.numpy(),
            place,
            pooled,
            gain,
            keep,
            mean,
            1 / np.sqrt(variance + np.float32(eps)),
        )
        statistics = torch.from_numpy(mean), torch.from_numpy(variance)
        context.mark_non_differentiable(*statistics)
        return torch.from_numpy(averaged.reshape(-1, samples)).T, *statistics

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> Any:
        padded, place, pooled, gain, keep, mean, scale = context.saved
        filters, _, samples = pooled.shape
        gradient = gradients[0].T.contiguous().numpy().reshape(filters, -1, samples)
        back = np.empty_like(pooled)
        grad_gain, grad_shift, grad_bias = (np.zeros(filters, np.float32) for _ in range(3))
        grad_weight = np.zeros((filters, 3, 3, 3), np.float32)
        _denormalise(pooled, gain, keep, mean, scale, gradient, back, grad_gain, grad_shift)
        _gather(padded, place, back, grad_weight, grad_bias)
        return None, *map(torch.from_numpy, (grad_weight, grad_bias, grad_gain, grad_shift)), None


def fused_stream(
    maps: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    gain: torch.Tensor,
    shift: torch.Tensor,
    eps: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One training pass of a stream, with dropout of one half.

    Maps float32 (N, 3, 28, 28) on the CPU, weight (F, 3, 3, 3), bias, batch-norm gain and shift (F,).
    Returns features (N, 25 F) in the order of flattened (F, 5, 5) maps, and the batch's mean and biased
    variance (F,) for the running statistics. Gradients reach the four parameters, not the maps.
    """
    features, mean, variance = _FusedStream.apply(  # type: ignore[no-untyped-call]
        maps, weight, bias, gain, shift, torch.tensor(eps)
    )
    return features, mean, variance
