"""AlexNet (Krizhevsky, 2014, "One weird trick") on flow maps, a comparison row of paper 002, table 2.

Parameters are named as torchvision's, so that its weights can be loaded; u, v and strain take the place of red,
green and blue.
"""

import torch
from torch import nn

from engines.networks.frames import MAP_SIDE, enlarge


class AlexNet(nn.Module):
    """Maps in: float32 (N, 3, 28, 28) in 0..1, enlarged to ``side``; logits out: (N, classes)."""

    def __init__(self, classes: int = 3, side: int = MAP_SIDE) -> None:
        super().__init__()
        self.side = side
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(256 * 36, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, classes),
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of maps (N, 3, 28, 28)."""
        pooled = self.avgpool(self.features(enlarge(maps, self.side)))
        logits: torch.Tensor = self.classifier(pooled.flatten(1))
        return logits
