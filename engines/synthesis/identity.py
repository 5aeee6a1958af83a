"""Who is seen: variations of one portrait in shape, colour, light, glasses and beard, and the face they make in a frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.errors import InputError
from engines.synthesis.openings import Mouth
from engines.synthesis.portrait import Portrait, UInt8, astronaut, mirror_pairs

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

SUPERSAMPLING: Final = 2
"""Texture px a frame px. cv2.remap rounds coordinates to 1/32 texture px, that is 1/64 px of the frame."""

MARGIN: Final = 40
"""Texture around the frame, frame px, for what head motion brings in."""


@dataclass(frozen=True)
class Identity:
    """A face. All shape parameters are relative changes of -1..1 within what human faces span; 0 is the portrait as it is.

    face_px: face width in frame px (landmarks 234 to 454). centre: middle of the face as parts of frame width and height.
    tone: skin, -1 dark to 1 fair. hair, background: RGB they are tinted to; None keeps the portrait's.
    light: where more light comes from, degrees (0 right, 90 above), and how strong, 0..1. beard: 0..1 density.
    smile: how much of the portrait's own smile stays, 0 to 1.
    """

    seed: int = 0
    face_px: float = 220.0
    centre: tuple[float, float] = (0.5, 0.53)
    mirrored: bool = False
    roll_deg: float = 0.0
    face_width: float = 0.0
    jaw: float = 0.0
    chin: float = 0.0
    eye_distance: float = 0.0
    eye_size: float = 0.0
    nose_width: float = 0.0
    nose_length: float = 0.0
    mouth_width: float = 0.0
    lips: float = 0.0
    brow_height: float = 0.0
    brow_tilt: float = 0.0
    forehead: float = 0.0
    smile: float = 1.0
    tone: float = 0.0
    warmth: float = 0.0
    hair: tuple[int, int, int] | None = None
    clothes_hue: float = 0.0
    background: tuple[int, int, int] | None = None
    light_deg: float = 90.0
    light: float = 0.0
    glasses: bool = False
    beard: float = 0.0
    skin_texture: float = 1.0
    portrait: Portrait | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.face_px) and 80 <= self.face_px <= 400):
            raise InputError(f"identity: face_px is {self.face_px}; choose between 80 and 400")
        if not all(0 < c < 1 for c in self.centre):
            raise InputError(
                f"identity: centre is {self.centre}; give parts of width and height within 0 and 1"
            )
        for name in _SHAPE + ("tone", "warmth", "brow_tilt"):
            if not abs(getattr(self, name)) <= 1.5:
                raise InputError(f"identity: {name} is {getattr(self, name)}; choose between -1.5 and 1.5")
        for name in ("smile", "light", "beard"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"identity: {name} is {getattr(self, name)}; choose between 0 and 1")
        if not abs(self.roll_deg) <= 15:
            raise InputError(f"identity: roll_deg is {self.roll_deg}; choose between -15 and 15")

    @staticmethod
    def from_seed(
        seed: int, face_px: float | tuple[float, float] = (160.0, 300.0), portrait: Portrait | None = None
    ) -> Identity:
        """A person drawn at random: every parameter from the seed; face_px fixed or drawn from (least, most)."""
        rng = np.random.default_rng((0x1DE, seed))
        wide = float(face_px) if isinstance(face_px, int | float) else float(rng.uniform(*face_px))
        shape = {name: float(np.clip(rng.normal(0, 0.5), -1, 1)) for name in _SHAPE}
        hairs = (None, (32, 26, 24), (70, 46, 30), (120, 84, 48), (150, 146, 142), (96, 44, 26), (18, 18, 22))
        grounds = (
            None,
            (96, 110, 122),
            (168, 160, 148),
            (60, 66, 74),
            (122, 136, 118),
            (188, 190, 194),
            (84, 72, 64),
        )
        beard = float(rng.uniform(0.35, 0.9)) if rng.random() < 0.3 else 0.0
        # a large face has less room to stand aside
        room = max(0.0, 1 - (wide - 160) / 180)
        return Identity(
            seed=seed,
            face_px=wide,
            centre=(0.5 + 0.1 * room * float(rng.uniform(-1, 1)), 0.53 + 0.04 * float(rng.uniform(-1, 1))),
            mirrored=bool(rng.random() < 0.5),
            roll_deg=float(rng.normal(0, 2)),
            brow_tilt=float(np.clip(rng.normal(0, 0.5), -1, 1)),
            smile=float(rng.uniform(0, 1)),
            tone=float(rng.uniform(-1, 0.4)),
            warmth=float(np.clip(rng.normal(0, 0.4), -1, 1)),
            hair=hairs[int(rng.integers(len(hairs)))],
            clothes_hue=float(rng.uniform(0, 360)),
            background=grounds[int(rng.integers(len(grounds)))],
            light_deg=float(rng.uniform(0, 180)),
            light=float(rng.uniform(0, 0.8)),
            glasses=bool(rng.random() < 0.3),
            beard=beard,
            skin_texture=float(rng.uniform(0.5, 1.6)),
            portrait=portrait,
            **shape,
        )


_SHAPE = (
    "face_width",
    "jaw",
    "chin",
    "eye_distance",
    "eye_size",
    "nose_width",
    "nose_length",
    "mouth_width",
    "lips",
    "brow_height",
    "forehead",
)


@dataclass(frozen=True, eq=False)
class Face:
    """A face at rest, placed in a frame.

    texture: uint8 (h·S, w·S, 3) BGR, the part `box` of the frame and MARGIN px around it, S = SUPERSAMPLING.
    still: uint8 (H, W, 3) BGR, the frame with the face at rest. landmarks: float32 (478, 3), frame px.
    box: x0, y0, x1, y1 of what head motion can move. sway: float32 (H, W), how much each pixel follows the head, 0..1.
    depth: float32 (H, W), nearness, 1 at the tip of the nose, 0 at the sides of the face.
    glasses: float32 (H, W) opacity and uint8 (H, W, 3) BGR, or None: they follow the head, not the skin.
    """

    texture: UInt8
    still: UInt8
    landmarks: Float32
    box: tuple[int, int, int, int]
    sway: Float32
    depth: Float32
    glasses: tuple[Float32, UInt8] | None
    unit: float


def _bell(x: Float32, y: Float32, at: Float64, wide: float, high: float) -> Float32:
    a, b = (x - np.float32(at[0])) / np.float32(wide), (y - np.float32(at[1])) / np.float32(high)
    return np.exp(-0.5 * (a * a + b * b))


def _reshape(identity: Identity, points: Float64, unit: float, x: Float32, y: Float32) -> Float32:
    """Backward displacement (frame px) of the shape variation: the texture at x, y comes from x, y plus this."""
    out = np.zeros((*x.shape, 2), np.float32)
    pairs = mirror_pairs()

    def pull(
        at: list[int], right: float, down: float, wide: float, high: float, *, both: bool = False
    ) -> None:
        sides = ((at, 1.0), ([int(k) for k in pairs[at]], -1.0)) if both else ((at, 1.0),)
        for where, sign in sides:
            bell = _bell(x, y, points[where].mean(0), wide * unit, high * unit)
            out[..., 0] -= np.float32(sign * right * unit) * bell
            out[..., 1] -= np.float32(down * unit) * bell

    middle = points[[168, 1, 152]].mean(0)
    s = identity
    spread = _bell(x, y, middle, 130 * unit, 150 * unit)
    out[..., 0] -= np.float32(0.09 * s.face_width) * (x - np.float32(middle[0])) * spread
    pull([172, 136], -9 * s.jaw, 0, 34, 34, both=True)
    pull([152], 0, 10 * s.chin, 55, 34)
    pull([33, 133, 159, 145], -5 * s.eye_distance, 0, 28, 20, both=True)
    for eye in ([33, 133, 159, 145], [263, 362, 386, 374]):
        at = points[eye].mean(0)
        bell = _bell(x, y, at, 24 * unit, 12 * unit)
        out[..., 0] -= np.float32(0.1 * s.eye_size) * (x - np.float32(at[0])) * bell
        out[..., 1] -= np.float32(0.2 * s.eye_size) * (y - np.float32(at[1])) * bell
    pull([129, 98, 64], -5.5 * s.nose_width, 0, 14, 16, both=True)
    pull([1, 2, 94], 0, 6 * s.nose_length, 24, 18)
    pull([61, 57], -6 * s.mouth_width, 0, 20, 16, both=True)
    pull([0, 37, 267], 0, -2.5 * s.lips, 26, 8)
    pull([17, 84, 314], 0, 3.5 * s.lips, 26, 9)
    pull([105, 66, 52], 0, -5 * s.brow_height, 34, 12, both=True)
    pull([107, 55], 0, 3 * s.brow_tilt, 14, 10, both=True)
    pull([46, 70], 0, -3 * s.brow_tilt, 16, 10, both=True)
    pull([10], 0, -12 * s.forehead, 80, 40)
    # less of the portrait's smile: corners down and inward, cheeks with them
    less = 1 - s.smile
    pull([61, 57, 76], 6.5 * less, 6.5 * less, 20, 16, both=True)
    pull([205, 187], 2.5 * less, 4 * less, 24, 20, both=True)
    return out


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Float32:
    noise = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), sigma)
    return np.asarray(noise / noise.std(), np.float32)


def _closed_mouth_free(mask: Float32, points: Float64, inflate: float) -> Float32:
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


_LIPS: Final = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
_EYE: Final = [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]
_BROW: Final = [70, 63, 105, 66, 107, 55, 65, 52, 53, 46]
_OVAL: Final = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]  # fmt: skip


def build_face(identity: Identity, height: int, width: int) -> Face:
    """The identity's face at rest in a frame of height × width px. InputError where the face does not fit the frame."""
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
            f"identity: a face {identity.face_px:.0f} px wide at {identity.centre} does not fit a frame of {width}x{height}; "
            "make it smaller or move it"
        )

    back = np.linalg.inv(rotate)

    # the landmarks follow the shape variation: invert its backward displacement by fixed point
    marks = placed.copy()
    for _ in range(30):
        shift = _reshape(
            identity, placed, unit, marks[:, 0].astype(np.float32), marks[:, 1].astype(np.float32)
        )
        marks = placed - shift
    mouth = Mouth(marks)
    part = 0.0 if mouth.height < 2 * unit else min(1.0, 1.25 * (1 - identity.smile))
    marks = mouth.closed(marks, part)

    def origin(x: Float32, y: Float32) -> tuple[Float32, Float32, Float32]:
        shift, line = mouth.closing(x, y, part)
        x, y = x + shift[..., 0], y + shift[..., 1]
        shift = _reshape(identity, placed, unit, x, y)
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
        return cv2.remap(source, mx, my, mode, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)

    canvas = fetch(image, cv2.INTER_CUBIC)
    # closed lips meet in a dark line
    canvas *= 1 - np.float32(0.55 * max(0.0, 2 * part - 1)) * line[..., None]
    soft = [None if m is None else fetch(m, cv2.INTER_LINEAR) / 255 for m in masks]
    canvas = _paint(identity, canvas, soft, marks, unit, x, y)
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
        glasses=_glasses(identity, marks, unit, height, width) if identity.glasses else None,
        unit=unit,
    )


