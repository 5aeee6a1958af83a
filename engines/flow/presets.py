"""The named parameter sets of the TV-L1 solvers.

Symbols as in Zach, Pock, Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow" (DAGM 2007) and
Sánchez, Meinhardt-Llopis, Facciolo, "TV-L1 Optical Flow Estimation" (IPOL 2013): the energy is
|grad u| + |grad v| + lambda |rho|, relaxed with theta, its dual ascended in steps tau. Grey levels are
0..255.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One parameter set.

    ``scales`` levels, each ``step`` times the one below, none smaller than 16 pixels. ``warps`` per level,
    ``outer`` x ``inner`` iterations per warp, stopped once the mean squared change of (u, v) in one
    iteration falls to ``epsilon`` squared. ``median`` says whether each outer round begins with a 5x5 median
    of the flow. ``sharpness`` is the A of the cubic kernel, ``fractions`` how finely positions between two
    pixels are distinguished. ``repeat_edges`` says whether the apex goes on beyond its edge as its last pixel,
    or as black. ``normalise`` says whether brightness and local contrast of the pair are equalised first.
    """

    name: str
    tau: float = 0.25
    lam: float
    theta: float
    epsilon: float
    scales: int
    step: float
    warps: int
    outer: int
    inner: int
    median: bool = True
    sharpness: float
    fractions: int
    repeat_edges: bool
    normalise: bool


PRESETS: Final = {
    # Everything at its default in cv2.optflow.DualTVL1OpticalFlow, which the papers used.
    "opencv": Preset(
        name="opencv",
        lam=0.15,
        theta=0.3,
        epsilon=0.01,
        scales=5,
        step=0.8,
        warps=5,
        outer=10,
        inner=30,
        sharpness=-0.75,
        fractions=32,
        repeat_edges=False,
        normalise=False,
    ),
    # Ours, for small motion. OpenCV's kernel pulls a 0.2 px motion towards 0; sharpness -0.5 is third-order
    # exact.
    "precise": Preset(
        name="precise",
        lam=0.3,
        theta=0.2,
        epsilon=0.005,
        scales=4,
        step=0.5,
        warps=3,
        outer=1,
        inner=50,
        sharpness=-0.5,
        fractions=256,
        repeat_edges=True,
        normalise=True,
    ),
}
