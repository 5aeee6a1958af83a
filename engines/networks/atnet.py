"""ATNet, the Apex-Time Network (paper 001, section III.B, figure 1).

A spatial stream, ResNet-10 on the apex frame, and a temporal stream, two LSTM layers of 512 units over the average
direction-magnitude features of 64 flows (64 x 128, section III.A); each stream's 512 values are brought to length 1
(eq. 7), put side by side and, after dropout of .5, classified by one layer (sections III.B, IV.A).

What the paper leaves open, chosen here: the temporal stream gives the LSTM's last output; a stream scored alone (the
rows "spatial" and "temporal" of tables II and III) is the same network without the other.
"""

from functools import partial

import torch
from torch import nn
from torch.nn import functional

from engines.networks import frames
from engines.networks.resnet import FEATURES, RESNET_10, ResNet

STEPS, VALUES, UNITS = 64, 128, 512


class ATNet(nn.Module):
    """Clips in: ``apex`` uint8 (N, H, W, 3) and ``motion`` float32 (N, 64, 128); logits out: (N, classes)."""

    def __init__(self, classes: int = 3, spatial: bool = True, temporal: bool = True) -> None:
        super().__init__()
        self.resnet = ResNet(RESNET_10) if spatial else None
        self.lstm = nn.LSTM(VALUES, UNITS, num_layers=2, batch_first=True) if temporal else None
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(spatial * FEATURES + temporal * UNITS, classes)

    def backbones(self) -> list[nn.Module]:
        """What pretrained weights are loaded into."""
        return [] if self.resnet is None else [self.resnet]

    def features(self, clips: dict[str, torch.Tensor]) -> torch.Tensor:
        """The fused feature: (N, 1024), (N, 512) of one stream."""
        streams = []
        if self.resnet is not None:
            streams.append(self.resnet(frames.photographs(clips["apex"])))
        if self.lstm is not None:
            streams.append(self.lstm(clips["motion"])[0][:, -1])
        return torch.cat([functional.normalize(stream) for stream in streams], 1)

    def forward(self, clips: dict[str, torch.Tensor]) -> torch.Tensor:
        """Logits (N, classes)."""
        logits: torch.Tensor = self.fc(self.dropout(self.features(clips)))
        return logits


spatial = partial(ATNet, temporal=False)
temporal = partial(ATNet, spatial=False)
