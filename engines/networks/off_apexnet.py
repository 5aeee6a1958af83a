"""OFF-ApexNet: optical flow features from apex frame network (paper 000, §3.3, table 2).

One stream for u, one for v: 5x5 convolution to 6 maps, 2x2 pooling, 5x5 convolution to 16 maps, 2x2 pooling; both
streams' 7x7x16 side by side into two layers of 1024 with dropout of one half after each. 2.66 M parameters with
three classes.
"""

import torch
from torch import nn

CHANNELS = {"u": 0, "v": 1, "strain": 2}


class OFFApexNet(nn.Module):
    """Maps in: float32 (N, 3, 28, 28) in 0..1; logits out: (N, classes).

    ``inputs`` are the channels with a stream of their own: ("u", "v") is the paper's network, one of the
    two its ablation (table 10).
    """

    def __init__(self, classes: int = 3, inputs: tuple[str, ...] = ("u", "v")) -> None:
        super().__init__()
        self.channels = [CHANNELS[name] for name in inputs]
        self.streams = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(1, 6, 5, padding=2),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(6, 16, 5, padding=2),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Flatten(),
            )
            for _ in inputs
        )
        self.fc1 = nn.Linear(len(inputs) * 7 * 7 * 16, 1024)
        self.fc2 = nn.Linear(1024, 1024)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(1024, classes)

    def features(self, maps: torch.Tensor) -> torch.Tensor:
        """What the output layer sees: (N, 1024)."""
        streams = [
            stream(maps[:, channel : channel + 1])
            for stream, channel in zip(self.streams, self.channels, strict=True)
        ]
        hidden = self.dropout(torch.relu(self.fc1(torch.cat(streams, 1))))
        result: torch.Tensor = self.dropout(torch.relu(self.fc2(hidden)))
        return result

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of maps (N, 3, 28, 28)."""
        logits: torch.Tensor = self.output(self.features(maps))
        return logits


def u_only(classes: int = 3) -> OFFApexNet:
    """The horizontal stream alone (paper 000, table 10)."""
    return OFFApexNet(classes, ("u",))


def v_only(classes: int = 3) -> OFFApexNet:
    """The vertical stream alone (paper 000, table 10)."""
    return OFFApexNet(classes, ("v",))
