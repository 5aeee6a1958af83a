"""What the camera sees: a face, its performances, how the head sways, the light and the sensor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from engines.errors import InputError
from engines.synthesis.face import MARGIN
from engines.synthesis.identity import Identity
from engines.synthesis.performance import Performance


@dataclass(frozen=True)
class Scene:
    """A take of one face.

    fps: frames a second; frame i is seen at i / fps. performances: a sequence, or anything that can be
    iterated again and again (an endless `Script`), in order of onset. sway_px: largest translation of the
    head, px of the frame; sway_deg: largest roll; breathing: largest change of scale; yaw_px: how far the tip
    of the nose moves against the sides of the face as the head turns. sway_hz: the slowest and the quickest
    rhythm of it. real_head: how much of real people's motion of the head comes on top, 0 none, 1 as measured
    (`people.HeadMotion`; heads then turn and nod in depth, and follow what a recorded performance did with
    its head). jolts: (second, px right, px down), quick moves of the head (0.15 s) to another place.
    noise: σ of the sensor noise in the grey image, grey levels. flicker: relative amplitude of the lamps'
    light, at flicker_hz (100 or 120 Hz, a little off as mains are) seen in exposures of exposure_s.
    exposure_drift: relative amplitude of slow gain changes; exposure_steps: (second, gain) from then on.
    light_drift: relative amplitude of a slow change of the light from the left against the right. jpeg:
    quality 1–100 of the camera's compression, None for none.
    """

    identity: Identity = field(default_factory=Identity)
    fps: float = 200.0
    height: int = 480
    width: int = 640
    seed: int = 0
    performances: Iterable[Performance] = ()
    sway_px: float = 0.0
    sway_deg: float = 0.0
    breathing: float = 0.0
    yaw_px: float = 0.0
    sway_hz: tuple[float, float] = (0.08, 0.7)
    real_head: float = 0.0
    jolts: tuple[tuple[float, float, float], ...] = ()
    noise: float = 0.0
    flicker: float = 0.0
    flicker_hz: float = 99.96
    exposure_s: float = 0.004
    exposure_drift: float = 0.0
    exposure_steps: tuple[tuple[float, float], ...] = ()
    light_drift: float = 0.0
    jpeg: int | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"scene: seed is {self.seed}; choose 0 or more")
        if not (np.isfinite(self.fps) and 1 <= self.fps <= 2000):
            raise InputError(f"scene: fps is {self.fps}; choose between 1 and 2000")
        if not (120 <= self.height <= 2160 and 160 <= self.width <= 3840):
            raise InputError(
                f"scene: {self.width}x{self.height} is not a frame this renders; 160x120 to 3840x2160"
            )
        if isinstance(self.performances, Iterator):
            raise InputError(
                "scene: performances is an iterator, which can be read only once; give a list or a Script"
            )
        limits = {
            "sway_px": MARGIN / 2,
            "sway_deg": 4.0,
            "breathing": 0.05,
            "yaw_px": 6.0,
            "real_head": 1.5,
            "noise": 20.0,
            "flicker": 0.5,
            "exposure_drift": 0.5,
            "light_drift": 0.5,
        }
        for name, most in limits.items():
            if not 0 <= getattr(self, name) <= most:
                raise InputError(f"scene: {name} is {getattr(self, name)}; choose between 0 and {most:g}")
        if not 0 < self.sway_hz[0] <= self.sway_hz[1] <= 5:
            raise InputError(f"scene: sway_hz is {self.sway_hz}; give (slowest, quickest) within 0 and 5 Hz")
        if not (self.flicker_hz > 0 and self.exposure_s >= 0):
            raise InputError("scene: flicker_hz must be above 0 and exposure_s not below")
        if any(gain <= 0 or not np.isfinite(gain) for _, gain in self.exposure_steps):
            raise InputError("scene: exposure_steps are (second, gain) with gains above 0")
        if not all(np.hypot(right, down) + self.sway_px <= MARGIN / 2 for _, right, down in self.jolts):
            raise InputError(
                f"scene: jolts are (second, px right, px down) of at most {MARGIN / 2:g} px, sway_px included"
            )
        if self.jpeg is not None and not 1 <= self.jpeg <= 100:
            raise InputError(f"scene: jpeg is {self.jpeg}; choose a quality from 1 to 100, or none")


@dataclass(frozen=True)
class Pose:
    """The head against its rest: translation (px), roll (rad), scale, and what the nose moves more than the
    cheeks (px).
    """

    x: float = 0.0
    y: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    yaw: float = 0.0
    pitch: float = 0.0


class Sway:
    """Head pose as a function of time: sums of incommensurate sines, smooth, never repeating within a
    session.
    """

    def __init__(self, scene: Scene) -> None:
        rng = np.random.default_rng((0x5A7, scene.seed))
        count = 5
        low, high = scene.sway_hz
        rates = low * (high / low) ** ((np.arange(count) + rng.uniform(0, 1, (6, count))) / count)
        # slower is larger, as in people who sit still; amplitudes add up to 1
        sizes = rates**-0.7 * rng.uniform(0.6, 1.4, rates.shape)
        self._sizes = sizes / sizes.sum(1, keepdims=True)
        self._rates = 2 * np.pi * rates
        self._phases = rng.uniform(0, 2 * np.pi, rates.shape)
        roll = np.deg2rad(scene.sway_deg)
        self._reach = np.array(
            [scene.sway_px, 0.7 * scene.sway_px, roll, scene.breathing, scene.yaw_px, 0.6 * scene.yaw_px]
        )
        self._still = not self._reach.any()
        self._jolts = sorted(scene.jolts)

    def __call__(self, t: float) -> Pose:
        """The pose at time t, s."""
        right = down = 0.0
        before = (0.0, 0.0)
        for start, *there in self._jolts:
            u = min(max((t - start) / 0.15, 0.0), 1.0)
            rise = u * u * u * (10 + u * (6 * u - 15))
            right += rise * (there[0] - before[0])
            down += rise * (there[1] - before[1])
            before = (there[0], there[1])
        if self._still:
            return Pose(right, down)
        x, y, roll, scale, yaw, pitch = self._reach * (
            self._sizes * np.sin(self._rates * t + self._phases)
        ).sum(1)
        return Pose(
            float(x) + right, float(y) + down, float(roll), 1 + float(scale), float(yaw), float(pitch)
        )


def gain(scene: Scene, t: float) -> float:
    """Brightness at time t relative to the scene's own: flicker, drift and steps of exposure."""
    value = 1.0
    if scene.flicker:
        seen = np.sinc(scene.flicker_hz * scene.exposure_s)
        value *= 1 + scene.flicker * float(seen * np.cos(2 * np.pi * scene.flicker_hz * t + scene.seed))
    if scene.exposure_drift:
        value *= 1 + scene.exposure_drift * float(
            0.7 * np.sin(2 * np.pi * 0.113 * t + scene.seed)
            + 0.3 * np.sin(2 * np.pi * 0.41 * t + 2 * scene.seed)
        )
    past = [step for step in scene.exposure_steps if step[0] <= t]
    if past:
        value *= max(past)[1]
    return value


def side_light(scene: Scene, t: float) -> float:
    """How much more light comes from the right than from the left at time t, relative, within ±light_drift."""
    if not scene.light_drift:
        return 0.0
    return scene.light_drift * float(np.sin(2 * np.pi * 0.09 * t + 1.7 * scene.seed))
