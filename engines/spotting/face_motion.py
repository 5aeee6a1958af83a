"""What the face does, frame by frame: regions followed from a reference, the head taken away, chained over references.

A reference is given up as soon as the head has moved on a little: a face that turns, talks and is lit anew is measured
best against how it looked a moment ago, a face at rest against one picture for seconds. What was reached at the change
is carried on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import to_crop, to_frame
from engines.spotting.head import HeadMotion
from engines.spotting.motion import SURE, RegionMotion
from engines.spotting.regions import NAMES
from engines.spotting.spot import Sample

_R = len(NAMES)
# A reference serves while most regions are within this of it (crop pixels) and look like it, at least so long.
_MOVED_PX, _MOVED_SHARE = 0.6, 0.7
_LIKE, _LOST_REGIONS = 0.9, 3
_SHORTEST_S = 0.02
# A share of regions that no longer look like their reference: the face is covered or another one.
_LOST_SHARE = 0.34
# What one window is taken to be wrong by when the head is fitted, pixels.
WINDOW_NOISE_PX = np.full((_R, 2), 0.05)
# How long ago the frame before the first is taken to have been.
FIRST_STEP_S = 0.01


@dataclass(frozen=True)
class Seen:
    """One frame: ``motion`` (R, 2) of the face without the head and ``pose`` (6,) of the head, chained, crop pixels.

    Regions out of sight stay where they were. ``shift`` (R, 2) against the reference, ``match`` (R,) with it, ``eyes``
    (2,) likeness of the eyes, ``reference`` its number.
    """

    motion: NDArray[np.float64]
    pose: NDArray[np.float64]
    shift: NDArray[np.float64]
    match: NDArray[np.float64]
    eyes: NDArray[np.float64]
    reference: int


class FaceMotion:
    """Follows one face. ``head_settle_s`` as in `HeadMotion`, ``longest_s`` how long a reference serves at most."""

    def __init__(self, head_settle_s: float, longest_s: float) -> None:
        self.regions = RegionMotion()
        self.head = HeadMotion(head_settle_s)
        self._longest_s = longest_s
        self.reference = -1
        self.clear()

    def clear(self) -> None:
        """Begin anew with the next sample."""
        self._last: Sample | None = None
        self._middle: NDArray[np.float64] | None = None
        self._referred_s = 0.0
        self._motion, self._carry = np.zeros((_R, 2)), np.zeros((_R, 2))
        self._pose_carry = np.zeros(6)

    def push(self, sample: Sample, eyes: bool = True) -> Seen | None:
        """Take the next sample; None where the face no longer looks like itself, and everything begins anew.

        With ``eyes`` false a new reference keeps the old looks of the eyes: they may be shut now.
        """
        if self._last is None:
            self._refer(sample, eyes)
        found = self.regions.measure(sample.crop, sample.matrix, self._head_px(sample))
        step_s = FIRST_STEP_S if self._last is None else sample.t_s - self._last.t_s
        self._last = sample
        if float((found.match < SURE).mean()) >= _LOST_SHARE:
            self.clear()
            return None
        motion, pose = self.head.remove(found.shift, found.match, WINDOW_NOISE_PX, step_s)
        sure = found.match > SURE
        # A region lost from sight stays where it was last seen.
        self._motion = np.where(sure[:, None], motion + self._carry, self._motion)
        seen = Seen(
            self._motion, pose + self._pose_carry, found.shift, found.match, found.eyes, self.reference
        )
        if self._outlived(sample.t_s, found.shift, found.match):
            # The noise of this frame is in the new reference and in the carry, and cancels.
            self._carry, self._pose_carry = self._motion, seen.pose
            self._refer(sample, eyes)
        return seen

    def _head_px(self, sample: Sample) -> NDArray[np.float64] | None:
        """How far the landmarks went since the last frame, where both frames have their own."""
        if not sample.fresh:
            self._middle = None
            return None
        before = self._middle
        here = to_frame(sample.matrix, sample.landmarks[:468, :2].mean(axis=0)[None])
        self._middle = here
        if before is None or self._last is None:
            return None
        return np.asarray((to_crop(sample.matrix, here) - to_crop(sample.matrix, before))[0])

    def _outlived(self, t_s: float, shift: NDArray[np.float64], match: NDArray[np.float64]) -> bool:
        age = t_s - self._referred_s
        if age <= _SHORTEST_S:
            return False
        unlike = int((match < _LIKE).sum()) > _R // 2 or int((match < SURE).sum()) >= _LOST_REGIONS
        moved = int((np.hypot(shift[:, 0], shift[:, 1]) > _MOVED_PX).sum()) > (1 - _MOVED_SHARE) * _R
        return age > self._longest_s or unlike or moved

    def _refer(self, sample: Sample, eyes: bool) -> None:
        self.regions.refer(sample.crop, sample.landmarks, sample.matrix, eyes)
        self.head.refer(self.regions.centres, self.regions.depths)
        self._referred_s = sample.t_s
        self.reference += 1
