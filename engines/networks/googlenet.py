"""GoogLeNet (Szegedy et al., CVPR 2015) on flow maps, a comparison row of paper 002, table 2.

Parameters are named as torchvision's, so that its weights can be loaded; u, v and strain take the place of red,
green and blue. Like torchvision's it has batch norm, and 3x3 filters where the paper's third branch has 5x5.
"""

import torch
from torch import nn
from torch.nn import functional

from engines.networks.frames import MAP_SIDE, enlarge


class BasicConv2d(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, channels: int, filters: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(filters, eps=0.001)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, filters, H', W')."""
        return torch.relu(self.bn(self.conv(maps)))


class Inception(nn.Module):
    """Four branches side by side; widths in the order of the paper's table 1."""

    def __init__(self, channels: int, w1: int, r3: int, w3: int, r5: int, w5: int, pool: int) -> None:
        super().__init__()
        self.branch1 = BasicConv2d(channels, w1, 1)
        self.branch2 = nn.Sequential(BasicConv2d(channels, r3, 1), BasicConv2d(r3, w3, 3, padding=1))
        self.branch3 = nn.Sequential(BasicConv2d(channels, r5, 1), BasicConv2d(r5, w5, 3, padding=1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), BasicConv2d(channels, pool, 1))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, w1 + w3 + w5 + pool, H, W)."""
        return torch.cat([self.branch1(maps), self.branch2(maps), self.branch3(maps), self.branch4(maps)], 1)


class InceptionAux(nn.Module):
    """The classifier beside the network that its loss is helped by in training."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.conv = BasicConv2d(channels, 128, 1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, classes)
        self.dropout = nn.Dropout(0.7)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes)."""
        pooled = self.conv(functional.adaptive_avg_pool2d(maps, 4)).flatten(1)
        logits: torch.Tensor = self.fc2(self.dropout(torch.relu(self.fc1(pooled))))
        return logits


class GoogLeNet(nn.Module):
    """Maps in: float32 (N, 3, 28, 28) in 0..1, enlarged to ``side``; logits out: (N, classes)."""

    def __init__(self, classes: int = 3, side: int = MAP_SIDE) -> None:
        super().__init__()
        self.side = side
        self.conv1 = BasicConv2d(3, 64, 7, 2, 3)
        self.maxpool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, 1)
        self.conv3 = BasicConv2d(64, 192, 3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = InceptionAux(512, classes)
        self.aux2 = InceptionAux(528, classes)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(1024, classes)

    def _stages(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = self.maxpool1(self.conv1(enlarge(maps, self.side)))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        early = self.inception4a(x)
        middle = self.inception4d(self.inception4c(self.inception4b(early)))
        x = self.maxpool4(self.inception4e(middle))
        x = self.inception5b(self.inception5a(x))
        return early, middle, self.avgpool(x).flatten(1)

    def features(self, maps: torch.Tensor) -> torch.Tensor:
        """What the output layer sees: (N, 1024)."""
        return self._stages(maps)[2]

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of maps (N, 3, 28, 28)."""
        logits: torch.Tensor = self.fc(self.dropout(self.features(maps)))
        return logits

    def training_loss(
        self, maps: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, and the loss with the two classifiers beside the network at 0.3 each, as published."""
        early, middle, last = self._stages(maps)
        logits = self.fc(self.dropout(last))
        loss = functional.cross_entropy(logits, labels, weight)
        for aux, stage in ((self.aux1, early), (self.aux2, middle)):
            loss = loss + 0.3 * functional.cross_entropy(aux(stage), labels, weight)
        return logits, loss
