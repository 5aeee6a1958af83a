"""How a picture is to be turned before it is shown: the display matrix that phones and front cameras write."""

import struct
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def display_matrix(frame: av.VideoFrame) -> tuple[int, ...] | None:
    """The nine numbers of a frame's display matrix; None where it has none."""
    notes: Any = frame.side_data
    found = notes.get("DISPLAYMATRIX")
    return None if found is None or found.buffer_size < 36 else struct.unpack("=9i", memoryview(found)[:36])


def turned(image: Image, matrix: tuple[int, ...] | None) -> Image:
    """The picture as it is meant to be seen: quarter turns and mirrors, the nearest where it is something between."""
    if matrix is None:
        return image
    # A pixel (p, q) is shown at (a p + c q, b p + d q).
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, across, down = np.asarray(cv2.transpose(image), dtype=np.uint8), c, b
    else:
        across, down = a, d
    if across < 0:
        image = np.asarray(cv2.flip(image, 1), dtype=np.uint8)
    if down < 0:
        image = np.asarray(cv2.flip(image, 0), dtype=np.uint8)
    return image
