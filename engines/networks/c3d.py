"""C3D (Tran et al., ICCV 2015), whose features paper 002 (section 4.5, tables 3 and 4) takes from "the last two fully
connected layers" of models pretrained on Sports-1M and UCF101.

Eight 3x3x3 convolutions, fc6 and fc7 of 4096 values. Parameters have the published names (conv1 ... conv5b, fc6,
fc7); 16 frames of 112x112.
"""

import torch
from torch import nn
from torch.nn import functional

FRAMES, SIDE, FEATURES = 16, 112, 4096
# name, channels, filters; "" pools
_LAYERS = (
    ("conv1", 3, 64),
    ("", 0, 0),
    ("conv2", 64, 128),
    ("", 0, 0),
    ("conv3a", 128, 256),
    ("conv3b", 256, 256),
    ("", 0, 0),
    ("conv4a", 256, 512),
    ("conv4b", 512, 512),
    ("", 0, 0),
    ("conv5a", 512, 512),
    ("conv5b", 512, 512),
)


class C3D(nn.Module):
    """Clips in: uint8 (N, 16, 112, 112), grey; features out: fc6 and fc7, each (N, 4096) after ReLU."""

    def __init__(self) -> None:
        super().__init__()
        for name, channels, filters in _LAYERS:
            if name:
                self.add_module(name, nn.Conv3d(channels, filters, 3, padding=1))
        self.fc6 = nn.Linear(8192, FEATURES)
        self.fc7 = nn.Linear(FEATURES, FEATURES)

    def forward(self, clips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """FC1 and FC2 of paper 002's tables."""
        x = (
            (clips.float() - 128).unsqueeze(1).expand(-1, 3, -1, -1, -1)
        )  # its mean picture is not given: mid grey
        pooled = False
        for name, _, _ in _LAYERS:
            if name:
                x = torch.relu(self.get_submodule(name)(x))
            else:
                x = functional.max_pool3d(x, 2 if pooled else (1, 2, 2))  # the first keeps every frame
                pooled = True
        x = functional.max_pool3d(x, 2, padding=(0, 1, 1)).flatten(1)
        first = torch.relu(self.fc6(x))
        return first, torch.relu(self.fc7(first))