def _at_rest(fine: UInt8, height: int, width: int) -> UInt8:
    """The frame with nothing moving, through the same interpolation as a moving one (no seam at the border of the box)."""
    xs = ((np.arange(width, dtype=np.float32) + MARGIN) + 0.5) * SUPERSAMPLING - 0.5
    ys = ((np.arange(height, dtype=np.float32) + MARGIN) + 0.5) * SUPERSAMPLING - 0.5
    return cv2.remap(fine, *(np.ascontiguousarray(m) for m in np.meshgrid(xs, ys)), cv2.INTER_LINEAR)


def _paint(
    identity: Identity,
    canvas: Float32,
    soft: list[Float32 | None],
    marks: Float64,
    unit: float,
    x: Float32,
    y: Float32,
) -> Float32:
    """Background, clothes, hair, skin, beard and light on an RGB canvas 0..255."""
    rng = np.random.default_rng((0xFACE, identity.seed))
    shape = canvas.shape[:2]
    person, skin, hair = soft

    def local(points: Float64) -> Float64:
        # frame px → px of the canvas
        return (points + MARGIN + 0.5) * SUPERSAMPLING - 0.5

    on_canvas = local(marks)
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
        canvas = canvas * alpha + ground * (1 - alpha)
    if person is not None and identity.clothes_hue:
        clothes = np.clip(person - skin - (0 if hair is None else hair), 0, 1)
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

    bare = _closed_mouth_free(skin, on_canvas, 2.5 * unit)
    if identity.tone or identity.warmth:
        factor = np.exp(np.array([0.55, 0.72, 0.85], np.float32) * np.float32(0.95 * min(identity.tone, 0)))
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
    return canvas


