"""MobileNetV2 (Sandler et al., CVPR 2018) as paper 003 uses it (section 3.3, table 1): on the apex frame, on u, on v
and on both.

Parameters are named as torchvision's. The paper's last row, a 1x1 convolution of the pooled 1280 values to k, is the
classifier's layer; with the hinge loss of its eq. 12 (the recipe's ``loss``) it is the linear SVM that the paper puts
in the place of softmax. How a flow becomes a three-channel picture is not said: here u and v are the first two
channels, divided by the clip's longest displacement (99th percentile) and centred on grey, and the third is grey; a
single component fills all three.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from engines.networks import frames

# expansion, filters, repeats, stride of the first (table 1: l, o, r, s)
_BOTTLENECKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
FEATURES = 1280


def _convolution(channels: int, filters: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, filters, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU6(),
    )


class InvertedResidual(nn.Module):
    """Widened, filtered channel by channel, narrowed without an activation."""

    def __init__(self, channels: int, filters: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.added = stride == 1 and channels == filters
        self.conv = nn.Sequential(
            *([_convolution(channels, wide, 1)] if expansion != 1 else []),
            _convolution(wide, wide, 3, stride, wide),
            nn.Conv2d(wide, filters, 1, bias=False),
            nn.BatchNorm2d(filters),
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, filters, H/stride, W/stride)."""
        inner: torch.Tensor = self.conv(maps)
        return maps + inner if self.added else inner


def flow_pictures(flows: torch.Tensor, parts: tuple[int, ...] = (0, 1)) -> torch.Tensor:
    """Flows (N, 2, H, W) in pixels as pictures (N, 3, H, W) in 0..1, no motion at .5; ``parts``: 0 u, 1 v."""
    length = flows.square().sum(1).sqrt().flatten(1)
    longest = length.quantile(0.99, 1).clamp_min(1e-6)[:, None, None, None]
    chosen = (flows[:, list(parts)] / longest).clamp(-1, 1) / 2 + 0.5
    if len(parts) == 1:
        return chosen.expand(-1, 3, -1, -1)
    return torch.cat([chosen, torch.full_like(chosen[:, :1], 0.5)], 1)


class MobileNetV2(nn.Module):
    """Pictures in, what ``see`` makes of a stack of clips, (N, 3, H, W) in 0..1; logits out: (N, classes)."""

    def __init__(self, classes: int = 3, see: Callable[[torch.Tensor], torch.Tensor] = flow_pictures) -> None:
        super().__init__()
        self.see = see
        layers: list[nn.Module] = [_convolution(3, 32, 3, 2)]
        channels = 32
        for expansion, filters, repeats, stride in _BOTTLENECKS:
            for place in range(repeats):
                layers.append(InvertedResidual(channels, filters, stride if place == 0 else 1, expansion))
                channels = filters
        self.features = nn.Sequential(*layers, _convolution(channels, FEATURES, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(FEATURES, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.zeros_(module.bias)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes)."""
        maps = self.features(frames.normalised(self.see(clips)))
        logits: torch.Tensor = self.classifier(maps.mean((2, 3)))
        return logits


def _in_colour(crops: torch.Tensor) -> torch.Tensor:
    return crops.permute(0, 3, 1, 2).float() / 255


apex = partial(MobileNetV2, see=_in_colour)
u_only = partial(MobileNetV2, see=partial(flow_pictures, parts=(0,)))
v_only = partial(MobileNetV2, see=partial(flow_pictures, parts=(1,)))
