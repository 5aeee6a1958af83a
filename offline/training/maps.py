"""Ways a flow map could as well have looked. Applied to training batches only, each drawn from the run's
own generator.
"""

import torch
from torch.nn import functional

from engines.networks.recipes import Jitter


def jittered(maps: torch.Tensor, jitter: Jitter, generator: torch.Generator) -> torch.Tensor:
    """A changed copy of maps (N, 3, 28, 28) in 0..1, on their device, drawn from a generator of the CPU.

    Mirroring changes the sign of u, which after stretching to 0..1 is 1 - u. Maps that were moved are
    stretched to 0..1 again, channel by channel, as the benchmark's and the live maps are.
    """
    maps = maps.clone()
    if jitter.mirror:
        chosen = _uniform((len(maps), 1, 1, 1), generator, maps) > 0
        mirrored = maps.flip(3)
        mirrored[:, 0] = 1 - mirrored[:, 0]
        maps = torch.where(chosen, mirrored, maps)
    if jitter.shift > 0 or jitter.turn > 0 or jitter.scale > 0:
        maps = _stretch(_move(maps, jitter, generator))
    return maps


def _move(maps: torch.Tensor, jitter: Jitter, generator: torch.Generator) -> torch.Tensor:
    count = (len(maps),)
    turn = jitter.turn * _uniform(count, generator, maps)
    zoom = 1 + jitter.scale * _uniform(count, generator, maps)
    x, y = (2 * jitter.shift / maps.shape[-1] * _uniform(count, generator, maps) for _ in range(2))
    rows = (
        torch.stack([turn.cos() * zoom, -turn.sin() * zoom, x], 1),
        torch.stack([turn.sin() * zoom, turn.cos() * zoom, y], 1),
    )
    grid = functional.affine_grid(torch.stack(rows, 1), list(maps.shape), align_corners=False)
    return functional.grid_sample(maps, grid, padding_mode="border", align_corners=False)


def _uniform(shape: tuple[int, ...], generator: torch.Generator, like: torch.Tensor) -> torch.Tensor:
    """Even between -1 and 1."""
    return (torch.rand(shape, generator=generator) * 2 - 1).to(like.device)


def _stretch(maps: torch.Tensor) -> torch.Tensor:
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    return (maps - low) / (high - low).clamp_min(1e-9)
