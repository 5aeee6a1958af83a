"""What the networks made for photographs need of a 28x28 flow map: a larger picture."""

import torch
from torch.nn import functional

# The smallest picture all three take. A 28x28 map has no more to show in 224x224, at a dozen times the work.
SIDE = 64


def enlarge(maps: torch.Tensor, side: int = SIDE) -> torch.Tensor:
    """Maps (N, 3, 28, 28) in 0..1, bilinearly enlarged and centred on 0: (N, 3, side, side) in -1..1."""
    return functional.interpolate(maps, (side, side), mode="bilinear", align_corners=False) * 2 - 1
