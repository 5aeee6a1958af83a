"""The papers' networks in PyTorch, one file each. This module itself imports no torch.
 Every network of maps takes flow maps as the whole project has them, float32 (N, 3, 28, 28) in 0..1 with the
channels u, v and optical strain, and returns logits (N, classes); what its paper feeds it (two channels
only, 0..255, a larger image) it makes of them inside, so that all networks train, export and run through
one interface. Those of clips take crops, flows or several things by name (see each), and return logits too.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final

from engines.errors import InputError

if TYPE_CHECKING:
    from torch import nn

# name → module, function or class called with (classes: int)
_OF_MAPS: Final = {
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
_OF_CLIPS: Final = {
    "atnet": ("atnet", "ATNet"),
    "atnet-spatial": ("atnet", "spatial"),
    "atnet-temporal": ("atnet", "temporal"),
    "mobilenetv2": ("mobilenet_v2", "MobileNetV2"),
    "mobilenetv2-apex": ("mobilenet_v2", "apex"),
    "mobilenetv2-u": ("mobilenet_v2", "u_only"),
    "mobilenetv2-v": ("mobilenet_v2", "v_only"),
    "mscnn": ("mscnn", "MSCNN"),
    "mscnn-plain": ("mscnn", "without_over_sampler"),
    "mscnn-flow": ("mscnn", "flow"),
    "mscnn-grey": ("mscnn", "grey"),
    "mscnn-masked": ("mscnn", "masked"),
    "mscnn-flow-grey": ("mscnn", "flow_grey"),
    "mscnn-flow-masked": ("mscnn", "flow_masked"),
    "mscnn-grey-masked": ("mscnn", "grey_masked"),
    "capsulenet": ("capsule_net", "CapsuleNet"),
    "micro-attention": ("micro_attention", "MicroAttention"),
}
_NETWORKS: Final = _OF_MAPS | _OF_CLIPS


def names() -> list[str]:
    """The networks of flow maps there are, in the order they are listed to people."""
    return list(_OF_MAPS)


def open_network(name: str, classes: int = 3) -> "nn.Module":
    """A freshly initialised network (torch's global generator seeds it).

    Raises InputError for an unknown name, with the list of known ones.
    """
    if name not in _NETWORKS:
        raise InputError(f"unknown network {name!r}: choose one of {', '.join(_NETWORKS)}")
    module, attribute = _NETWORKS[name]
    make: Callable[[int], nn.Module] = getattr(import_module(f"engines.networks.{module}"), attribute)
    return make(classes)
