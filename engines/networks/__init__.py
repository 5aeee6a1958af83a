"""The papers' networks in PyTorch, one file each, and the registry of them. This module itself imports no torch.

Every network of maps takes flow maps as the whole project has them, float32 (N, 3, 28, 28) in 0..1 with the
channels u, v and optical strain, and returns logits (N, classes); what its paper feeds it (two channels
only, 0..255, a larger image) it makes of them inside, so that all networks train, export and run through
one interface. Those of clips take crops, flows or several things by name (see each), and return logits too.
"""

from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from engines import plugins
from engines.errors import InputError
from engines.networks import recipes
from engines.networks.recipes import Published, Recipe

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Network:
    """One row of the registry; another package adds one as an entry point of the group ``apexcam.networks``.

    ``title`` for people; ``builder`` "module:attribute", called with the number of classes; ``recipe``: how it is
    trained, and whose settings these are, where no other is asked for; ``published``: the others, "paper" and
    "authors"; ``inputs``: what it reads of a clip, by its name in offline.inputs; ``members``: networks of different
    seeds whose logits are averaged.
    """

    name: str
    title: str
    builder: str
    recipe: Recipe
    inputs: str = "flow-map"
    members: int = 1
    published: Published = field(default_factory=dict)

    def recipe_of(self, name: str, protocol: str = "") -> Recipe:
        """The recipe called ``name`` for a protocol. InputError for one that there is not."""
        if name == "ours":
            return self.recipe
        if name not in self.published:
            known = " or ".join((*self.published, "ours"))
            raise InputError(f"{self.name} has no recipe {name!r}: choose {known}")
        found = self.published[name]
        return found if isinstance(found, Recipe) else found(protocol)


def _row(name: str, title: str, builder: str, recipe: Recipe, **more: Any) -> Network:
    return Network(name, title, f"engines.networks.{builder}", recipe, **more)


