"""Pictures of moments: a strip of the face from before a movement to after it, and what changed up to its apex."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import (
    CROP_HEIGHT,
    CROP_WIDTH,
    INNER_EYE_LEFT,
    INNER_EYE_RIGHT,
    similarity_from_eyes,
)
from engines.synthesis.implant import smoothed
from offline.spotting.real import ImplantedVideo, RealVideo

Image = NDArray[np.uint8]

_WIDTH = 110
_HEIGHT = round(_WIDTH * CROP_HEIGHT / CROP_WIDTH)
_AMPLIFIED = 6.0
_JPEG_QUALITY = 80


@dataclass(frozen=True)
class Strip:
    """Frames and their pictures (data: URIs) around a movement, and the amplified difference of apex and onset."""

    frames: tuple[int, ...]
    pictures: tuple[str, ...]
    change: str


def strips(video: RealVideo | ImplantedVideo, moments: Sequence[dict[str, Any]]) -> list[Strip]:
    """A strip for each moment (onset, apex, offset in frames), from one pass over the video."""
    real = video.real if isinstance(video, ImplantedVideo) else video
    shown = [_frames(moment, real.count) for moment in moments]
    wanted = {frame for frames in shown for frame in frames}
    marks = smoothed(real.faces.landmarks[..., :2], real.faces.times_s)
    crops: dict[int, Image] = {}
    if wanted:
        for index, image in video.frames():
            if index in wanted:
                crops[index] = _crop(image, marks, index)
            if index >= max(wanted):
                break
    return [
        Strip(
            tuple(frames),
            tuple(_uri(crops[frame]) for frame in frames),
            _uri(_change(crops[moment["onset"]], crops[moment["apex"]])),
        )
        for moment, frames in zip(moments, shown, strict=True)
    ]


def _frames(moment: dict[str, Any], count: int) -> list[int]:
    """About seven frames, onset, apex and offset among them."""
    onset, apex, offset = moment["onset"], moment["apex"], moment["offset"]
    beside = max(1, (offset - onset) // 3)
    chosen = {onset - beside, onset, (onset + apex) // 2, apex, (apex + offset) // 2, offset, offset + beside}
    return sorted(min(max(frame, 0), count - 1) for frame in chosen if 0 <= frame < count)


def _crop(image: Image, marks: NDArray[np.float32], index: int) -> Image:
    """The face, stabilised by its smoothed eye corners, BGR; of a frame without a face, where it was seen nearest."""
    seen = np.flatnonzero(np.isfinite(marks[:, 0, 0]))
    near = marks[seen[np.argmin(np.abs(seen - index))]]
    matrix = similarity_from_eyes(near[INNER_EYE_LEFT], near[INNER_EYE_RIGHT])
    matrix[:, :2] *= CROP_WIDTH / _WIDTH
    shrink = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if shrink > 1.5:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 * shrink), np.uint8)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(image, matrix, (_WIDTH, _HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8)


def _change(onset: Image, apex: Image) -> Image:
    grey = [cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(np.float32) for crop in (onset, apex)]
    return np.asarray(np.clip(128 + _AMPLIFIED * (grey[1] - grey[0]), 0, 255), np.uint8)


def _uri(picture: Image) -> str:
    done, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert done
    return "data:image/jpeg;base64," + base64.b64encode(coded.tobytes()).decode()
