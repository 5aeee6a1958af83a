"""The registry of inputs: what recognisers read of a clip, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from offline.descriptors import DESCRIPTORS
from offline.inputs import systems
from offline.preparation.clip import PreparedClip
from offline.preparation.settings import Preparation


@dataclass(frozen=True)
class Input:
    """What a recogniser reads of a clip.

    ``make`` gives an array of one fixed dtype and shape for every clip: a structured scalar array where a system reads
    several things. ``settings`` is a string that changes whenever the result would: it enters the cache's key, with
    the flow preset and alpha in their places. ``needs``: what of the clip's `Preparation` it follows from, by name.
    """

    name: str
    settings: str
    make: Callable[[PreparedClip], NDArray[Any]]
    needs: tuple[str, ...] = ("apex", "flow")

    def settings_of(self, how: Preparation) -> str:
        """``settings`` for a preparation."""
        return self.settings.format(flow=how.flow, alpha=f"{how.magnification:g}")


# Inputs that show the apex frame, whatever else: the rest of a clip may stand still.
SHOW_APEX = ("apex", "apex-motion", "streams")
_FLOW = "TV-L1 cpu {flow}"
INPUTS: dict[str, Input] = {
    each.name: each
    for each in (
        Input("flow-map", f"28x28 u v strain, {_FLOW}, stretched, 1", systems.benchmark_map),
        Input("flow", f"u v, {_FLOW}, 1", systems.flow),
        Input("apex", "apex RGB, 1", systems.apex, ("apex",)),
        Input(
            "apex-motion",
            f"apex RGB, 64 flows, 8x8 mean magnitude and direction, {_FLOW}, 1",
            systems.apex_motion,
        ),
        Input(
            "streams",
            f"flow picture, grey, masked above 50, EVM alpha {{alpha}}, {_FLOW}, 1",
            systems.streams,
            ("apex", "flow", "magnification"),
        ),
        Input("c3d", "16 frames by TIM, 112x112, 1", systems.c3d, ()),
        *(Input(row.name, f"{row.settings}, {_FLOW}", row.make, row.needs) for row in DESCRIPTORS.values()),
    )
}
