"""Dual-Inception (Zhou, Mao, Xue, FG 2019), which paper 002 calls Basic Inception (§3.1, tables 1 and 7).

Two streams, u and v, of two Inception V1 blocks with 6 and 16 filters a branch, each followed by 2x2 pooling; the
two 7x7x64 side by side into one layer of 1024. The two names differ in the frame the flow ends in, the middle or
the apex, not in the network. Paper 002 does not give the widths of the 1x1 reductions: these make its parameter
counts, 6.4803 M with three classes and 6.4813 M with four.
"""

import torch
from torch import nn


class InceptionBlock(nn.Module):
    """Inception V1: 1x1, 3x3, 5x5 and pooled branches of ``filters`` maps each, stacked: (N, 4 * filters,
    H, W).
    """

    def __init__(self, channels: int, filters: int, reduce3: int, reduce5: int) -> None:
        super().__init__()
        self.branch1 = nn.Conv2d(channels, filters, 1)
        self.branch3 = nn.Sequential(
            nn.Conv2d(channels, reduce3, 1), nn.ReLU(), nn.Conv2d(reduce3, filters, 3, padding=1)
        )
        self.branch5 = nn.Sequential(
            nn.Conv2d(channels, reduce5, 1), nn.ReLU(), nn.Conv2d(reduce5, filters, 5, padding=2)
        )
        self.branch_pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(channels, filters, 1))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """ReLU of the four branches' maps."""
        branches = (self.branch1(maps), self.branch3(maps), self.branch5(maps), self.branch_pool(maps))
        return torch.relu(torch.cat(branches, 1))


def stream() -> nn.Sequential:
    """One channel of flow (N, 1, 28, 28) to (N, 3136)."""
    return nn.Sequential(
        InceptionBlock(1, 6, 6, 8),
        nn.MaxPool2d(2),
        InceptionBlock(24, 16, 64, 32),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )


class DualInception(nn.Module):
    """Maps in: float32 (N, 3, 28, 28) in 0..1, of which u and v are used; logits out: (N, classes)."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.u, self.v = stream(), stream()
        self.fc = nn.Linear(2 * 7 * 7 * 64, 1024)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(1024, classes)

    def features(self, maps: torch.Tensor) -> torch.Tensor:
        """The expression-shared feature: (N, 1024)."""
        both = torch.cat([self.u(maps[:, 0:1]), self.v(maps[:, 1:2])], 1)
        result: torch.Tensor = torch.relu(self.fc(both))
        return result

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of maps (N, 3, 28, 28)."""
        logits: torch.Tensor = self.output(self.dropout(self.features(maps)))
        return logits
