"""Known micro-expressions put into pictures of a real face: its own skin, moved by the fields of action units.

    marks = smoothed(landmarks[..., :2], times_s)
    moved = implanted(frame, marks[i], [(performance, amplitude(performance, times_s[i], "raised-cosine"))])

The face's own motion, its speech, its noise and its compression stay as they were; only skin is moved, so what is
implanted is crisper than what a codec would have left of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from engines.face.geometry import CHEEKBONE_LEFT, CHEEKBONE_RIGHT
from engines.synthesis.action_units import ACTION_UNITS, pulls
from engines.synthesis.performance import AT_REST, Performance

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]

Course = Literal["minimum-jerk", "raised-cosine"]
COURSES: Final[tuple[str, ...]] = get_args(Course)

# A face that is this part of its width farther on in the next frame is behind a cut, or another face.
_JUMP: Final = 0.35
# Landmarks farther apart in time belong to different runs.
_GAP_S: Final = 0.3
# How far fields reach beyond the landmarks, parts of the face's width.
_REACH: Final = 0.275


def runs(landmarks: Float32, times_s: Float64) -> list[tuple[int, int]]:
    """Stretches of one face seen without a break, first and last frame of each.

    landmarks: (N, 478, 2+) px, NaN where no face is seen; times_s (N,), rising. A cut, which throws the face
    elsewhere from one frame to the next, ends a stretch.
    """
    seen = np.isfinite(landmarks[:, 0, 0])
    found: list[tuple[int, int]] = []
    for i in np.flatnonzero(seen):
        if found and found[-1][1] == i - 1 and times_s[i] - times_s[i - 1] <= _GAP_S:
            step = landmarks[i, :, :2] - landmarks[i - 1, :, :2]
            if float(np.linalg.norm(step.mean(0))) <= _JUMP * _width(landmarks[i]):
                found[-1] = (found[-1][0], int(i))
                continue
        found.append((int(i), int(i)))
    return found


def smoothed(landmarks: Float32, times_s: Float64, sigma_s: float = 0.12) -> Float32:
    """Landmarks smoothed over time by a Gaussian within each of `runs`: float32 of their shape, NaN as before.

    What is anchored to them follows the head and not the jitter of FaceMesh, nor what the face itself does.
    """
    out = np.full(landmarks.shape, np.nan, np.float32)
    for first, last in runs(landmarks, times_s):
        times = times_s[first : last + 1]
        marks = landmarks[first : last + 1]
        for k, t in enumerate(times):
            # symmetric, so that at the end of a run a moving head is not dragged behind
            reach = min(4 * sigma_s, t - times[0], times[-1] - t) + 1e-6
            low, high = np.searchsorted(times, [t - reach, t + reach])
            weights = np.exp(-0.5 * ((times[low:high] - t) / sigma_s) ** 2)
            out[first + k] = np.tensordot(weights / weights.sum(), marks[low:high], 1)
    return out


def amplitude(performance: Performance, t_s: float, course: Course = "minimum-jerk") -> float:
    """Part of the apex's displacement at a time, 0..1: `Performance.amplitude`, or half a cosine up and one down."""
    if course == "minimum-jerk":
        return performance.amplitude(t_s)
    peak_end = performance.apex_s + performance.hold_s
    if t_s < performance.apex_s:
        u = (t_s - performance.onset_s) / (performance.apex_s - performance.onset_s)
    else:
        u = min((performance.offset_s - t_s) / (performance.offset_s - peak_end), 1.0)
    return 0.5 - 0.5 * float(np.cos(np.pi * u)) if u > 0 else 0.0


def frames_at(
    performance: Performance, times_s: Float64, course: Course = "minimum-jerk"
) -> tuple[int, int, int] | None:
    """(onset, apex, offset) frames of a performance in a video whose frames have these times (N,), as `Truth` says.

    None where no frame falls into the movement, or the video has no frame before or after it.
    """
    heights = np.array([amplitude(performance, float(t), course) for t in times_s])
    moving = np.flatnonzero(heights > AT_REST)
    if moving.size == 0 or moving[0] == 0 or moving[-1] == len(times_s) - 1:
        return None
    return int(moving[0]) - 1, int(np.argmax(heights)), int(moving[-1]) + 1


def implanted(frame: UInt8, marks: Float32, moving: Sequence[tuple[Performance, float]]) -> UInt8:
    """A BGR frame (H, W, 3) in which skin is moved: each performance by its share (0..1) of its displacement.

    marks: (478, 2) px, as `smoothed` gives them. The frame itself is returned where nothing moves; pixels outside
    the face are those of the frame.
    """
    moving = [(performance, share) for performance, share in moving if share > 0]
    if not moving or not np.isfinite(marks).all():
        return frame
    height, width = frame.shape[:2]
    reach = _REACH * _width(marks)
    low = np.maximum(np.floor(marks.min(0) - reach), 0).astype(int)
    high = np.minimum(np.ceil(marks.max(0) + reach) + 1, [width, height]).astype(int)
    if (high - low < 2).any():
        return frame
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    field = np.zeros((*x.shape, 2), np.float32)
    for performance, share in moving:
        field += np.float32(share) * displacement(performance, marks, x, y)
    # The field says where skin goes, a pixel must know where it came from: one fixed-point step finds it.
    back_x, back_y = x - field[..., 0], y - field[..., 1]
    there = cv2.remap(
        field, back_x - low[0], back_y - low[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    part = cv2.remap(
        frame, x - there[..., 0], y - there[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    out = frame.copy()
    out[low[1] : high[1], low[0] : high[0]] = part
    return out


def displacement(performance: Performance, marks: Float32, x: Float32, y: Float32) -> Float32:
    """Where a performance's apex takes the pixels x, y (H, W) of a part of the frame: float32 (H, W, 2), px.

    marks: (478, 2) px. The strongest of the pixels moves ``amplitude_px``, scaled with the face.
    """
    fields = pulls(marks, x, y, {au: ACTION_UNITS[au] for au in performance.aus})
    field = np.zeros((*x.shape, 2), np.float32)
    for left, right in fields.values():
        field += (1 + performance.asymmetry) * left + (1 - performance.asymmetry) * right
    field *= _window(marks, x, y)[..., None]
    strongest = float(np.sqrt((field**2).sum(-1).max()))
    if strongest == 0:
        return field
    return np.asarray(field * np.float32(performance.amplitude_px * _width(marks) / 200 / strongest))


def _window(marks: Float32, x: Float32, y: Float32) -> Float32:
    """1 on the face, falling to 0 over `_REACH` beside it, so that the room does not move along."""
    reach = _REACH * _width(marks)
    hull = cv2.convexHull(np.ascontiguousarray(marks[:468])) - np.array([x[0, 0], y[0, 0]], np.float32)
    inside = np.zeros(x.shape, np.uint8)
    cv2.fillConvexPoly(inside, (hull[:, 0] * 8).round().astype(np.int32), 255, shift=3)
    away = cv2.distanceTransform(255 - inside, cv2.DIST_L2, 5)
    part = np.clip(1 - away / (0.9 * reach), 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)


def _width(marks: Float32) -> float:
    """Distance of the cheekbones, px: the width of the face."""
    left, right = marks[CHEEKBONE_LEFT, :2], marks[CHEEKBONE_RIGHT, :2]
    return float(np.hypot(*(right - left)))
