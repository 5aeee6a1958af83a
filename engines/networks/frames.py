"""What the networks made for photographs are fed: a crop in 224x224, in the colours they were pretrained with, or a
28x28 flow map in a larger picture.
"""

import torch
from torch.nn import functional

SIDE = 224  # papers 001 (section III.A), 003 (table 1) and 004 (section II.B)
# Mean and deviation of ImageNet's red, green and blue in 0..1, which torchvision's published weights expect.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# The smallest picture all three take. A 28x28 map has no more to show in 224x224, at a dozen times the work.
MAP_SIDE = 64


def photographs(crops: torch.Tensor) -> torch.Tensor:
    """Float32 (N, 3, 224, 224), normalised, of uint8 crops (N, H, W) grey or (N, H, W, 3) RGB."""
    colours = crops.unsqueeze(3).expand(-1, -1, -1, 3) if crops.ndim == 3 else crops
    return normalised(colours.permute(0, 3, 1, 2).float() / 255)


def normalised(pictures: torch.Tensor) -> torch.Tensor:
    """Float32 (N, 3, 224, 224) of pictures (N, 3, H, W) in 0..1, enlarged bilinearly."""
    large = functional.interpolate(pictures, (SIDE, SIDE), mode="bilinear", align_corners=False)
    mean, deviation = (torch.tensor(each, device=large.device)[:, None, None] for each in (MEAN, DEVIATION))
    return (large - mean) / deviation


def enlarge(maps: torch.Tensor, side: int = MAP_SIDE) -> torch.Tensor:
    """Maps (N, 3, 28, 28) in 0..1, bilinearly enlarged and centred on 0: (N, 3, side, side) in -1..1."""
    return functional.interpolate(maps, (side, side), mode="bilinear", align_corners=False) * 2 - 1
