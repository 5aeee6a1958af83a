"""Dense optical flow between an onset and an apex crop: TV-L1, on every backend that this machine has.

``open_solver()`` gives the best one; ``strain``, ``flow_map`` and ``as_benchmark`` turn its answer into what
the networks are fed; ``picture`` into what a person looks at.
"""

from engines.flow.backend import Backend, Solved
from engines.flow.colour_wheel import picture
from engines.flow.maps import as_benchmark, flow_map, strain
from engines.flow.presets import PRESETS, Preset
from engines.flow.registry import backends
from engines.flow.solver import Flow, Solver, open_solver

__all__ = [
    "PRESETS",
    "Backend",
    "Flow",
    "Preset",
    "Solved",
    "Solver",
    "as_benchmark",
    "backends",
    "flow_map",
    "open_solver",
    "picture",
    "strain",
]