_INNER_LIPS: Final = [
    78,
    191,
    80,
    81,
    82,
    13,
    312,
    311,
    310,
    415,
    308,
    324,
    318,
    402,
    317,
    14,
    87,
    178,
    88,
    95,
]


def _blotches(rng: np.random.Generator, shape: tuple[int, int]) -> Float32:
    small = _smooth_noise(rng, (shape[0] // 16, shape[1] // 16), 4) + 0.5 * _smooth_noise(
        rng, (shape[0] // 16, shape[1] // 16), 1.5
    )
    return cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _grow_beard(
    identity: Identity, canvas: Float32, bare: Float32, points: Float64, unit: float, rng: np.random.Generator
) -> Float32:
    shape = canvas.shape[:2]
    area = np.zeros(shape, np.uint8)
    jaw = [
        234,
        93,
        132,
        58,
        172,
        136,
        150,
        149,
        176,
        148,
        152,
        377,
        400,
        378,
        379,
        365,
        397,
        288,
        361,
        323,
        454,
    ]
    inner = [425, 426, 358, 2, 129, 206, 205]
    cv2.fillPoly(area, [np.round(points[jaw + inner] * 8).astype(np.int32)], 255, shift=3)
    soft = cv2.GaussianBlur(area, (0, 0), 9 * unit).astype(np.float32) / 255
    soft = np.clip((soft - 0.25) / 0.6, 0, 1) * bare
    # stubble is streaked along its growth: noise drawn out downward, on a shade that fills the gaps
    streaks = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), sigmaX=0.9, sigmaY=2.2)
    streaks /= streaks.std()
    patches = _smooth_noise(rng, shape, 9 * unit)
    cover = np.clip(0.66 + 0.13 * streaks + 0.06 * patches, 0, 1) * soft * identity.beard
    colour = np.array(identity.hair or (92, 70, 48), np.float32) * 0.7
    return np.asarray(canvas + (colour - canvas) * cover[..., None], np.float32)


def _sway_mask(marks: Float64, person: Float32 | None, unit: float, height: int, width: int) -> Float32:
    """1 on head and hair, falling smoothly to 0 within 0.4 face widths around and down the neck."""
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
    part = np.clip(1 - (distance - 4 * unit) / (80 * unit), 0, 1)
    smooth = part * part * (3 - 2 * part)
    return np.asarray(cv2.GaussianBlur(smooth.astype(np.float32), (0, 0), 4 * unit), np.float32)


def _depth(marks: Float64, depth_z: Float64 | None, height: int, width: int) -> Float32:
    """Nearness from the landmarks' z, smooth, 1 at the tip of the nose, 0 at the sides of the face and beyond."""
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
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _glasses(
    identity: Identity, marks: Float64, unit: float, height: int, width: int
) -> tuple[Float32, UInt8]:
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
    for eye in eyes:
        axes = (int(wide * unit * zoom), int(high * unit * zoom))
        cv2.ellipse(alpha, at(eye + (0, 3 * unit)), axes, angle, 0, 360, 255, thick, cv2.LINE_AA)
    direction = across / np.hypot(*across)
    down = np.array([0, -2 * unit])
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
    return 0.94 * opacity, np.broadcast_to(colour, (height, width, 3)).copy()
