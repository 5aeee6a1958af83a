"""What tests look at in rendered frames."""

import cv2
import numpy as np


def grey(image):
    """Grey levels, float."""
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float64)


def face_part(renderer):
    """The rows and columns of the face at rest."""
    marks = renderer.face.landmarks
    (x0, y0), (x1, y1) = marks[:468, :2].min(0).astype(int), marks[:468, :2].max(0).astype(int) + 1
    return slice(y0, y1), slice(x0, x1)
