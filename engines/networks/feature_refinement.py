"""FR: feature refinement with expression-specific features (paper 002, §3, figure 1; ablations of its table 1).

Basic Inception gives the expression-shared feature z; for each class an attention unit weighs it (eq. 2-3) and a
detector of two layers says whether the sample is of that class (eq. 4); the weighed features are summed (eq. 6) and
classified by two layers. The loss is that of the classification plus 0.85 times the mean of the detectors' (eq. 5,
8).

What the paper leaves open, chosen here: z is 1024 long (a longer one could not have its parameter counts), the
detectors' hidden layer 128 (which gives its 1.181 M a class) and the classifier's 216, for 10.242 M in all; the
paper states 10.2418 M.
"""

import torch
from torch import nn
from torch.nn import functional

from engines.networks.dual_inception import stream

WIDTH, DETECTOR, HIDDEN = 1024, 128, 216
BALANCE = 0.85


class FeatureRefinement(nn.Module):
    """Maps in: float32 (N, 3, 28, 28) in 0..1, of which u and v are used; logits out: (N, classes).

    ``attention`` False replaces the attention units by plain layers (FR-fc); ``fusion`` is "sum" or
    "concatenate".
    """

    def __init__(self, classes: int = 3, attention: bool = True, fusion: str = "sum") -> None:
        super().__init__()
        self.attention = attention
        self.fusion = fusion
        self.u, self.v = stream(), stream()
        self.shared = nn.Linear(2 * 7 * 7 * 64, WIDTH)
        self.proposals = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(classes))
        self.detectors = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, DETECTOR), nn.ReLU(), nn.Linear(DETECTOR, 1))
            for _ in range(classes)
        )
        self.hidden = nn.Linear(WIDTH * (classes if fusion == "concatenate" else 1), HIDDEN)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(HIDDEN, classes)

    def specific(self, maps: torch.Tensor) -> list[torch.Tensor]:
        """The expression-specific features z*_k, one (N, 1024) a class (eq. 2-3)."""
        both = torch.cat([self.u(maps[:, 0:1]), self.v(maps[:, 1:2])], 1)
        shared = torch.relu(self.shared(both))
        if not self.attention:
            return [torch.relu(proposal(shared)) for proposal in self.proposals]
        return [torch.softmax(proposal(shared), 1) * shared for proposal in self.proposals]

    def fuse(self, specific: list[torch.Tensor]) -> torch.Tensor:
        """The expression-refined feature z' (eq. 6)."""
        return torch.cat(specific, 1) if self.fusion == "concatenate" else torch.stack(specific).sum(0)

    def features(self, maps: torch.Tensor) -> torch.Tensor:
        """The expression-refined feature: (N, 1024), (N, 1024 * classes) when concatenated."""
        return self.fuse(self.specific(maps))

    def classify(self, refined: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of refined features."""
        logits: torch.Tensor = self.output(self.dropout(torch.relu(self.hidden(refined))))
        return logits

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of maps (N, 3, 28, 28)."""
        return self.classify(self.features(maps))

    def training_loss(
        self, maps: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, and classification loss plus 0.85 times the proposal loss (eq. 4, 5, 7, 8), means over
        the batch.
        """
        specific = self.specific(maps)
        logits = self.classify(self.fuse(specific))
        found = torch.cat([detector(z) for detector, z in zip(self.detectors, specific, strict=True)], 1)
        truth = functional.one_hot(labels, found.shape[1]).to(found.dtype)
        proposal = functional.binary_cross_entropy_with_logits(found, truth)
        return logits, functional.cross_entropy(logits, labels, weight) + BALANCE * proposal


def plain_proposals(classes: int = 3) -> FeatureRefinement:
    """FR-fc: fully connected layers in place of attention (paper 002, table 1b)."""
    return FeatureRefinement(classes, attention=False)


def concatenated(classes: int = 3) -> FeatureRefinement:
    """FR-concatenated: the specific features side by side (paper 002, table 1c)."""
    return FeatureRefinement(classes, fusion="concatenate")
