"""VGG16 (Simonyan and Zisserman, 2015, configuration D) on flow maps, a comparison row of paper 002, table 2.

Parameters are named as torchvision's, so that its weights can be loaded; u, v and strain take the place of red,
green and blue.
"""

import torch
from torch import nn

from engines.networks.frames import MAP_SIDE, enlarge

_LAYERS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)  # 0 pools


class VGG16(nn.Module):
    """Maps in: float32 (N, 3, 28, 28) in 0..1, enlarged to ``side``; logits out: (N, classes)."""

    def __init__(self, classes: int = 3, side: int = MAP_SIDE) -> None:
        super().__init__()
        self.side = side
        layers: list[nn.Module] = []
        channels = 3
        for filters in _LAYERS:
            if filters == 0:
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
                channels = filters
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 49, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, classes),
        )
        for module in self.features:  # without it sixteen layers do not start to learn
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of maps (N, 3, 28, 28)."""
        pooled = self.avgpool(self.features(enlarge(maps, self.side)))
        logits: torch.Tensor = self.classifier(pooled.flatten(1))
        return logits
