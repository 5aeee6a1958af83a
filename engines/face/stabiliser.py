"""One similarity that holds still: it follows slow head motion in steps, never landmark jitter.

The eye corners give a pose at each landmark run (paper 003, eq. 1-2). The pose is low-passed; the crop keeps an
*anchor* and moves to the filtered pose only when the two differ by ``drift_px`` of the crop. Between two steps
(an *epoch*) all crops share one transform exactly, so what differs between them is the face and the head.
"""

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import (
    INNER_EYE_LEFT,
    INNER_EYE_RIGHT,
    Matrix,
    Points,
    matrix_from_pose,
    pose_from_matrix,
    similarity_from_eyes,
    spread,
)


class Stabiliser:
    """The anchored similarity of one face. ``epoch`` counts the steps it took."""

    def __init__(self, drift_px: float, filter_s: float) -> None:
        self.drift_px = drift_px
        self.filter_s = filter_s
        self.epoch = -1
        self.anchor: Matrix | None = None
        self._filtered: NDArray[np.float64] | None = None
        self._at_s = 0.0

    def update(self, t_s: float, landmarks: Points) -> Matrix:
        """Take the landmarks (478, 3) of time ``t_s`` (seconds) and return the transform now in force."""
        measured = similarity_from_eyes(landmarks[INNER_EYE_LEFT, :2], landmarks[INNER_EYE_RIGHT, :2])
        pose = pose_from_matrix(measured)
        if self._filtered is None or spread(matrix_from_pose(self._filtered), measured) > 3 * self.drift_px:
            # A jump is a new place, not something to glide to.
            self._filtered = pose
        else:
            share = 1 - np.exp(-max(t_s - self._at_s, 0.0) / self.filter_s)
            step = pose - self._filtered
            step[3] = (step[3] + np.pi) % (2 * np.pi) - np.pi
            self._filtered = self._filtered + share * step
        self._at_s = t_s
        filtered = matrix_from_pose(self._filtered)
        if self.anchor is None or spread(self.anchor, filtered) > self.drift_px:
            self.anchor = filtered
            self.epoch += 1
        return self.anchor
