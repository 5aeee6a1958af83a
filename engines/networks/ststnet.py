"""STSTNet: shallow triple stream three-dimensional CNN (Liong, Gan, See, Khor, Huang, FG 2019, §III-B, figure 3).

Three parallel 3x3 convolutions of 3, 5 and 8 filters over the same three-channel flow map, each followed by ReLU,
batch norm, 3x3 max pooling and dropout; their 16 maps are stacked, averaged 2x2 to 5x5x16 and classified by one
layer. 1,683 parameters with three classes. Sizes and the 0..255 input are those of the authors' released code.
"""

import torch
from torch import nn
from torch.nn import functional

from engines.networks.fused_stream import fused_stream

FILTERS = (3, 5, 8)


class PlainSTSTNet(nn.Module):
    """The network as published: three branches, batch norm before pooling.

    Maps in: float32 (N, 3, 28, 28) in 0..1; logits out: (N, classes).
    """

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(3, filters, 3, padding=2) for filters in FILTERS)
        self.norms = nn.ModuleList(nn.BatchNorm2d(filters) for filters in FILTERS)
        self.fc = nn.Linear(16 * 5 * 5, classes)

    def features(self, maps: torch.Tensor) -> torch.Tensor:
        """What the classifying layer sees: (N, 400)."""
        pixels = maps * 255
        streams = [
            functional.dropout(
                functional.max_pool2d(norm(functional.relu(convolution(pixels))), 3, 3, 1), 0.5, self.training
            )
            for convolution, norm in zip(self.convolutions, self.norms, strict=True)
        ]
        return functional.avg_pool2d(torch.cat(streams, 1), 2).flatten(1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of maps (N, 3, 28, 28)."""
        logits: torch.Tensor = self.fc(self.features(maps))
        return logits


class STSTNet(nn.Module):
    """The same function with the work shrunk: the three convolutions are one of 16 filters, and pooling
    comes first.

    Max pooling commutes with ReLU, and with batch norm as long as its gains are positive, which they stay
    (they start at 1 and move by hundredths); what changes is that the norm's statistics are taken over the
    pooled maps, a ninth of the values. Same interface and parameter count as PlainSTSTNet, scores the same
    within noise, a fraction of its memory traffic.
    """

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, sum(FILTERS), 3, padding=2)
        self.norm = nn.BatchNorm2d(sum(FILTERS))
        self.fc = nn.Linear(16 * 5 * 5, classes)

    def features(self, maps: torch.Tensor) -> torch.Tensor:
        """What the classifying layer sees: (N, 400)."""
        pixels = maps * 255
        if self.training and pixels.device.type == "cpu":
            return self._fused(pixels)
        pooled = functional.max_pool2d(self.convolution(pixels), 3, 3, 1)
        streams = functional.dropout(self.norm(functional.relu(pooled)), 0.5, self.training)
        return functional.avg_pool2d(streams, 2).flatten(1)

    def _fused(self, pixels: torch.Tensor) -> torch.Tensor:
        convolution, norm = self.convolution, self.norm
        assert convolution.bias is not None and norm.running_mean is not None and norm.running_var is not None
        features, mean, variance = fused_stream(
            pixels, convolution.weight, convolution.bias, norm.weight, norm.bias, norm.eps
        )
        with torch.no_grad():
            count = 100 * len(pixels)
            norm.running_mean.lerp_(mean, 0.1)
            norm.running_var.lerp_(variance * (count / (count - 1)), 0.1)
        return features

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of maps (N, 3, 28, 28)."""
        logits: torch.Tensor = self.fc(self.features(maps))
        return logits


class MergedSTSTNet(nn.Module):
    """Several trained STSTNets as one network that returns the mean of their logits: exact, and one
    convolution to run.

    The mean of linear layers over stacked features is a linear layer, and batch norm at rest is an affine
    map that the average pooling lets through into it. Maps (N, 3, 28, 28) in 0..1 to logits (N, classes);
    evaluation only.
    """

    def __init__(self, members: "list[STSTNet]") -> None:
        super().__init__()
        filters = 16 * len(members)
        self.convolution = nn.Conv2d(3, filters, 3, padding=2)
        self.fc = nn.Linear(filters * 25, members[0].fc.out_features)
        with torch.no_grad():
            self.convolution.weight.copy_(torch.cat([m.convolution.weight for m in members]) * 255)
            assert self.convolution.bias is not None
            self.convolution.bias.copy_(
                torch.cat([b for m in members if (b := m.convolution.bias) is not None])
            )
            weights: list[torch.Tensor] = []
            bias = torch.zeros(members[0].fc.out_features)
            for member in members:
                norm = member.norm
                assert norm.running_mean is not None and norm.running_var is not None
                gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                shift = norm.bias - norm.running_mean * gain
                weights.append(member.fc.weight * gain.repeat_interleave(25))
                bias += member.fc.bias + member.fc.weight @ shift.repeat_interleave(25)
            self.fc.weight.copy_(torch.cat(weights, 1) / len(members))
            self.fc.bias.copy_(bias / len(members))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of maps (N, 3, 28, 28)."""
        pooled = functional.avg_pool2d(
            functional.relu(functional.max_pool2d(self.convolution(maps), 3, 3, 1)), 2
        )
        logits: torch.Tensor = self.fc(pooled.flatten(1))
        return logits
