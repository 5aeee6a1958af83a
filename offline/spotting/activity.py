"""What a person does meanwhile: speech, head motion or rest, from FaceMesh's landmarks alone, never from a spotter.

The thresholds were read from sixteen public clips. The opening of the mouth varies within half a second to each side
by .002 to .009 face widths where people stand still or turn with the mouth closed (medians by clip), and by .04 to
.13 where they speak or laugh; .025 lies in the gap. The mouth's width varies by .01 to .02 at rest and by .08 and more
in a smile that comes or goes. The fastest turn within a quarter of a second to each side is 3 to 4 degrees a second
where heads stand still (jitter of the landmarks), and 9 to 33 where they move. One of 5 goes 1.7 degrees in a third of
a second, which moves the nose against the cheeks by a pixel or two of a face 200 px wide: as far as a micro-expression.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import CHEEKBONE_LEFT, CHEEKBONE_RIGHT
from engines.synthesis.implant import smoothed
from offline.spotting.footage import Faces

ACTIVITIES: Final = ("rest", "head motion", "speech")

# Parts of the face's width: how far the mouth opens, and widens, within this time to both sides.
_OPENS, _WIDENS, _MOUTH_S = 0.025, 0.06, 0.5
# How fast a head turns (degrees a second) or travels (its widths a second) at most within this time to both sides.
_TURNS_DEG_S, _TRAVELS_S, _HEAD_S = 5.0, 0.1, 0.25
# Longer would hide a nod of three a second, shorter show the jitter of the landmarks.
_SMOOTH_S = 0.06

_LIPS: Final = (13, 14)
_CORNERS: Final = (61, 291)
# Forehead, temples, bridge of the nose and corners of the eyes: what expressions hardly move.
_BONE: Final = [
    *(10, 151, 9, 8, 168, 6, 33, 133, 362, 263, 127, 356),
    *(162, 389, 21, 251, 54, 284, 103, 332, 67, 297, 109, 338),
]


def activities(faces: Faces) -> NDArray[np.int8]:
    """Index into `ACTIVITIES` for every frame, int8 (N,); -1 where no face is seen.

    Speech stands for whatever moves the mouth: laughter, chewing and smiles too; it goes before head motion.
    """
    times = faces.times_s
    seen = np.isfinite(faces.landmarks[:, 0, 0])
    out = np.where(seen, 0, -1).astype(np.int8)
    turns, travels = head_speeds(faces)
    opening, width = mouth(faces)
    out[seen & (_most(turns, times, _HEAD_S) > _TURNS_DEG_S)] = 1
    out[seen & (_most(travels, times, _HEAD_S) > _TRAVELS_S)] = 1
    out[seen & (_range(opening, times, _MOUTH_S) > _OPENS)] = 2
    out[seen & (_range(width, times, _MOUTH_S) > _WIDENS)] = 2
    return out


def mouth(faces: Faces) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Opening and width of the mouth in parts of the face's width, each (N,), measured in space: a turned head counts
    as a straight one. NaN without a face.
    """
    marks = faces.landmarks.astype(np.float64)

    def apart(a: int, b: int) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm(marks[:, a] - marks[:, b], axis=1))

    wide = apart(CHEEKBONE_LEFT, CHEEKBONE_RIGHT)
    return apart(*_LIPS) / wide, apart(*_CORNERS) / wide


def head_speeds(faces: Faces) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How fast the head turns (degrees a second) and travels (its widths a second), each (N,); NaN without a face."""
    marks = smoothed(faces.landmarks, faces.times_s, _SMOOTH_S).astype(np.float64)
    wide = np.linalg.norm(marks[:, CHEEKBONE_RIGHT] - marks[:, CHEEKBONE_LEFT], axis=1)
    bone = marks[:, _BONE]
    centre = bone.mean(axis=1)
    turns, travels = np.full(len(marks), np.nan), np.full(len(marks), np.nan)
    if len(marks) < 2:
        return turns, travels
    step_s = np.diff(faces.times_s)
    known = np.isfinite(centre[1:, 0]) & np.isfinite(centre[:-1, 0])
    before, after = (bone - centre[:, None])[:-1][known], (bone - centre[:, None])[1:][known]
    # The rotation between two frames (Kabsch 1976); its angle from the trace.
    u, _, vt = np.linalg.svd(np.einsum("npi,npj->nij", before, after))
    sign = np.ones((len(u), 3))
    sign[:, 2] = np.linalg.det(u @ vt)
    trace = np.einsum("nij,nj,nji->n", u, sign, vt)
    angle = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
    at = np.flatnonzero(known) + 1
    turns[at] = angle / step_s[known]
    travels[at] = np.linalg.norm(np.diff(centre[:, :2], axis=0)[known], axis=1) / wide[at] / step_s[known]
    return turns, travels


def _most(values: NDArray[np.float64], times: NDArray[np.float64], reach_s: float) -> NDArray[np.float64]:
    """The largest value within a time to both sides, NaN apart; -inf where there is none."""
    known = np.where(np.isfinite(values), values, -np.inf)
    low = np.searchsorted(times, times - reach_s - 1e-9)
    high = np.searchsorted(times, times + reach_s + 1e-9)
    return np.array([known[a:b].max() for a, b in zip(low, high, strict=True)])


def _range(values: NDArray[np.float64], times: NDArray[np.float64], reach_s: float) -> NDArray[np.float64]:
    return _most(values, times, reach_s) + _most(-values, times, reach_s)
