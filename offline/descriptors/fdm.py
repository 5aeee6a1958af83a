"""FDM: facial dynamics map (Xu, Zhang, Wang, TAC 2017).

Flows between neighbouring frames are cut into cuboids of space and time, each stood for by its principal direction: the
mean of the vectors that do not point away from it, found again and again. The papers compared with here state no sizes:
33 frames, and cuboids of an eighth of the height, the width and the 32 flows.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.compiled import compiled
from offline.preparation.clip import PreparedClip
from offline.preparation.flow import frame_to_frame

FRAMES: Final = 33
CUBOIDS: Final = 8
ROUNDS: Final = 10


def fdm(clip: PreparedClip) -> NDArray[np.float32]:
    """Float32 (8 times * 8 rows * 8 columns * 2,): u and v of each cuboid's principal direction, in pixels a frame.

    Crops are already under one transform, which is the alignment that the authors begin with.
    """
    flows = frame_to_frame(clip, FRAMES)
    u, v = np.stack([flow.u for flow in flows]), np.stack([flow.v for flow in flows])
    edges = [np.arange(CUBOIDS + 1) * size // CUBOIDS for size in u.shape]
    out = np.empty((CUBOIDS, CUBOIDS, CUBOIDS, 2), np.float32)
    for i, j, k in np.ndindex(CUBOIDS, CUBOIDS, CUBOIDS):
        part = tuple(slice(edge[at], edge[at + 1]) for edge, at in zip(edges, (i, j, k), strict=True))
        out[i, j, k] = principal(u[part].ravel(), v[part].ravel())
    return out.ravel()


@compiled()
def principal(u: Any, v: Any) -> tuple[float, float]:
    """The principal direction of vectors (n,): from their mean on, the mean of those within a right angle of it, until
    it stays.
    """
    du, dv = u.mean(), v.mean()
    for _ in range(ROUNDS):
        sum_u, sum_v, count = 0.0, 0.0, 0
        for i in range(len(u)):
            if u[i] * du + v[i] * dv > 0:
                sum_u += u[i]
                sum_v += v[i]
                count += 1
        if count == 0:
            return 0.0, 0.0
        new_u, new_v = sum_u / count, sum_v / count
        same = abs(new_u - du) + abs(new_v - dv) < 1e-6
        du, dv = new_u, new_v
        if same:
            break
    return du, dv
