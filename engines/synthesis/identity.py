"""Who is seen: variations of one portrait in shape, colour, light, glasses and beard."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engines.errors import InputError
from engines.synthesis.portrait import Portrait

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


@dataclass(frozen=True)
class Identity:
    """A face. All shape parameters are relative changes of -1..1 within what human faces span; 0 is the
    portrait as it is.

    face_px: face width in frame px (landmarks 234 to 454). centre: middle of the face as parts of frame width
    and height. tone: skin, -1 dark to 1 fair. hair, background: RGB they are tinted to; None keeps the
    portrait's. light: where more light comes from, degrees (0 right, 90 above), and how strong, 0..1. beard:
    0..1 density. smile: how much of the portrait's own smile stays, 0 to 1.
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
        if self.seed < 0:
            raise InputError(f"identity: seed is {self.seed}; choose 0 or more")
        if not (np.isfinite(self.face_px) and 80 <= self.face_px <= 400):
            raise InputError(f"identity: face_px is {self.face_px}; choose between 80 and 400")
        if not all(0 < c < 1 for c in self.centre):
            raise InputError(
                f"identity: centre is {self.centre}; give parts of width and height within 0 and 1"
            )
        for name in (*_SHAPE, "tone", "warmth", "brow_tilt"):
            if not abs(getattr(self, name)) <= 1.5:
                raise InputError(f"identity: {name} is {getattr(self, name)}; choose between -1.5 and 1.5")
        for name in ("smile", "light", "beard"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"identity: {name} is {getattr(self, name)}; choose between 0 and 1")
        for name in ("hair", "background"):
            colour = getattr(self, name)
            if colour is not None and (len(colour) != 3 or not all(0 <= c <= 255 for c in colour)):
                raise InputError(
                    f"identity: {name} is {colour}; give red, green and blue from 0 to 255, or none"
                )
        if not 0 <= self.skin_texture <= 5:
            raise InputError(f"identity: skin_texture is {self.skin_texture}; choose between 0 and 5")
        if not abs(self.roll_deg) <= 15:
            raise InputError(f"identity: roll_deg is {self.roll_deg}; choose between -15 and 15")

    @staticmethod
    def from_seed(
        seed: int, face_px: float | tuple[float, float] = (160.0, 300.0), portrait: Portrait | None = None
    ) -> Identity:
        """A person drawn at random: every parameter from the seed; face_px fixed or drawn from (least, most)."""
        if seed < 0:
            raise InputError(f"identity: seed is {seed}; choose 0 or more")
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
