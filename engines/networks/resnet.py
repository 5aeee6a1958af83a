"""Residual networks (He et al., CVPR 2016) for the papers' streams: ResNet-18 (paper 004, section II.B) and ResNet-10
(paper 001, section III.B, after Peng et al., FG 2018).

Parameters are named as torchvision's ResNet-18; ResNet-10 has one block a stage where that has two, so that a file of
ResNet-18 holds everything it needs.
"""

from collections.abc import Callable

import torch
from torch import nn

WIDTHS = (64, 128, 256, 512)
FEATURES = WIDTHS[-1]
RESNET_10, RESNET_18 = 1, 2  # blocks a stage


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and what they are added to: (N, channels, H, W) to (N, filters, H/stride, W/stride)."""

    def __init__(self, channels: int, filters: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))
            if stride != 1 or channels != filters
            else None
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Block output of maps."""
        kept = maps if self.downsample is None else self.downsample(maps)
        inner = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(maps)))))
        return torch.relu(kept + inner)


class ResNet(nn.Module):
    """Stages of a residual network without its classifier: pictures (N, 3, H, W) to features (N, 512).

    ``blocks`` a stage; ``stages`` of the four; ``block`` makes one of (channels, filters, stride).
    """

    def __init__(
        self,
        blocks: int = RESNET_18,
        stages: int = 4,
        block: Callable[[int, int, int], nn.Module] = BasicBlock,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.stages = stages
        channels = 64
        for stage, filters in enumerate(WIDTHS[:stages], 1):
            first = block(channels, filters, 1 if stage == 1 else 2)
            others = [block(filters, filters, 1) for _ in range(blocks - 1)]
            self.add_module(f"layer{stage}", nn.Sequential(first, *others))
            channels = filters
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def maps(self, pictures: torch.Tensor) -> torch.Tensor:
        """What the last stage gives: (N, filters, H/32, W/32) after four stages, H/16 after three."""
        x: torch.Tensor = self.maxpool(torch.relu(self.bn1(self.conv1(pictures))))
        for stage in range(1, self.stages + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        return x

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """The last stage averaged over the picture: (N, 512)."""
        return self.maps(pictures).mean((2, 3))
