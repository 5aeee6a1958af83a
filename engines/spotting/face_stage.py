"""One face from frame to spotter: its stabilised sample now, and its past frames to crop again under one transform."""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face import Face, FaceStatus
from engines.face.geometry import (
    CROP_HEIGHT,
    CROP_WIDTH,
    Image,
    Matrix,
    crop,
    pose_from_matrix,
    to_crop,
    to_frame,
)
from engines.spotting.spot import Sample, Spot, Spotter

# As long as a micro-expression may last and be confirmed, its onset must still be here.
_PAST_S = 1.5
# The kept part of a frame is this much (crop pixels) larger than the crop, for the head to move in.
_MARGIN_PX = 20


@dataclass(frozen=True)
class PastFrame:
    """A frame that can be cropped again: a grey part of it, where that part lies, and the transform in force."""

    index: int
    t_s: float
    grey: Image
    origin: tuple[int, int]
    matrix: Matrix

    def crop(self, matrix: Matrix) -> Image:
        """Its 170x140 crop under any similarity near its own."""
        return crop(self.grey, matrix, self.origin)


class FaceStage:
    """Feeds one face's frames to a spotter and keeps the last second and a half of them."""

    def __init__(self, spotter: Spotter) -> None:
        self.spotter = spotter
        self._past: deque[PastFrame] = deque()
        self._landmarks: NDArray[np.float64] | None = None

    def push(self, face: Face, image: NDArray[np.uint8], index: int, t_s: float) -> list[Spot]:
        """Take a BGR frame (uint8, H x W x 3) with the face found in it; return the movements complete by now."""
        if face.status is not FaceStatus.OK or face.matrix is None or face.landmarks is None:
            return self._blind(face.reason)
        if face.fresh or self._landmarks is None:
            self._landmarks = landmarks_in_crop(face.matrix, face.landmarks)
        grey, origin = _grey_part(image, face.matrix)
        if grey is None:
            return self._blind("face outside the picture")
        here = PastFrame(index, t_s, grey, origin, face.matrix)
        self._past.append(here)
        while t_s - self._past[0].t_s > _PAST_S:
            self._past.popleft()
        return self.spotter.push(
            Sample(
                index=index,
                t_s=t_s,
                crop=here.crop(face.matrix),
                landmarks=self._landmarks,
                epoch=face.epoch,
                fresh=face.fresh,
                openness=face.openness,
                matrix=face.matrix,
            )
        )

    def interrupt(self, reason: str) -> None:
        """The face was not seen for a while: nothing is spotted across it."""
        self.spotter.interrupt(reason)
        self._past.clear()

    def _blind(self, reason: str) -> list[Spot]:
        self.interrupt(reason)
        return []

    def past(self, index: int) -> PastFrame | None:
        """The frame of that index, None where it is no longer kept."""
        # Newest last, and what is asked for is recent.
        return next((past for past in reversed(self._past) if past.index == index), None)

    def oldest(self) -> PastFrame | None:
        """The oldest frame kept."""
        return self._past[0] if self._past else None

    def pair(self, spot: Spot) -> tuple[Image, Image, Matrix] | None:
        """Onset and apex crops under one transform, that of the apex, and the transform; None where too long ago."""
        onset, apex = self.past(spot.onset.index), self.past(spot.apex.index)
        if onset is None or apex is None:
            return None
        return onset.crop(apex.matrix), apex.crop(apex.matrix), apex.matrix


def landmarks_in_crop(matrix: Matrix, landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Landmarks (478, 3) of the frame in crop pixels, depth in the same unit."""
    scale = float(np.exp(pose_from_matrix(matrix)[2]))
    return np.column_stack([to_crop(matrix, landmarks[:, :2]), landmarks[:, 2] / scale])


def _grey_part(image: NDArray[np.uint8], matrix: Matrix) -> tuple[Image | None, tuple[int, int]]:
    """The grey part of a frame under the crop and a margin, and its origin; None where nothing of it is inside."""
    low, (right, bottom) = -_MARGIN_PX, (CROP_WIDTH + _MARGIN_PX, CROP_HEIGHT + _MARGIN_PX)
    corners = to_frame(
        matrix, np.array([[low, low], [right, low], [low, bottom], [right, bottom]], dtype=np.float64)
    )
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0)).astype(int), [image.shape[1], image.shape[0]])
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None, (0, 0)
    grey = cv2.cvtColor(image[y0:y1, x0:x1], cv2.COLOR_BGR2GRAY)
    return np.asarray(grey, dtype=np.uint8), (int(x0), int(y0))
