"""The geometry of the crop: 170x140 grey, inner eye corners where the benchmark's crops have them.

A similarity is a float64 2x3 matrix that takes crop pixels (x right, y down) to frame pixels, so that it can be
handed to ``cv2.warpAffine`` with ``WARP_INVERSE_MAP`` as it is.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines import crop_size

Matrix = NDArray[np.float64]
Points = NDArray[np.float32]
Image = NDArray[np.uint8]

CROP_HEIGHT, CROP_WIDTH = crop_size.CROP_HEIGHT, crop_size.CROP_WIDTH
# Mean position of the inner eye corners in the crops of CASME II and SMIC, fractions of width and height.
INNER_EYES = np.array([[0.338, 0.285], [0.650, 0.285]]) * [CROP_WIDTH, CROP_HEIGHT]

# FaceMesh landmark numbers; left and right as seen in the image.
INNER_EYE_LEFT, INNER_EYE_RIGHT = 133, 362
CHEEKBONE_LEFT, CHEEKBONE_RIGHT = 234, 454
FOREHEAD, CHIN = 10, 152


def similarity_from_eyes(left: NDArray[np.floating[Any]], right: NDArray[np.floating[Any]]) -> Matrix:
    """The similarity that puts two inner eye corners (frame pixels, shape (2,)) on their places in the crop.

    The angle of the line between them and their distance fix rotation and scale, their midpoint is the centre
    of rotation (paper 003, eq. 1-2). Raises ValueError if the corners coincide.
    """
    across = np.asarray(right, dtype=np.float64) - np.asarray(left, dtype=np.float64)
    distance = float(np.hypot(*across))
    if distance == 0:
        raise ValueError("the inner eye corners coincide")
    angle = float(np.arctan2(across[1], across[0]))
    scale = distance / float(INNER_EYES[1, 0] - INNER_EYES[0, 0])
    middle = (np.asarray(left, dtype=np.float64) + np.asarray(right, dtype=np.float64)) / 2
    return matrix_from_pose(np.array([middle[0], middle[1], np.log(scale), angle]))


def matrix_from_pose(pose: NDArray[np.floating[Any]]) -> Matrix:
    """2x3 similarity from a pose (x, y of the eyes' midpoint in frame pixels, log scale, angle in radians)."""
    x, y, log_scale, angle = (float(value) for value in pose)
    a, b = np.exp(log_scale) * np.cos(angle), np.exp(log_scale) * np.sin(angle)
    centre = INNER_EYES.mean(axis=0)
    return np.array(
        [[a, -b, x - a * centre[0] + b * centre[1]], [b, a, y - b * centre[0] - a * centre[1]]],
        dtype=np.float64,
    )


def pose_from_matrix(matrix: Matrix) -> NDArray[np.float64]:
    """The inverse of `matrix_from_pose`: (x, y, log scale, angle)."""
    middle = matrix[:, :2] @ INNER_EYES.mean(axis=0) + matrix[:, 2]
    return np.array(
        [
            middle[0],
            middle[1],
            np.log(np.hypot(matrix[0, 0], matrix[1, 0])),
            np.arctan2(matrix[1, 0], matrix[0, 0]),
        ]
    )


def to_crop(matrix: Matrix, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Frame points (N, 2) in crop pixels."""
    # A similarity's inverse is its transpose by the square of its scale.
    inverse = matrix[:, :2] / (matrix[0, 0] ** 2 + matrix[1, 0] ** 2)
    return np.asarray((points - matrix[:, 2]) @ inverse, dtype=np.float64)


def to_frame(matrix: Matrix, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Crop points (N, 2) in frame pixels."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)


def crop(grey: Image, matrix: Matrix, origin: tuple[int, int] = (0, 0)) -> Image:
    """The 170x140 crop of a grey image (uint8, H x W) under a similarity.

    ``origin`` is where the image's first pixel lies in the frame, for an image that is a part of one. Faces much
    larger than the crop are averaged down first: plain sampling would alias and keep all of the camera's noise.
    """
    placed = matrix.copy()
    placed[:, 2] -= origin
    shrink = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if shrink > 1.5:
        factor = 1 / shrink
        height, width = max(1, round(grey.shape[0] * factor)), max(1, round(grey.shape[1] * factor))
        small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
        ratio = np.array([width / grey.shape[1], height / grey.shape[0]])
        placed = placed * ratio[:, None]
        # cv2.resize aligns pixel borders, not centres.
        placed[:, 2] += (ratio - 1) / 2
        grey = small
    out = cv2.warpAffine(
        grey,
        placed,
        (CROP_WIDTH, CROP_HEIGHT),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(out, dtype=np.uint8)


def spread(first: Matrix, second: Matrix) -> float:
    """How far two similarities differ: the largest distance between their images of the face, in crop pixels."""
    corners = np.array([[20.0, 20.0], [120.0, 20.0], [20.0, 150.0], [120.0, 150.0]])
    moved = to_crop(first, to_frame(second, corners)) - corners
    return float(np.sqrt((moved**2).sum(axis=1)).max())


def head_angles(landmarks: Points) -> tuple[float, float]:
    """Yaw and pitch in degrees from FaceMesh landmarks (478, 3), z in frame pixels; 0, 0 looks at the camera.

    FaceMesh's own depth is only rough, good enough to tell a face that has turned away.
    """
    across = landmarks[CHEEKBONE_RIGHT] - landmarks[CHEEKBONE_LEFT]
    down = landmarks[CHIN] - landmarks[FOREHEAD]
    yaw = np.degrees(np.arctan2(across[2], np.hypot(across[0], across[1])))
    pitch = np.degrees(np.arctan2(down[2], np.hypot(down[0], down[1])))
    return float(yaw), float(pitch)
