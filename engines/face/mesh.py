"""The models of faces: where they are in a frame, and the 478 landmarks of one.

This is the one place that says which runtime they run on (docs/python-3.13.md): `Mesh` and `Detector` are whatever
gives what the two protocols ask for.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import Image, Points
from engines.face.mediapipe_models import MediaPipeDetector, MediaPipeMesh


class LandmarkModel(Protocol):
    """FaceMesh for one face, followed from call to call; one made with ``still`` looks at each picture by itself."""

    def __init__(self, still: bool = False) -> None: ...

    def landmarks(self, rgb: Image) -> Points | None:
        """float32 (478, 3): x, y in pixels of the frame, depth z in the same unit; None where no face is seen."""
        ...

    def forget(self) -> None:
        """Start over: the next call searches the whole frame."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class FaceModel(Protocol):
    """A detector of faces, for choosing which ones to follow."""

    def boxes(self, rgb: Image) -> NDArray[np.float64]:
        """float64 (N, 4): x, y, width, height in frame pixels, largest first."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


Mesh: type[LandmarkModel] = MediaPipeMesh
Detector: type[FaceModel] = MediaPipeDetector

# Upper and lower lid pairs and the corners of each eye, by FaceMesh number (Soukupova & Cech 2016).
_EYES = np.array([[33, 160, 158, 133, 153, 144], [263, 387, 385, 362, 380, 373]])


def eye_openness(landmarks: Points) -> tuple[float, float]:
    """Height of each eye's opening by its width, left and right as seen in the image (about .3 open, .1 shut)."""
    eyes = landmarks[_EYES, :2]
    height = np.linalg.norm(eyes[:, 1] - eyes[:, 5], axis=1) + np.linalg.norm(eyes[:, 2] - eyes[:, 4], axis=1)
    width = np.linalg.norm(eyes[:, 0] - eyes[:, 3], axis=1)
    left, right = height / np.maximum(2 * width, 1e-6)
    return float(left), float(right)
