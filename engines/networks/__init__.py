"""The papers' networks in PyTorch, one file each. This module itself imports no torch.
 Every network takes flow maps as the whole project has them, float32 (N, 3, 28, 28) in 0..1 with the
channels u, v and optical strain, and returns logits (N, classes); what its paper feeds it (two channels
only, 0..255, a larger image) it makes of them inside, so that all networks train, export and run through
one interface.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final

from engines.errors import InputError

if TYPE_CHECKING:
    from torch import nn

# name → module, function or class called with (classes: int)
_NETWORKS: Final = {
    "ststnet": ("ststnet", "STSTNet"),
    "ststnet-plain": ("ststnet", "PlainSTSTNet"),
    "off-apexnet": ("off_apexnet", "OFFApexNet"),
    "off-apexnet-u": ("off_apexnet", "u_only"),
    "off-apexnet-v": ("off_apexnet", "v_only"),
    "dual-inception": ("dual_inception", "DualInception"),
    "fr": ("feature_refinement", "FeatureRefinement"),
    "fr-fc": ("feature_refinement", "plain_proposals"),
    "fr-concatenated": ("feature_refinement", "concatenated"),
    "rcn": ("rcn", "RCN"),
    "alexnet": ("alexnet", "AlexNet"),
    "googlenet": ("googlenet", "GoogLeNet"),
    "vgg16": ("vgg16", "VGG16"),
}


def names() -> list[str]:
    """The networks there are, in the order they are listed to people."""
    return list(_NETWORKS)


def open_network(name: str, classes: int = 3) -> "nn.Module":
    """A freshly initialised network (torch's global generator seeds it).

    Raises InputError for an unknown name, with the list of known ones.
    """
    if name not in _NETWORKS:
        raise InputError(f"unknown network {name!r}: choose one of {', '.join(_NETWORKS)}")
    module, attribute = _NETWORKS[name]
    make: Callable[[int], nn.Module] = getattr(import_module(f"engines.networks.{module}"), attribute)
    return make(classes)
