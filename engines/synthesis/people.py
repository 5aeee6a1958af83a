"""How real people moved: heads at rest, nodding and turning, faces that speak and laugh, as numbers.

``people.npz`` holds 45 short takes of people in public videos (24 to 30 frames a second). FaceMesh found their
landmarks; a rigid fit of each person's own mean shape to the landmarks of nose, eye corners, forehead and
temples (x and y, z at a fifth of the weight) gave the pose of the head; a Gaussian of σ = 40 ms keeps
FaceMesh's jitter out of it. In speech and laughter, what was left with the head held still was taken apart into
the action units of this package, by non-negative least squares over the landmarks that no eyelid moves
(σ = 22 ms); a closed, relaxed mouth of the same person is the rest. No picture of anyone is kept.

Curves are the control points of uniform cubic B-splines, `RATE` a second: smooth to the second derivative at
any frame rate.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

RATE: Final = 30.0
"""Control points a second."""

_MEASURED = Path(__file__).with_name("people.npz")
_FADE_S: Final = 0.8
# As far as one portrait can follow: x, y (face widths), log scale, roll, yaw, pitch (rad).
LIMITS: Final = np.array([0.08, 0.08, 0.07, *np.deg2rad([8.0, 12.0, 12.0])])
# What changes sign when left and right are exchanged.
_MIRROR: Final = np.array([-1.0, 1, 1, -1, -1, 1])


@dataclass(frozen=True, eq=False)
class Take:
    """A few seconds of one person.

    kind: rest, turn, shake, nod, tilt or approach (the head alone), speech or laughter. pose: float32 (n, 6),
    the head against its median: x, y (face widths, right and down), log scale, roll (clockwise), yaw (the
    nose to the left of the image) and pitch (the nose down), rad, about the middle between the temples. units:
    float32 (n, K), strengths of the action units `numbers` in px of a face 200 px wide; K = 0 for heads.
    peak_px: how far the strongest point moved, in the same px.
    """

    kind: str
    pose: Float32
    numbers: tuple[int, ...]
    units: Float32
    peak_px: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return (len(self.pose) - 1) / RATE


@functools.cache
def takes() -> tuple[Take, ...]:
    """All takes; their places in this tuple are their numbers."""
    with np.load(_MEASURED, allow_pickle=False) as stored:
        pose, units = stored["pose"].astype(np.float32), stored["units"].astype(np.float32)
        starts, kinds, peaks = stored["starts"], stored["kinds"], stored["peak_px"]
        numbers = tuple(int(au) for au in stored["numbers"])
    heads = len(pose) - len(units)
    found = []
    for kind, peak, a, b in zip(kinds, peaks, starts[:-1], starts[1:], strict=True):
        if a < heads:
            found.append(Take(str(kind), pose[a:b], (), np.zeros((b - a, 0), np.float32), 0.0))
        else:
            found.append(Take(str(kind), pose[a:b], numbers, units[a - heads : b - heads], float(peak)))
    return tuple(found)


def numbers_of(kind: str) -> tuple[int, ...]:
    """The numbers of all takes of a kind."""
    return tuple(k for k, take in enumerate(takes()) if take.kind == kind)


def at(points: Float32, u: float) -> Float64:
    """A curve at u, in control points from its first, held at its ends: float64 (K,) of points (n, K), n ≥ 2."""
    last = len(points) - 1
    u = min(max(u, 0.0), float(last))
    k = min(int(u), last - 1)
    f = u - k
    weights = np.array([(1 - f) ** 3, (3 * f - 6) * f * f + 4, ((3 - 3 * f) * f + 3) * f + 1, f * f * f]) / 6
    # curves are mirrored at their ends
    rows = [abs(k - 1), k, k + 1, k + 2 if k + 2 <= last else last - 1]
    return np.asarray(weights @ points[rows], np.float64)


def limited(pose: Float64) -> Float64:
    """A pose (6,) held softly within `LIMITS`."""
    return np.asarray(LIMITS * np.tanh(pose / LIMITS), np.float64)


class HeadMotion:
    """The head of somebody who sits before a camera: takes in random order, mirrored or not, one fading into the
    next. Endless, and the same every time for a seed.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng((0x4EAD, seed))
        self._heads = [take for take in takes() if not take.numbers]
        self._bag: list[int] = []
        self._played: list[tuple[float, Take, Float64]] = []

    def _extend(self, t: float) -> None:
        while not self._played or self._played[-1][0] <= t:
            if not self._bag:
                self._bag = [int(k) for k in self._rng.permutation(len(self._heads))]
            begin = -_FADE_S
            if self._played:
                before, take, _ = self._played[-1]
                begin = before + take.seconds - _FADE_S
            mirrored = bool(self._rng.random() < 0.5)
            self._played.append(
                (begin, self._heads[self._bag.pop()], _MIRROR if mirrored else np.ones_like(_MIRROR))
            )

    def __call__(self, t: float) -> Float64:
        """The pose at time t ≥ 0 (s): float64 (6,), as `Take.pose`, not limited."""
        self._extend(t)
        pose = np.zeros(6)
        for begin, take, sides in reversed(self._played):
            if begin + take.seconds <= t:
                break
            if begin <= t:
                u = min((t - begin) / _FADE_S, (begin + take.seconds - t) / _FADE_S, 1.0)
                pose += u * u * u * (10 + u * (6 * u - 15)) * sides * at(take.pose, (t - begin) * RATE)
        return pose
