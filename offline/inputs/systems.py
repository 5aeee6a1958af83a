"""What the papers' systems read of a clip."""

from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face import CROP_HEIGHT, CROP_WIDTH
from engines.flow import as_benchmark, flow_map, picture
from offline.preparation.clip import PreparedClip
from offline.preparation.flow import onset_to_apex, solver
from offline.preparation.interpolation import resampled
from offline.preparation.magnification import magnify

AROUND: Final = 32  # frames on both sides of the apex (paper 001, section III.A)
BLOCKS: Final = 8
_HEIGHT, _WIDTH = CROP_HEIGHT, CROP_WIDTH
_CROP = (_HEIGHT, _WIDTH)
APEX_MOTION: Final = np.dtype(
    [("apex", np.uint8, (*_CROP, 3)), ("motion", np.float32, (2 * AROUND, 2 * BLOCKS * BLOCKS))]
)
STREAMS: Final = np.dtype(
    [("flow", np.uint8, (*_CROP, 3)), ("grey", np.uint8, _CROP), ("masked", np.uint8, _CROP)]
)
C3D_FRAMES, C3D_SIDE = 16, 112
THRESHOLD: Final = 50  # grey levels of the flow image above which a face moved (paper 004, figure 2 d, e)


def benchmark_map(clip: PreparedClip) -> NDArray[Any]:
    """Float32 (3, 28, 28) in 0..1: u, v and strain from onset to apex, stretched as the benchmark's maps are."""
    found = onset_to_apex(clip)
    return as_benchmark(flow_map(found.u, found.v))


def apex(clip: PreparedClip) -> NDArray[Any]:
    """Uint8 (170, 140, 3): the apex frame in colour."""
    return clip.apex_colour


def flow(clip: PreparedClip) -> NDArray[Any]:
    """Float32 (2, 170, 140): u and v from onset to apex in pixels (paper 003, section 3.2)."""
    found = onset_to_apex(clip)
    return np.stack([found.u, found.v])


def apex_motion(clip: PreparedClip) -> NDArray[Any]:
    """The apex frame, and the average direction-magnitude features around it (paper 001, section III.A)."""
    return np.array((clip.apex_colour, direction_magnitude(clip)), APEX_MOTION)


def direction_magnitude(clip: PreparedClip) -> NDArray[np.float32]:
    """Float32 (64, 128): of each of the 64 flows between the 65 frames around the apex, mean magnitude (pixels) of 8x8
    blocks, row by row, then their mean direction (radians, -pi..pi), eq. 5 and 6.

    Beyond its ends a clip stands still: what to do with clips shorter than 65 frames is not stated.
    """
    frames = np.clip(np.arange(clip.apex - AROUND, clip.apex + AROUND + 1), 0, len(clip.crops) - 1)
    pairs = [(int(a), int(b)) for a, b in pairwise(frames)]
    moving = sorted({pair for pair in pairs if pair[0] != pair[1]})
    first, second = ([clip.crops[pair[side]] for pair in moving] for side in (0, 1))
    flows = dict(zip(moving, solver(clip.flow).batch(first, second), strict=True))
    still = np.zeros(2 * BLOCKS * BLOCKS, np.float32)
    return np.stack([averages(flows[pair].u, flows[pair].v) if pair in flows else still for pair in pairs])


def averages(u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.float32]:
    """Float32 (128,): mean magnitude of each of 8x8 blocks of a flow, then mean direction of each."""
    polar = np.stack([np.hypot(u, v), np.arctan2(v, u)])
    rows, columns = (np.linspace(0, size, BLOCKS + 1).astype(int) for size in u.shape)
    sums = np.add.reduceat(np.add.reduceat(polar, rows[:-1], 1), columns[:-1], 2)
    return (sums / np.outer(np.diff(rows), np.diff(columns))).astype(np.float32).ravel()


def streams(clip: PreparedClip) -> NDArray[Any]:
    """The magnified flow as a colour picture, the grey apex, and the apex where it moved (paper 004, section II.A).

    The flow goes from the onset to the magnified apex by TV-L1 where the paper takes Liu's; drawn with the
    Middlebury wheel as Liu's code draws it, the longest displacement in full colour.
    """
    magnified = magnify(clip.crops[clip.onset : clip.apex + 1], clip.fps, clip.magnification)
    found = solver(clip.flow)(magnified[0], magnified[-1])
    grey = clip.crops[clip.apex]
    moved = motion_mask(magnitude_picture(found.u, found.v))
    return np.array((picture(found.u, found.v)[:, :, ::-1], grey, masked(grey, moved)), STREAMS)


def magnitude_picture(u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[Any]:
    """Uint8 (H, W): length of a flow (float32 (H, W) each, pixels), its largest drawn as 255, no motion as 0."""
    length = np.hypot(u, v)
    largest = float(length.max())
    return np.asarray(np.rint(length * (255 / largest if largest > 0 else 0.0)), np.uint8)


def motion_mask(picture: NDArray[Any], threshold: int = THRESHOLD) -> NDArray[np.bool_]:
    """Bool (H, W): where a grey flow image, uint8 (H, W), black without motion, is above a threshold."""
    return np.asarray(picture > threshold)


def masked(grey: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """A grey image (H, W) where its mask is true, black elsewhere."""
    return np.where(mask, grey, np.zeros((), grey.dtype))


def c3d(clip: PreparedClip) -> NDArray[Any]:
    """Uint8 (16, 112, 112): the clip in 16 frames, for C3D."""
    frames = resampled(clip, C3D_FRAMES)
    return np.stack(
        [cv2.resize(frame, (C3D_SIDE, C3D_SIDE), interpolation=cv2.INTER_AREA) for frame in frames]
    )
