"""Micro-Attention on apex frames (Wang, Peng, Bi, Chen, Neurocomputing 2020), the comparison row of paper 001, tables
II and III.

ResNet-10 whose every block weighs its result by a map of attention, one value a place, found from the block's maps at
each depth. The paper compared with here says no more than "attention-based method with the same input data as the
spatial stream"; taken: the map is a 1x1 convolution over the block's shortcut and its two convolutions side by side,
through a sigmoid, and the block adds its inner maps times (1 + attention).
"""

import torch
from torch import nn

from engines.networks import frames
from engines.networks.resnet import FEATURES, RESNET_10, BasicBlock, ResNet


class AttentiveBlock(BasicBlock):
    """A residual block with a micro-attention unit."""

    def __init__(self, channels: int, filters: int, stride: int = 1) -> None:
        super().__init__(channels, filters, stride)
        self.attention = nn.Conv2d(3 * filters, 1, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Block output of maps."""
        kept = maps if self.downsample is None else self.downsample(maps)
        first = torch.relu(self.bn1(self.conv1(maps)))
        second = self.bn2(self.conv2(first))
        attention = torch.sigmoid(self.attention(torch.cat([kept, first, second], 1)))
        return torch.relu(kept + second * (1 + attention))


class MicroAttention(nn.Module):
    """Apex frames in: uint8 (N, H, W, 3); logits out: (N, classes)."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.resnet = ResNet(RESNET_10, block=AttentiveBlock)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(FEATURES, classes)

    def backbones(self) -> list[nn.Module]:
        """What pretrained weights are loaded into; the attention is trained from scratch where the file has none."""
        return [self.resnet]

    def features(self, apexes: torch.Tensor) -> torch.Tensor:
        """What the classifying layer sees: (N, 512)."""
        features: torch.Tensor = self.resnet(frames.photographs(apexes))
        return features

    def forward(self, apexes: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes)."""
        logits: torch.Tensor = self.fc(self.dropout(self.features(apexes)))
        return logits
