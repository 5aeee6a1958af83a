"""A clip's frames to crops under one transform: the live side's face stage, once for the whole clip."""

import functools
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engines import stills
from engines.errors import InputError
from engines.face import CROP_HEIGHT, CROP_WIDTH
from engines.face.geometry import (
    INNER_EYE_LEFT,
    INNER_EYE_RIGHT,
    Matrix,
    crop,
    matrix_from_pose,
    pose_from_matrix,
    similarity_from_eyes,
)
from engines.face.mesh import LandmarkModel, Mesh
from engines.spotting.apex import APEX_RULES
from offline.datasets.clips import Clip
from offline.preparation.clip import PreparedClip
from offline.preparation.settings import DEFAULT

# Frames kept around the apex where there are any: paper 001 reads 32 on either side.
AROUND: Final = 32
# Landmarks are found on so many frames between onset and offset, and their median pose is taken.
_LOOKS: Final = 5
# Faces that fill a picture are found once it has a margin, as a part of its size.
_MARGIN: Final = 0.3


def frames_used(clip: Clip) -> list[tuple[int, Path]]:
    """The frames of a clip that are prepared: onset to offset, and `AROUND` frames on either side of the apex; of
    onset and offset where no apex is annotated.
    """
    low, high = (clip.onset, clip.offset) if clip.apex is None else (clip.apex, clip.apex)
    first, last = min(clip.onset, low - AROUND), max(clip.offset, high + AROUND)
    return [(number, path) for number, path in clip.frames if first <= number <= last]


def prepare(clip: Clip, rule: str = DEFAULT.apex) -> PreparedClip:
    """Crops of the frames that `frames_used` gives, in grey, and the apex in colour.

    ``rule`` names what finds an apex that is not annotated (engines.spotting.apex.APEX_RULES). Raises InputError,
    naming clip and frame, for a file that is no image, frames of different sizes, and a clip without a face.
    """
    frames = frames_used(clip)
    numbers = [number for number, _ in frames]
    onset, offset = numbers.index(clip.onset), numbers.index(clip.offset)
    depth = stills.depth_of([path for _, path in frames])
    matrix = _transform(clip, [path for _, path in frames[onset : offset + 1]])
    crops = np.empty((len(frames), CROP_HEIGHT, CROP_WIDTH), np.uint8)
    size: tuple[int, ...] | None = None
    for at, (number, path) in enumerate(frames):
        image = _read(clip, path, depth, grey=True)
        if size is not None and image.shape != size:
            raise InputError(f"{clip.title}: frame {number} is of another size than those before it: {path}")
        size = image.shape
        crops[at] = crop(image, matrix)
    if clip.apex is None:
        spotted = APEX_RULES[rule](list(crops[onset : offset + 1]))
        apex = onset + min(max(spotted, 1), offset - onset)
    else:
        apex = numbers.index(clip.apex)
    colour = cv2.cvtColor(_read(clip, frames[apex][1], depth), cv2.COLOR_BGR2RGB)
    planes = [crop(np.ascontiguousarray(colour[..., i]), matrix) for i in range(3)]
    return PreparedClip(crops, np.stack(planes, axis=-1), onset, apex, offset, clip.fps)


@functools.cache
def _mesh() -> LandmarkModel:
    return Mesh(still=True)  # what is found on a clip must not depend on the clip before it


def _read(clip: Clip, path: Path, depth: stills.Depth, *, grey: bool = False) -> NDArray[np.uint8]:
    try:
        image = stills.read(path, depth, grey=grey)
    except OSError as error:
        raise InputError(f"{clip.title}: cannot read {path}: {error.strerror}") from None
    if image is None:
        raise InputError(f"{clip.title}: {path} is not a readable image")
    return image


def _transform(clip: Clip, paths: list[Path]) -> Matrix:
    """The similarity of the whole clip: the median pose of the eyes on a few of its frames."""
    mesh = _mesh()
    poses, size = [], (0, 0)
    looked = np.unique(np.linspace(0, len(paths) - 1, _LOOKS).round().astype(int))
    for at in looked:
        own = stills.depth_of(paths[at : at + 1])
        rgb = cv2.cvtColor(_read(clip, paths[at], own), cv2.COLOR_BGR2RGB)
        size = rgb.shape[:2]
        landmarks = mesh.landmarks(np.asarray(rgb, np.uint8))
        margin = 0
        if landmarks is None:
            margin = round(_MARGIN * max(size))
            around = cv2.copyMakeBorder(rgb, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
            landmarks = mesh.landmarks(np.asarray(around, np.uint8))
        if landmarks is not None:
            left, right = landmarks[INNER_EYE_LEFT, :2] - margin, landmarks[INNER_EYE_RIGHT, :2] - margin
            if np.hypot(*(right - left)) >= 1:
                poses.append(pose_from_matrix(similarity_from_eyes(left, right)))
    if poses:
        return matrix_from_pose(np.median(poses, axis=0))
    if paths[0].name.startswith("reg_"):
        # Cropped by the database's owners: the crop's geometry is that of their pictures.
        height, width = size
        wide, high = width / CROP_WIDTH, height / CROP_HEIGHT
        return np.array([[wide, 0, (wide - 1) / 2], [0, high, (high - 1) / 2]])
    raise InputError(f"{clip.title}: no face found on {len(looked)} of its frames, such as {paths[0]}")
