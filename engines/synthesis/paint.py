"""The colours of a face: background, clothes, hair, skin, beard, light; and the glasses before it."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.synthesis.identity import Identity
from engines.synthesis.portrait import UInt8, mirror_pairs

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_LIPS: Final = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
_EYE: Final = [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]
_BROW: Final = [70, 63, 105, 66, 107, 55, 65, 52, 53, 46]
_OVAL: Final = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378,
    400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21,
    54, 103, 67, 109,
]  # fmt: skip
_INNER_LIPS: Final = [
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14,
    87, 178, 88, 95,
]  # fmt: skip
_JAW: Final = [
    234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365,
    397, 288, 361, 323, 454,
]  # fmt: skip


def painted(
    identity: Identity,
    canvas: Float32,
    soft: list[Float32 | None],
    marks: Float64,
    on_canvas: Float64,
    unit: float,
    x: Float32,
    y: Float32,
) -> Float32:
    """Background, clothes, hair, skin, beard and light on a canvas: float32 (h, w, 3), RGB, 0..255.

    soft: masks of person, skin and hair, 0..1, or None. marks, on_canvas: landmarks in px of the frame and of
    the canvas. unit: face width / 200, frame px. x, y: frame px of each px of the canvas.
    """
    rng = np.random.default_rng((0xFACE, identity.seed))
    shape = (canvas.shape[0], canvas.shape[1])
    person, skin, hair = soft

    if skin is None:
        oval = np.zeros(shape, np.uint8)
        cv2.fillPoly(oval, [np.round(on_canvas[_OVAL] * 8).astype(np.int32)], 255, shift=3)
        skin = cv2.GaussianBlur(oval, (0, 0), 6 * unit).astype(np.float32) / 255

    if person is not None and identity.background is not None:
        colour = np.array(identity.background, np.float32)
        ground = np.empty_like(canvas)
        mottle = 9 * _blotches(rng, shape)
        slope = (x / x.max() - 0.5) * float(rng.uniform(-30, 30)) + (y / y.max() - 0.5) * float(
            rng.uniform(-30, 10)
        )
        ground[:] = colour
        ground += (mottle + slope)[..., None]
        alpha = person[..., None]
        canvas = np.asarray(ground + (canvas - ground) * alpha, np.float32)
    if person is not None and identity.clothes_hue:
        clothes = np.clip(person - skin if hair is None else person - skin - hair, 0, 1)
        hsv = cv2.cvtColor(np.clip(canvas, 0, 255).astype(np.uint8), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = ((hsv[..., 0].astype(np.int32) + int(identity.clothes_hue / 2)) % 180).astype(np.uint8)
        hsv[..., 1] = (hsv[..., 1] * 0.7).astype(np.uint8)
        turned = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)
        canvas += (turned - canvas) * clothes[..., None]
    if hair is not None and identity.hair is not None:
        grey = canvas @ np.array([0.299, 0.587, 0.114], np.float32)
        mean = float((grey * hair).sum() / max(float(hair.sum()), 1.0))
        colour = np.array(identity.hair, np.float32)
        bright = float(colour @ np.array([0.299, 0.587, 0.114], np.float32))
        # keep the strands: contrast shrinks with brightness, but less than in proportion
        strands = (grey - mean) * float(np.clip((bright / mean) ** 0.6, 0.25, 1.2))
        tinted = colour + strands[..., None] * (0.5 + 0.5 * colour / max(bright, 1.0))
        canvas += (tinted - canvas) * hair[..., None]

    bare = _bare_skin(skin, on_canvas, 2.5 * unit)
    if identity.tone or identity.warmth:
        factor: Float32 = np.exp(
            np.array([0.55, 0.72, 0.85], np.float32) * np.float32(0.95 * min(identity.tone, 0))
        )
        factor = factor * (1 + np.array([0.05, 0.06, 0.07], np.float32) * np.float32(max(identity.tone, 0)))
        factor = factor * (1 + np.array([0.05, 0.0, -0.08], np.float32) * np.float32(identity.warmth))
        # lips and brows darken with the skin, eyes hardly
        eyes = np.zeros(shape, np.uint8)
        for part in (_EYE, [int(k) for k in mirror_pairs()[_EYE]]):
            cv2.fillConvexPoly(
                eyes, cv2.convexHull(np.round(on_canvas[part] * 8).astype(np.int32)), 255, shift=3
            )
        lips = np.zeros(shape, np.uint8)
        cv2.fillPoly(lips, [np.round(on_canvas[_INNER_LIPS] * 8).astype(np.int32)], 255, shift=3)
        spare = cv2.GaussianBlur(np.maximum(eyes, lips), (0, 0), 1.5 * unit).astype(np.float32) / 255
        amount = (skin * (1 - 0.8 * spare))[..., None]
        canvas *= 1 + (factor - 1) * amount
    # pores and fine relief, which the enlarged portrait has lost
    relief = (
        0.8 * _smooth_noise(rng, shape, 1.1)
        + 1.0 * _smooth_noise(rng, shape, 2.4)
        + 0.7 * _smooth_noise(rng, shape, 5)
    )
    brightness = canvas.mean(-1) / 150
    canvas += (1.5 * identity.skin_texture * relief * brightness * bare)[..., None]
    if hair is not None:
        canvas += (3.0 * _smooth_noise(rng, shape, 1.2) * hair * brightness)[..., None]
    if identity.beard > 0:
        canvas = _grow_beard(identity, canvas, bare, on_canvas, unit, rng)
    if identity.light > 0:
        angle = np.deg2rad(identity.light_deg)
        middle = marks[[234, 454, 10, 152]].mean(0)
        a = (x - np.float32(middle[0])) / np.float32(110 * unit)
        b = (y - np.float32(middle[1])) / np.float32(140 * unit)
        # a head is about an ellipsoid: its normal leans outward with distance from the middle
        leaning = (a * np.cos(angle) - b * np.sin(angle)) / np.sqrt(1 + a * a + b * b)
        canvas *= (1 + np.float32(0.42 * identity.light) * leaning)[..., None].astype(np.float32)
    return np.asarray(canvas, np.float32)


def _blotches(rng: np.random.Generator, shape: tuple[int, int]) -> Float32:
    small = _smooth_noise(rng, (shape[0] // 16, shape[1] // 16), 4) + 0.5 * _smooth_noise(
        rng, (shape[0] // 16, shape[1] // 16), 1.5
    )
    return np.asarray(cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _grow_beard(
    identity: Identity, canvas: Float32, bare: Float32, points: Float64, unit: float, rng: np.random.Generator
) -> Float32:
    shape = (canvas.shape[0], canvas.shape[1])
    area = np.zeros(shape, np.uint8)
    inner = [425, 426, 358, 2, 129, 206, 205]
    cv2.fillPoly(area, [np.round(points[_JAW + inner] * 8).astype(np.int32)], 255, shift=3)
    soft = cv2.GaussianBlur(area, (0, 0), 9 * unit).astype(np.float32) / 255
    soft = np.clip((soft - 0.25) / 0.6, 0, 1) * bare
    # stubble is streaked along its growth: noise drawn out downward, on a shade that fills the gaps
    streaks = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), sigmaX=0.9, sigmaY=2.2)
    streaks /= streaks.std()
    patches = _smooth_noise(rng, shape, 9 * unit)
    cover = np.clip(0.66 + 0.13 * streaks + 0.06 * patches, 0, 1) * soft * identity.beard
    colour = np.array(identity.hair or (92, 70, 48), np.float32) * 0.7
    return np.asarray(canvas + (colour - canvas) * cover[..., None], np.float32)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Float32:
    noise = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), sigma)
    return np.asarray(noise / noise.std(), np.float32)


def _bare_skin(mask: Float32, points: Float64, inflate: float) -> Float32:
    """The mask without eyes, brows and lips, which are not skin."""
    out = mask.copy()
    for contour in (_LIPS, _EYE, _BROW):
        for part in (contour, [int(k) for k in mirror_pairs()[contour]]):
            hull = cv2.convexHull(np.round(points[part] * 8).astype(np.int32))
            hole = np.zeros(mask.shape, np.uint8)
            cv2.fillConvexPoly(hole, hull, 255, shift=3)
            soft = cv2.GaussianBlur(hole, (0, 0), inflate).astype(np.float32) / 255
            out *= 1 - np.clip(1.4 * soft, 0, 1)
    return out


def draw_glasses(
    identity: Identity, marks: Float64, unit: float, height: int, width: int
) -> tuple[Float32, UInt8]:
    """Opacity, float32 (height, width), 0..1, and colour, uint8 (height, width, 3), BGR, of a frame of
    glasses on this face.

    marks: landmarks, frame px. unit: face width / 200.
    """
    rng = np.random.default_rng((0x61A5, identity.seed))
    zoom = 4
    alpha = np.zeros((height * zoom, width * zoom), np.uint8)

    def at(point: Float64) -> tuple[int, int]:
        return int((point[0] + 0.5) * zoom), int((point[1] + 0.5) * zoom)

    eyes = [marks[_EYE].mean(0), marks[mirror_pairs()[_EYE]].mean(0)]
    across = eyes[1] - eyes[0]
    angle = float(np.rad2deg(np.arctan2(across[1], across[0])))
    wide, high = float(rng.uniform(30, 35)), float(rng.uniform(21, 27))
    thick = max(2, int(rng.uniform(2.2, 4.5) * unit * zoom))
    down = np.array([0, -2 * unit])
    for eye in eyes:
        axes = (int(wide * unit * zoom), int(high * unit * zoom))
        cv2.ellipse(alpha, at(eye - 1.5 * down), axes, angle, 0, 360, 255, thick, cv2.LINE_AA)
    direction = across / np.hypot(*across)
    cv2.line(
        alpha,
        at(eyes[0] + direction * wide * unit + down),
        at(eyes[1] - direction * wide * unit + down),
        255,
        thick,
        cv2.LINE_AA,
    )
    for eye, side, sign in ((eyes[0], marks[127], -1), (eyes[1], marks[356], 1)):
        cv2.line(alpha, at(eye + sign * direction * wide * unit + down), at(side), 255, thick, cv2.LINE_AA)
    opacity = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    colour = np.array(
        [(24, 22, 22), (40, 52, 84), (70, 66, 64), (28, 30, 60)][int(rng.integers(4))], np.uint8
    )
    return np.float32(0.94) * opacity, np.broadcast_to(colour, (height, width, 3)).copy()
