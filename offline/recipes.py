"""With whose settings each network is trained. No torch is imported here."""

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Jitter:
    """How far training maps may be changed, see offline.augmentation; the default changes nothing.

    ``mirror``: half of the maps are mirrored. ``shift`` in pixels of the map, ``turn`` in radians and
    ``scale`` (a fraction): where the face stands in the crop. ``ripple``: the largest amplitude of smooth
    noise, in 0..1.
    """

    mirror: bool = False
    shift: float = 0.0
    turn: float = 0.0
    scale: float = 0.0
    ripple: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. ``source`` says whose settings these are.

    ``class_weight``: the power of inverse class frequency in the loss, 0 for none. ``shuffle``: a new order
    each epoch; the STSTNet authors' own code does without.
    """

    epochs: int
    learning_rate: float
    batch: int
    source: str
    optimiser: str = "adam"
    momentum: float = 0.0
    weight_decay: float = 0.0
    shuffle: bool = True
    class_weight: float = 0.0
    jitter: Jitter = field(default_factory=Jitter)


_STSTNET = Recipe(
    500, 5e-5, 256, "Liong et al., FG 2019; learning rate and batch of the authors' code", shuffle=False
)
_OFF_APEXNET = Recipe(20, 5e-4, 32, "paper 000; epochs and learning rate of later reproductions")
_FR = Recipe(50, 1e-3, 32, "paper 002, §6.1.1; epochs and Adam are not stated there")
_PHOTOGRAPHS = Recipe(20, 1e-4, 32, "architecture as published, trained from scratch; settings are ours")

RECIPES: Final = {
    "ststnet": _STSTNET,
    "ststnet-plain": _STSTNET,
    "off-apexnet": _OFF_APEXNET,
    "off-apexnet-u": _OFF_APEXNET,
    "off-apexnet-v": _OFF_APEXNET,
    "dual-inception": _FR,
    "fr": _FR,
    "fr-fc": _FR,
    "fr-concatenated": _FR,
    "rcn": Recipe(100, 1e-3, 64, "architecture of Xia et al., TIP 2020; settings are ours"),
    "alexnet": _PHOTOGRAPHS,
    "googlenet": _PHOTOGRAPHS,
    "vgg16": _PHOTOGRAPHS,
}

# What the shipped network is trained with; chosen by 10-fold results on real subjects, see its model card.
LIVE: Final = Recipe(
    60,
    1e-3,
    64,
    "STSTNet with settings for live use: mirrored and jittered maps, rarer classes weighted",
    class_weight=0.5,
    jitter=Jitter(mirror=True, shift=1.5, turn=0.06, scale=0.06),
)
