"""A face at rest in a frame: the identity's portrait reshaped, painted and placed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.errors import InputError
from engines.synthesis.identity import Identity
from engines.synthesis.openings import Mouth
from engines.synthesis.paint import draw_glasses, painted
from engines.synthesis.portrait import UInt8, astronaut, mirror_pairs
from engines.synthesis.shape import reshaped

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

SUPERSAMPLING: Final = 2
"""Texture px a frame px. cv2.remap rounds coordinates to 1/32 texture px, that is 1/64 px of the frame."""

MARGIN: Final = 40
"""Texture around the frame, frame px, for what head motion brings in."""


@dataclass(frozen=True, eq=False)
class Face:
    """A face at rest, placed in a frame.

    texture: uint8 (h·S, w·S, 3) BGR, the part `box` of the frame and MARGIN px around it, S = SUPERSAMPLING.
    still: uint8 (H, W, 3) BGR, the frame with the face at rest. landmarks: float32 (478, 3), frame px. box:
    x0, y0, x1, y1 of what head motion can move. sway: float32 (H, W), how much each pixel follows the head,
    0..1. depth: float32 (H, W), nearness, 1 at the tip of the nose, 0 at the sides of the face. glasses:
    float32 (H, W) opacity and uint8 (H, W, 3) BGR, or None: they follow the head, not the skin.
    """

    texture: UInt8
    still: UInt8
    landmarks: Float32
    box: tuple[int, int, int, int]
    sway: Float32
    depth: Float32
    glasses: tuple[Float32, UInt8] | None
    unit: float


def build_face(identity: Identity, height: int, width: int) -> Face:
    """The identity's face at rest in a frame of height × width px. InputError where it does not fit in."""
    portrait = identity.portrait or astronaut()
    image, marks = portrait.image, portrait.landmarks[:, :2].astype(np.float64)
    depth_z = portrait.landmarks[:, 2].astype(np.float64) if portrait.landmarks.shape[1] == 3 else None
    masks = [portrait.person, portrait.skin, portrait.hair]
    source_w = image.shape[1]
    if identity.mirrored:
        image = np.ascontiguousarray(image[:, ::-1])
        masks = [None if m is None else np.ascontiguousarray(m[:, ::-1]) for m in masks]
        pairs = mirror_pairs()
        marks = marks[pairs] * (-1, 1) + (source_w - 1, 0)
        depth_z = None if depth_z is None else depth_z[pairs]

    # portrait px → frame px: a similarity that puts the middle of the face at `centre`
    scale = identity.face_px / portrait.face_width
    angle = np.deg2rad(identity.roll_deg)
    rotate = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = marks[[234, 454, 10, 152]].mean(0)
    place = np.array([identity.centre[0] * width, identity.centre[1] * height])
    placed = (marks - middle) @ rotate.T + place
    unit = identity.face_px / 200
    low, high = placed.min(0), placed.max(0)
    if low[0] < 8 or low[1] < 8 or high[0] > width - 8 or high[1] > height - 8:
        raise InputError(
            f"identity: a face {identity.face_px:.0f} px wide at {identity.centre} does not fit a frame of "
            f"{width}x{height}; make it smaller or move it"
        )

    back = np.linalg.inv(rotate)

    # the landmarks follow the shape variation: invert its backward displacement by fixed point
    marks = placed.copy()
    for _ in range(30):
        shift = reshaped(
            identity, placed, unit, marks[:, 0].astype(np.float32), marks[:, 1].astype(np.float32)
        )
        marks = placed - shift
    mouth = Mouth(marks)
    part = 0.0 if mouth.height < 2 * unit else min(1.0, 1.25 * (1 - identity.smile))
    marks = mouth.closed(marks, part)

    def origin(x: Float32, y: Float32) -> tuple[Float32, Float32, Float32]:
        shift, line = mouth.closing(x, y, part)
        x, y = x + shift[..., 0], y + shift[..., 1]
        shift = reshaped(identity, placed, unit, x, y)
        fx, fy = x + shift[..., 0] - np.float32(place[0]), y + shift[..., 1] - np.float32(place[1])
        mx = np.float32(back[0, 0]) * fx + np.float32(back[0, 1]) * fy + np.float32(middle[0])
        my = np.float32(back[1, 0]) * fx + np.float32(back[1, 1]) * fy + np.float32(middle[1])
        return mx, my, line

    big_h, big_w = height + 2 * MARGIN, width + 2 * MARGIN
    step = 1 / SUPERSAMPLING
    rows, cols = np.mgrid[0 : SUPERSAMPLING * big_h, 0 : SUPERSAMPLING * big_w].astype(np.float32)
    x = (cols + 0.5) * step - 0.5 - MARGIN
    y = (rows + 0.5) * step - 0.5 - MARGIN
    mx, my, line = origin(x, y)

    def fetch(source: UInt8, mode: int) -> Float32:
        return np.asarray(cv2.remap(source, mx, my, mode, borderMode=cv2.BORDER_REFLECT_101), np.float32)

    canvas = fetch(image, cv2.INTER_CUBIC)
    # closed lips meet in a dark line
    canvas *= 1 - np.float32(0.55 * max(0.0, 2 * part - 1)) * line[..., None]
    soft = [None if m is None else fetch(m, cv2.INTER_LINEAR) / 255 for m in masks]
    canvas = painted(identity, canvas, soft, marks, (marks + MARGIN + 0.5) * SUPERSAMPLING - 0.5, unit, x, y)
    fine = np.clip(np.round(canvas), 0, 255).astype(np.uint8)[..., ::-1]
    fine = np.ascontiguousarray(fine)

    sway = _sway_mask(marks, soft[0], unit, height, width)
    ys, xs = np.nonzero(sway > 1e-3)
    box = (
        int(xs.min()) // 4 * 4,
        int(ys.min()) // 4 * 4,
        min(width, -(-(int(xs.max()) + 1) // 4) * 4),
        min(height, -(-(int(ys.max()) + 1) // 4) * 4),
    )
    x0, y0, x1, y1 = box
    cut = [SUPERSAMPLING * k for k in (y0, y1 + 2 * MARGIN, x0, x1 + 2 * MARGIN)]
    texture = np.ascontiguousarray(fine[cut[0] : cut[1], cut[2] : cut[3]])
    still = _at_rest(fine, height, width)
    return Face(
        texture=texture,
        still=still,
        landmarks=np.column_stack([marks, np.zeros(478) if depth_z is None else depth_z * scale]).astype(
            np.float32
        ),
        box=box,
        sway=sway,
        depth=_depth(marks, depth_z, height, width),
        glasses=draw_glasses(identity, marks, unit, height, width) if identity.glasses else None,
        unit=unit,
    )


def _at_rest(fine: UInt8, height: int, width: int) -> UInt8:
    """The frame with nothing moving, through the same interpolation as a moving one, so that no seam shows."""
    xs = ((np.arange(width, dtype=np.float32) + MARGIN) + 0.5) * SUPERSAMPLING - 0.5
    ys = ((np.arange(height, dtype=np.float32) + MARGIN) + 0.5) * SUPERSAMPLING - 0.5
    mx, my = (np.ascontiguousarray(m) for m in np.meshgrid(xs, ys))
    return np.asarray(cv2.remap(fine, mx, my, cv2.INTER_LINEAR), np.uint8)


def _sway_mask(marks: Float64, person: Float32 | None, unit: float, height: int, width: int) -> Float32:
    """1 on head and hair, falling smoothly to 0 within a third of a face width around and down the neck."""
    head = np.zeros((height, width), np.uint8)
    hull = cv2.convexHull(np.round(marks[:468] * 8).astype(np.int32))
    cv2.fillConvexPoly(head, hull, 255, shift=3)
    chin = marks[152, 1]
    if person is None:
        # no mask: hair and ears are about an ellipse around the face
        middle = marks[[234, 454, 10, 152]].mean(0) - (0, 22 * unit)
        axes = (int(135 * unit), int(165 * unit))
        cv2.ellipse(head, (int(middle[0]), int(middle[1])), axes, 0, 0, 360, 255, -1)
        head[min(height, max(0, int(chin))) :] = 0
    else:
        whole = cv2.resize(person, (width + 2 * MARGIN, height + 2 * MARGIN), interpolation=cv2.INTER_AREA)
        whole = whole[MARGIN : MARGIN + height, MARGIN : MARGIN + width]
        rows, cols = np.mgrid[:height, :width]
        near = (np.abs(cols - marks[:, 0].mean()) < 170 * unit) & (rows < chin - 25 * unit)
        head[(whole > 0.5) & near] = 255
    distance = cv2.distanceTransform(255 - head, cv2.DIST_L2, 5)
    part = np.clip(1 - (distance - 4 * unit) / (66 * unit), 0, 1)
    smooth = part * part * (3 - 2 * part)
    return np.asarray(cv2.GaussianBlur(smooth.astype(np.float32), (0, 0), 4 * unit), np.float32)


def _depth(marks: Float64, depth_z: Float64 | None, height: int, width: int) -> Float32:
    """Nearness from the landmarks' z, smooth: 1 at the tip of the nose, 0 at the sides of the face."""
    rows, cols = np.mgrid[0:height:4, 0:width:4].astype(np.float32)
    rows, cols = rows + 1.5, cols + 1.5
    face_w = float(np.hypot(*(marks[234] - marks[454])))
    nose = marks[1]
    if depth_z is None:
        near = np.exp(
            -0.5 * (((cols - nose[0]) / (0.3 * face_w)) ** 2 + ((rows - nose[1]) / (0.45 * face_w)) ** 2)
        )
    else:
        rim = depth_z[[234, 454]].mean()
        height_of = np.clip((rim - depth_z) / (rim - depth_z[[1, 4]].mean()), 0, 1.1)
        total = np.full(cols.shape, 0.02, np.float64)
        value = np.zeros(cols.shape, np.float64)
        for (px, py), z in zip(marks[:468], height_of[:468], strict=True):
            weight = np.exp(-0.5 * ((cols - px) ** 2 + (rows - py) ** 2) / (0.05 * face_w) ** 2)
            total += weight
            value += weight * z
        near = value / total
    small = cv2.GaussianBlur(near.astype(np.float32), (0, 0), 0.02 * face_w)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
