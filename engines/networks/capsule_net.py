"""CapsuleNet on apex frames (Quang, Chun, Tokuyama, FG 2019), a row of paper 002, table 2.

ResNet-18 up to its third stage; primary capsules by a 9x9 convolution, 32 kinds of 8 values on 6x6 places; one capsule
of 16 values a class, found by three rounds of routing by agreement; margin loss (Sabour et al., NIPS 2017, eq. 1-4).
Paper 002 gives none of these sizes: they are those of the authors' published model and of Sabour et al.
"""

import torch
from torch import nn
from torch.nn import functional

from engines.networks import frames
from engines.networks.resnet import WIDTHS, ResNet

KINDS, PRIMARY, CAPSULE, ROUNDS, KERNEL = 32, 8, 16, 3, 9
UPPER, LOWER, ABSENT = 0.9, 0.1, 0.5  # m+, m- and lambda of the margin loss


def squash(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors (..., D) with lengths brought below 1, directions kept (eq. 1)."""
    square = vectors.square().sum(-1, keepdim=True)
    return vectors * square / (1 + square) / (square + 1e-9).sqrt()


def route(votes: torch.Tensor, rounds: int = ROUNDS) -> torch.Tensor:
    """Votes (N, classes, capsules, D) of lower capsules to class capsules (N, classes, D) (procedure 1)."""
    agreement = torch.zeros(votes.shape[:3], device=votes.device)
    for step in range(rounds):
        share = agreement.softmax(1).unsqueeze(-1)
        last = step == rounds - 1
        capsules = squash((share * (votes if last else votes.detach())).sum(2))  # only the last round learns
        if not last:
            agreement = agreement + (votes.detach() * capsules.unsqueeze(2)).sum(-1)
    return capsules


class CapsuleNet(nn.Module):
    """Apex frames in: uint8 (N, H, W, 3); out: (N, classes), logarithms of the capsules' lengths."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.resnet = ResNet(stages=3)
        self.primary = nn.Conv2d(WIDTHS[2], KINDS * PRIMARY, KERNEL)
        places = (frames.SIDE // 16 - KERNEL + 1) ** 2
        self.votes = nn.Parameter(0.01 * torch.randn(classes, KINDS * places, CAPSULE, PRIMARY))

    def backbones(self) -> list[nn.Module]:
        """What pretrained weights are loaded into."""
        return [self.resnet]

    def lengths(self, apexes: torch.Tensor) -> torch.Tensor:
        """How sure each class's capsule is: (N, classes) in 0..1."""
        maps = self.primary(self.resnet.maps(frames.photographs(apexes)))
        lower = squash(maps.unflatten(1, (KINDS, PRIMARY)).permute(0, 1, 3, 4, 2).flatten(1, 3))
        votes = torch.einsum("kcij,ncj->nkci", self.votes, lower)
        lengths: torch.Tensor = torch.linalg.vector_norm(route(votes), dim=-1)
        return lengths

    def forward(self, apexes: torch.Tensor) -> torch.Tensor:
        """Logarithms of the lengths, (N, classes): their softmax is each length's share."""
        return self.lengths(apexes).clamp_min(1e-9).log()

    def training_loss(
        self, apexes: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Log lengths, and the margin loss (eq. 4), weighted by the class of the clip where weights are given."""
        lengths = self.lengths(apexes)
        truth = functional.one_hot(labels, lengths.shape[1]).to(lengths.dtype)
        missing = truth * (UPPER - lengths).clamp_min(0).square()
        wrong = ABSENT * (1 - truth) * (lengths - LOWER).clamp_min(0).square()
        each = (missing + wrong).sum(1)
        loss = each.mean() if weight is None else (each * weight[labels]).sum() / weight[labels].sum()
        return lengths.clamp_min(1e-9).log(), loss
