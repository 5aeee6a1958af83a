"""What a flow backend is: the interface between `open_solver` and whoever computes a flow, here or in a plugin."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.flow.presets import PRESETS, Preset

# A displacement, in pixels: where what is left unexplained could hide that much, confidence is a half.
HALF_TRUST = 0.5


class Solved(NamedTuple):
    """The flow of one pair, see `engines.flow.Flow`; planes are float32 (H, W)."""

    u: NDArray[np.float32]
    v: NDArray[np.float32]
    residual: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None
    iterations: int = 0


# From onsets and apexes, float32 (N, H, W) in grey levels 0..255, to the N answers. Called from several threads.
Solve = Callable[[NDArray[np.float32], NDArray[np.float32]], list[Solved]]


@dataclass(frozen=True)
class Backend:
    """One row of the registry, `engines.flow.registry`.

    ``open`` makes the function that solves pairs with a preset; whatever it imports it imports then. ``missing`` says
    in a few words why it does not work on this machine, and nothing where it does. ``presets`` are those it knows.
    """

    name: str
    title: str
    open: Callable[[Preset], Solve]
    missing: Callable[[], str] = str
    presets: tuple[str, ...] = tuple(PRESETS)
