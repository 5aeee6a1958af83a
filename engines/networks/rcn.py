"""RCN-style shallow recurrent network (Xia, Peng, Khor, Feng, Zhao, IEEE TIP 2020, "Revealing the Invisible with
Model and Data Shrinking for Composite-Database Micro-Expression Recognition"; sizes of the plain RCN in the
authors' code).

One 5x5 convolution, then a convolution that is run again on what it gave plus its own input, then averaging to 5x5.
The authors feed 60x60 maps; with 28x28 one recurrent layer remains.
"""

import torch
from torch import nn

FILTERS = 32


class RecurrentConvolution(nn.Module):
    """A 1x1 feed-forward step and twice the same 3x3 recurrent step, then 2x2 pooling and dropout."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.forward_step = nn.Sequential(nn.Conv2d(filters, filters, 1), nn.BatchNorm2d(filters), nn.ReLU())
        self.recurrent_step = nn.Sequential(
            nn.Conv2d(filters, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU()
        )
        self.shrink = nn.Sequential(nn.MaxPool2d(2), nn.Dropout(0.5))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(N, filters, H, W) to (N, filters, H / 2, W / 2)."""
        state = self.forward_step(maps)
        for _ in range(2):
            state = self.recurrent_step(maps + state)
        result: torch.Tensor = self.shrink(state)
        return result


class RCN(nn.Module):
    """Maps in: float32 (N, 3, 28, 28) in 0..1; logits out: (N, classes)."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, FILTERS, 5), nn.BatchNorm2d(FILTERS), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5)
        )
        self.recurrent = RecurrentConvolution(FILTERS)
        self.output = nn.Linear(5 * 5 * FILTERS, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.output.weight, 0, 0.01)
        nn.init.zeros_(self.output.bias)

    def features(self, maps: torch.Tensor) -> torch.Tensor:
        """What the output layer sees: (N, 800)."""
        maps = self.recurrent(self.stem(maps))  # 28 - 4 = 24, 12, 6
        # 6x6 to 5x5 by overlapping means: what adaptive averaging does here, in an operation every runtime has
        return nn.functional.avg_pool2d(maps, 2, 1).flatten(1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of maps (N, 3, 28, 28)."""
        logits: torch.Tensor = self.output(self.features(maps))
        return logits
