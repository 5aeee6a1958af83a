"""What recognisers read of a clip, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from numpy.typing import NDArray

from engines.flow import Solver, as_benchmark, flow_map, open_solver
from offline.preparation.clip import PreparedClip


@dataclass(frozen=True)
class Input:
    """What a recogniser reads of a clip.

    ``make`` gives an array of one fixed dtype and shape for every clip: a structured scalar array where a system reads
    several things. ``settings`` is a string that changes whenever the result would: it enters the cache's key.
    """

    name: str
    settings: str
    make: Callable[[PreparedClip], NDArray[Any]]


@cache
def _solver() -> Solver:
    return open_solver("cpu", "precise")


def _flow_map(clip: PreparedClip) -> NDArray[Any]:
    """Float32 (3, 28, 28) in 0..1: u, v and strain from onset to apex, stretched as the benchmark's maps are."""
    flow = _solver()(clip.crops[clip.onset], clip.crops[clip.apex])
    return as_benchmark(flow_map(flow.u, flow.v))


INPUTS: dict[str, Input] = {
    "flow-map": Input("flow-map", "28x28 u v strain, TV-L1 cpu precise, stretched, 1", _flow_map)
}
