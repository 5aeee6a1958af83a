"""MSCNN, the multi-stream network of paper 004 (section II.B, figure 1): a ResNet-18 for each of the magnified flow
image, the grey apex and the apex under the motion mask; the dense layer; a random over-sampler; softmax.

The over-sampler stands between the dense layer and the softmax: dense features of rarer classes are drawn again until
every class of the batch has as many as the commonest, so that the loss sees balanced classes and the streams are
computed once. The dense layer's width is not stated (512 here); nor is it how "batch normalization is carried out
before each convolutional layer" fits ResNet-18, whose published order is kept so that its weights load. What early
stopping watches is not stated: the loss on training people who are held out (recipe ``paper``); ``ours`` does without.
"""

from functools import partial

import torch
from torch import nn
from torch.nn import functional

from engines.networks import frames
from engines.networks.resnet import FEATURES, ResNet

STREAMS = ("flow", "grey", "masked")
DENSE = 512


class MSCNN(nn.Module):
    """Clips in: ``flow`` uint8 (N, H, W, 3), ``grey`` and ``masked`` uint8 (N, H, W); logits out: (N, classes)."""

    def __init__(
        self, classes: int = 3, streams: tuple[str, ...] = STREAMS, over_sampled: bool = True
    ) -> None:
        super().__init__()
        self.over_sampled = over_sampled
        self.streams = nn.ModuleDict({name: ResNet() for name in streams})
        self.dense = nn.Linear(len(streams) * FEATURES, DENSE)
        self.fc = nn.Linear(DENSE, classes)

    def backbones(self) -> list[nn.Module]:
        """What pretrained weights are loaded into: every stream."""
        return list(self.streams.values())

    def features(self, clips: dict[str, torch.Tensor]) -> torch.Tensor:
        """What the dense layer gives: (N, 512)."""
        each = [resnet(frames.photographs(clips[name])) for name, resnet in self.streams.items()]
        return torch.relu(self.dense(torch.cat(each, 1)))

    def forward(self, clips: dict[str, torch.Tensor]) -> torch.Tensor:
        """Logits (N, classes)."""
        logits: torch.Tensor = self.fc(self.features(clips))
        return logits

    def training_loss(
        self, clips: dict[str, torch.Tensor], labels: torch.Tensor, weight: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (N, classes) of the batch, and the loss over the over-sampled batch."""
        dense = self.features(clips)
        chosen = over_sample(labels) if self.over_sampled else torch.arange(len(labels), device=labels.device)
        loss = functional.cross_entropy(self.fc(dense[chosen]), labels[chosen], weight)
        return self.fc(dense), loss


def over_sample(labels: torch.Tensor) -> torch.Tensor:
    """Indices of labels (N,): all, then of each rarer class so many again, at random, that all are as common."""
    counts = torch.bincount(labels)
    chosen = [torch.arange(len(labels), device=labels.device)]
    for label in torch.nonzero(counts).flatten():
        members = torch.nonzero(labels == label).flatten()
        drawn = torch.randint(len(members), (int(counts.max()) - len(members),))
        chosen.append(members[drawn.to(members.device)])
    return torch.cat(chosen)


without_over_sampler = partial(MSCNN, over_sampled=False)
flow = partial(MSCNN, streams=("flow",))
grey = partial(MSCNN, streams=("grey",))
masked = partial(MSCNN, streams=("masked",))
flow_grey = partial(MSCNN, streams=("flow", "grey"))
flow_masked = partial(MSCNN, streams=("flow", "masked"))
grey_masked = partial(MSCNN, streams=("grey", "masked"))
