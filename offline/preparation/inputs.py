"""What recognisers read of a clip, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from engines.flow import as_benchmark, flow_map
from offline.descriptors import DESCRIPTORS, settings_of
from offline.preparation.clip import PreparedClip
from offline.systems import inputs as systems


@dataclass(frozen=True)
class Input:
    """What a recogniser reads of a clip.

    ``make`` gives an array of one fixed dtype and shape for every clip: a structured scalar array where a system reads
    several things. ``settings`` is a string that changes whenever the result would: it enters the cache's key.
    """

    name: str
    settings: str
    make: Callable[[PreparedClip], NDArray[Any]]


def _flow_map(clip: PreparedClip) -> NDArray[Any]:
    """Float32 (3, 28, 28) in 0..1: u, v and strain from onset to apex, stretched as the benchmark's maps are."""
    flow = systems.onset_to_apex(clip)
    return as_benchmark(flow_map(flow.u, flow.v))


# Inputs that show the apex frame, whatever else: the rest of a clip may stand still.
SHOW_APEX = ("apex", "apex-motion", "streams")
_FLOW = "TV-L1 cpu precise"
INPUTS: dict[str, Input] = {
    each.name: each
    for each in (
        Input("flow-map", f"28x28 u v strain, {_FLOW}, stretched, 1", _flow_map),
        Input("flow", f"u v, {_FLOW}, 1", systems.flow),
        Input("apex", "apex RGB, 1", systems.apex),
        Input(
            "apex-motion",
            f"apex RGB, 64 flows, 8x8 mean magnitude and direction, {_FLOW}, 1",
            systems.apex_motion,
        ),
        Input("streams", f"flow picture, grey, masked above 50, EVM alpha 8, {_FLOW}, 1", systems.streams),
        Input("c3d", "16 frames by TIM, 112x112, 1", systems.c3d),
        *(Input(name, f"{settings_of(name)}, {_FLOW}", make) for name, make in DESCRIPTORS.items()),
    )
}