_ROWS: Final = (
    _row(
        "ststnet",
        "STSTNet: shallow triple stream, the work shrunk",
        "ststnet:STSTNet",
        recipes.STSTNET,
        published=recipes.PUBLISHED_STSTNET,
    ),
    _row(
        "ststnet-plain",
        "STSTNet as published, its three branches one after another",
        "ststnet:PlainSTSTNet",
        recipes.STSTNET,
        published=recipes.PUBLISHED_STSTNET,
    ),
    _row(
        "ststnet-live",
        "STSTNet as the shipped network: ten of them, their logits averaged",
        "ststnet:STSTNet",
        recipes.LIVE,
        members=10,
    ),
    _row(
        "off-apexnet",
        "OFF-ApexNet: u and v streams",
        "off_apexnet:OFFApexNet",
        recipes.OFF_APEXNET,
        published=recipes.PUBLISHED_OFF_APEXNET,
    ),
    _row(
        "off-apexnet-u",
        "OFF-ApexNet, horizontal stream alone",
        "off_apexnet:u_only",
        recipes.OFF_APEXNET,
        published=recipes.PUBLISHED_OFF_APEXNET,
    ),
    _row(
        "off-apexnet-v",
        "OFF-ApexNet, vertical stream alone",
        "off_apexnet:v_only",
        recipes.OFF_APEXNET,
        published=recipes.PUBLISHED_OFF_APEXNET,
    ),
    _row(
        "dual-inception",
        "Dual-Inception, also Basic Inception: two Inception streams",
        "dual_inception:DualInception",
        recipes.FR,
        published=recipes.PUBLISHED_FR,
    ),
    _row(
        "fr",
        "FR: feature refinement, attention and proposal loss",
        "feature_refinement:FeatureRefinement",
        recipes.FR,
        published=recipes.PUBLISHED_FR,
    ),
    _row(
        "fr-fc",
        "FR with plain layers for attention",
        "feature_refinement:plain_proposals",
        recipes.FR,
        published=recipes.PUBLISHED_FR,
    ),
    _row(
        "fr-concatenated",
        "FR with features side by side instead of summed",
        "feature_refinement:concatenated",
        recipes.FR,
        published=recipes.PUBLISHED_FR,
    ),
    _row("rcn", "RCN-style shallow recurrent convolution", "rcn:RCN", recipes.RCN),
    _row("alexnet", "AlexNet on flow maps enlarged to 64x64", "alexnet:AlexNet", recipes.PHOTOGRAPHS),
    _row(
        "googlenet",
        "GoogLeNet on flow maps enlarged to 64x64",
        "googlenet:GoogLeNet",
        replace(recipes.PHOTOGRAPHS, channels_last=True),
    ),
    _row("vgg16", "VGG16 on flow maps enlarged to 64x64", "vgg16:VGG16", recipes.PHOTOGRAPHS),
    *(
        _row(name, title, f"atnet:{attribute}", recipes.ATNET, inputs="apex-motion", published=published)
        for name, title, attribute, published in (
            ("atnet", "ATNet: apex frame and the motion around it", "ATNet", recipes.PUBLISHED_ATNET),
            ("atnet-spatial", "ATNet, spatial stream alone", "spatial", recipes.PUBLISHED_ATNET),
            ("atnet-temporal", "ATNet, temporal stream alone", "temporal", recipes.PUBLISHED_ATNET_TEMPORAL),
        )
    ),
    _row(
        "mobilenetv2",
        "improved MobileNetV2 + SVM on u and v",
        "mobilenet_v2:MobileNetV2",
        recipes.MOBILENET,
        inputs="flow",
        published=recipes.PUBLISHED_MOBILENET,
    ),
    _row(
        "mobilenetv2-softmax",
        "MobileNetV2 + softmax on u and v",
        "mobilenet_v2:MobileNetV2",
        replace(recipes.MOBILENET, loss="cross-entropy"),
        inputs="flow",
        published=recipes.PUBLISHED_MOBILENET_SOFTMAX,
    ),
    *(
        _row(
            f"mobilenetv2-{name}",
            f"improved MobileNetV2 + SVM on {what}",
            f"mobilenet_v2:{attribute}",
            recipes.MOBILENET,
            inputs=inputs,
            published=recipes.PUBLISHED_MOBILENET,
        )
        for name, what, attribute, inputs in (
            ("apex", "the apex frame", "apex", "apex"),
            ("u", "u", "u_only", "flow"),
            ("v", "v", "v_only", "flow"),
        )
    ),
    *(
        _row(
            name,
            title,
            f"mscnn:{attribute}",
            recipes.MSCNN,
            inputs="streams",
            published=recipes.PUBLISHED_MSCNN,
        )
        for name, title, attribute in (
            ("mscnn", "MSCNN: magnified flow, grey apex, masked apex", "MSCNN"),
            ("mscnn-plain", "MSCNN without its over-sampler", "without_over_sampler"),
            ("mscnn-flow", "MSCNN, magnified flow alone (EVM + optical)", "flow"),
            ("mscnn-grey", "MSCNN, grey apex alone", "grey"),
            ("mscnn-masked", "MSCNN, masked apex alone", "masked"),
            ("mscnn-flow-grey", "MSCNN, magnified flow and grey apex", "flow_grey"),
            ("mscnn-flow-masked", "MSCNN, magnified flow and masked apex", "flow_masked"),
            ("mscnn-grey-masked", "MSCNN, grey and masked apex", "grey_masked"),
        )
    ),
    _row("capsulenet", "CapsuleNet on apex frames", "capsule_net:CapsuleNet", recipes.APEX, inputs="apex"),
    _row(
        "micro-attention",
        "Micro-Attention on apex frames",
        "micro_attention:MicroAttention",
        recipes.MICRO_ATTENTION,
        inputs="apex",
        published=recipes.PUBLISHED_ATNET,
    ),
)
NETWORKS: Final = {row.name: row for row in _ROWS}


def names() -> list[str]:
    """The networks of single flow maps in this package, in the order they are listed to people."""
    return [row.name for row in _ROWS if row.inputs == "flow-map" and row.members == 1]


def find_network(name: str) -> Network:
    """The row of this name, here or in another package.

    Raises InputError for an unknown name, with the list of known ones, and for a plugin that cannot be loaded.
    """
    if name in NETWORKS:
        return NETWORKS[name]
    others = plugins.names("networks")
    if name not in others:
        raise InputError(f"unknown network {name!r}: choose one of {', '.join((*NETWORKS, *others))}")
    return replace(plugins.row("networks", name, Network), name=name)


def open_network(name: str, classes: int = 3) -> "nn.Module":
    """A freshly initialised network (torch's global generator seeds it). Raises InputError as `find_network`, and
    where the network of another package cannot be built.
    """
    builder = find_network(name).builder
    module, _, attribute = builder.partition(":")
    try:
        network: nn.Module = getattr(import_module(module), attribute)(classes)
    except Exception as error:
        if name in NETWORKS:
            raise
        why = f"{type(error).__name__}: {error}"
        raise InputError(f"{name}: the plugin's {builder} cannot be built: {why}") from None
    return network
