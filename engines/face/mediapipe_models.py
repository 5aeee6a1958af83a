"""The two face models as MediaPipe's own graphs run them; see `engines.face.mesh` for the interface."""

import logging
import os
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import Image, Points
from engines.native_output import caught

os.environ.setdefault("GLOG_minloglevel", "2")
# MediaPipe loads it for drawing, and without a home it warns of where it keeps its fonts.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
_BLANK = np.zeros((64, 64, 3), dtype=np.uint8)


class MediaPipeMesh:
    """FaceMesh with iris; see `LandmarkModel`."""

    def __init__(self, still: bool = False) -> None:
        with caught():  # its graphs write a dozen warnings as they start; nobody can act on them
            from mediapipe.python.solutions import face_mesh

            self._mesh: Any = face_mesh.FaceMesh(
                static_image_mode=still,
                max_num_faces=1,
                refine_landmarks=True,
                min_detection_confidence=0.5,
                min_tracking_confidence=0.5,
            )
            self._mesh.process(_BLANK)
        self._started = False

    def landmarks(self, rgb: Image) -> Points | None:
        """float32 (478, 3): x, y in pixels of the frame, depth z in the same unit; None where no face is seen."""
        # The landmark models themselves start, and warn, with the first face.
        with nullcontext() if self._started else caught():
            found = self._mesh.process(rgb).multi_face_landmarks
        if not found:
            return None
        self._started = True
        height, width = rgb.shape[:2]
        points = np.array([(p.x, p.y, p.z) for p in found[0].landmark], dtype=np.float32)
        points *= np.array([width, height, width], dtype=np.float32)
        return points

    def forget(self) -> None:
        """Start over: the next call searches the whole frame."""
        self._mesh.reset()

    def close(self) -> None:
        """Free the model."""
        self._mesh.close()


class MediaPipeDetector:
    """BlazeFace, short range; see `FaceModel`."""

    def __init__(self) -> None:
        with caught():
            from mediapipe.python.solutions import face_detection

            self._detection: Any = face_detection.FaceDetection(
                model_selection=0, min_detection_confidence=0.5
            )
            self._detection.process(_BLANK)
        self._started = False

    def boxes(self, rgb: Image) -> NDArray[np.float64]:
        """float64 (N, 4): x, y, width, height in frame pixels, largest first."""
        with nullcontext() if self._started else caught():
            found = self._detection.process(rgb).detections or []
        self._started = self._started or bool(found)
        height, width = rgb.shape[:2]
        boxes = []
        for detection in found:
            box = detection.location_data.relative_bounding_box
            boxes.append((box.xmin * width, box.ymin * height, box.width * width, box.height * height))
        boxes.sort(key=lambda box: -box[2] * box[3])
        return np.array(boxes, dtype=np.float64).reshape(-1, 4)

    def close(self) -> None:
        """Free the model."""
        self._detection.close()
