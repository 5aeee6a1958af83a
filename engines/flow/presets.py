"""The named parameter sets of the TV-L1 solvers.

Symbols as in Zach, Pock, Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow" (DAGM 2007) and
Sánchez, Meinhardt-Llopis, Facciolo, "TV-L1 Optical Flow Estimation" (IPOL 2013): the energy is |grad u| +
|grad v| + lambda |rho|, relaxed with theta, its dual ascended in steps tau. Grey levels are 0..255.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Preset:
    """One parameter set.

    ``warps`` per scale, ``outer`` x ``inner`` iterations per warp, stopped once the mean squared change of
    (u, v) in one iteration falls to ``epsilon`` squared. ``median`` is the side of the median filter run on
    the flow, 1 for none. ``normalise`` says whether brightness and local contrast of the pair are equalised
    first.
    """

    name: str
    tau: float
    lam: float
    theta: float
    epsilon: float
    scales: int
    step: float
    warps: int
    outer: int
    inner: int
    median: int
    normalise: bool


PRESETS: Final = {
    "opencv": Preset("opencv", 0.25, 0.15, 0.3, 0.01, 5, 0.8, 5, 10, 30, 5, False),
    "precise": Preset("precise", 0.25, 0.15, 0.3, 0.01, 3, 0.5, 3, 1, 30, 5, True),
}
