"""From the light of a scene to grey levels: exposure, side light, noise, compression."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from engines.synthesis.face import Face
from engines.synthesis.scene import Scene, gain, side_light

UInt8 = npt.NDArray[np.uint8]


class Sensor:
    """The camera of a scene."""

    def __init__(self, scene: Scene, face: Face) -> None:
        self._scene = scene
        self._noise = _noise_bank(scene) if scene.noise else None
        self._veil = None
        if scene.light_drift:
            middle = float(face.landmarks[:, 0].mean())
            side = np.clip((np.arange(scene.width, dtype=np.float32) - middle) / (140 * face.unit), -1, 1)
            soft = cv2.GaussianBlur(face.still, (0, 0), 6 * face.unit).astype(np.float32)
            self._veil = np.round(128 + 0.5 * soft * side[None, :, None]).clip(0, 255).astype(np.uint8)

    def expose(self, image: UInt8, i: int) -> None:
        """Turns frame i, uint8 (height, width, 3), into what the camera delivers of it, in place."""
        scene, t = self._scene, i / self._scene.fps
        level = gain(scene, t)
        if self._veil is not None:
            tilt = 2 * side_light(scene, t) * level
            cv2.addWeighted(image, level, self._veil, tilt, -128 * tilt, dst=image)
        elif level != 1.0:
            cv2.convertScaleAbs(image, dst=image, alpha=level)
        if self._noise is not None:
            brighter, darker = self._noise
            start = 3 * (_scramble(scene.seed, i) % ((brighter.size - image.size) // 3))
            shape = image.shape
            cv2.add(image, brighter[start : start + image.size].reshape(shape), dst=image)
            cv2.subtract(image, darker[start : start + image.size].reshape(shape), dst=image)
        if scene.jpeg is not None:
            _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, scene.jpeg])
            image[:] = cv2.imdecode(coded, cv2.IMREAD_COLOR)


def _scramble(seed: int, i: int) -> int:
    """A well-mixed 64-bit number of (seed, i): splitmix64."""
    z = (seed * 0xD1342543DE82EF95 + (i + 1) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return z ^ (z >> 31)


def _noise_bank(scene: Scene) -> tuple[UInt8, UInt8]:
    """Noise to add and noise to subtract, uint8, a frame and a third long: each frame reads it from another
    place.

    Mostly brightness noise, as cameras deliver after demosaicing; σ of the grey image is scene.noise.
    """
    rng = np.random.default_rng((0x4015E, scene.seed))
    pixels = scene.height * scene.width * 4 // 3 + 4096
    common = rng.standard_normal((pixels, 1), np.float32)
    own = rng.standard_normal((pixels, 3), np.float32)
    weights = np.array([0.114, 0.587, 0.299], np.float32)
    part = 0.9 * common + 0.652 * own
    # rounding to whole grey levels adds noise of its own: choose the factor that gives the σ asked for
    low, high = 0.0, 2.0
    probe = part[:40000]
    for _ in range(24):
        factor = (low + high) / 2
        grey = np.round(factor * scene.noise * probe) @ weights
        low, high = (factor, high) if grey.std() < scene.noise else (low, factor)
    whole = np.round(factor * scene.noise * part).ravel()
    return np.clip(whole, 0, 255).astype(np.uint8), np.clip(-whole, 0, 255).astype(np.uint8)
