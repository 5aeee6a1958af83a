"""The settings that each network is trained with: a paper's learning rate stands here. No torch is imported."""

from dataclasses import dataclass, field, replace
from typing import Final


@dataclass(frozen=True)
class Jitter:
    """How far flow maps may be changed in training; the default changes nothing.

    ``mirror``: half of the maps are mirrored. ``shift`` in pixels of the map, ``turn`` in radians and
    ``scale`` (a fraction): where the face stands in the crop.
    """

    mirror: bool = False
    shift: float = 0.0
    turn: float = 0.0
    scale: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. ``source`` says whose settings these are.

    ``class_weight``: the power of inverse class frequency in the loss, 0 for none. ``shuffle``: a new order
    each epoch; the STSTNet authors' own code does without. ``step``: epochs after which the learning rate is a
    tenth, again and again; 0 for never. ``loss``: "cross-entropy", or "hinge", a linear SVM's over all classes.
    ``pictures``: how training pictures are varied: "" not at all, "tenfold" as paper 004, "jittered" as paper 001.
    ``settle``: batch norm's resting statistics are taken anew over the training clips after the last epoch, as the
    running ones of a short training lag behind its weights. ``channels_last``: the order in memory in which Inception
    blocks and depthwise convolutions train a quarter faster on a CPU; nothing else differs but rounding.
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
    step: int = 0
    loss: str = "cross-entropy"
    pictures: str = ""
    settle: bool = False
    channels_last: bool = False


STSTNET: Final = Recipe(
    500, 5e-5, 256, "Liong et al., FG 2019; learning rate and batch of the authors' code", shuffle=False
)
OFF_APEXNET: Final = Recipe(20, 5e-4, 32, "paper 000; epochs and learning rate of later reproductions")
FR: Final = Recipe(
    50, 1e-3, 32, "paper 002, §6.1.1; epochs and Adam are not stated there", channels_last=True
)
PHOTOGRAPHS: Final = Recipe(
    20, 1e-4, 32, "architecture as published, trained from scratch; settings are ours"
)
# By gradient descent at the paper's rate of .01, its temporal stream stays at chance in 50 epochs, even on textures.
ATNET: Final = Recipe(
    50,
    1e-3,
    8,
    "paper 001, section IV.A, but Adam; batch not stated; its pretraining is what --weights gives",
    weight_decay=5e-6,
    step=10,
    pictures="jittered",
    settle=True,
)
MOBILENET: Final = Recipe(
    30,
    1e-3,
    32,
    "paper 003, section 3.3; optimiser, epochs, rate and batch are not stated",
    loss="hinge",
    settle=True,
    channels_last=True,
)
MSCNN: Final = Recipe(
    200,
    1e-3,
    64,
    "paper 004, section II.B; the last epoch instead of its early stopping",
    optimiser="sgd",
    momentum=0.9,
    weight_decay=5e-4,
    pictures="tenfold",
    settle=True,
)
APEX: Final = Recipe(
    50, 1e-4, 32, "architecture of its authors; settings are ours", pictures="jittered", settle=True
)

RCN: Final = Recipe(100, 1e-3, 64, "architecture of Xia et al., TIP 2020; settings are ours")
MICRO_ATTENTION: Final = replace(ATNET, source="after paper 001, section IV.A, whose row it is")
# What the shipped network is trained with; chosen by 10-fold results on real subjects, see its model card.
LIVE: Final = Recipe(
    60,
    1e-3,
    64,
    "STSTNet with settings for live use: mirrored and jittered maps, rarer classes weighted",
    class_weight=0.5,
    jitter=Jitter(mirror=True, shift=1.5, turn=0.06, scale=0.06),
)
