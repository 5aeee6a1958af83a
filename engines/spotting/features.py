"""What the learned spotter sees of a face, thirty times a second: one row of numbers, in crop pixels.

Columns: motion of the regions without the head, x and y; the head's pose; how the eyes look; openness of the eyes, gap
and width of the mouth, length of the jaw, from landmarks; how little each region looks like its reference; the
logarithm of each region's noise.
"""

from collections import deque
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.spotting.history import RunningNoise
from engines.spotting.regions import MIRRORED, NAMES

# Samples a second, whatever the camera: what learned rules see does not depend on its rate.
RATE_HZ: Final = 30.0
_HALF_S: Final = 0.5 / RATE_HZ
_R: Final = len(NAMES)
MOTION: Final = slice(0, 2 * _R)
POSE: Final = slice(MOTION.stop, MOTION.stop + 6)
EYES: Final = slice(POSE.stop, POSE.stop + 2)
SHAPE: Final = slice(EYES.stop, EYES.stop + 5)
UNLIKE: Final = slice(SHAPE.stop, SHAPE.stop + _R)
NOISE: Final = slice(UNLIKE.stop, UNLIKE.stop + 2 * _R)
COLUMNS: Final = NOISE.stop

# Noise is the running median of what rises and returns within this many samples on each side.
REACH: Final = 6
FIRST_NOISE_PX: Final = 0.03
LEAST_NOISE_PX: Final = 0.01
# Inner lips, mouth corners, chin and nose tip of FaceMesh.
_LIPS, _CORNERS, _JAW = (13, 14), (61, 291), (152, 1)
_LEAST_OPENNESS: Final = 0.02
# In a mirror across, roll and yaw change their sign; down, scale and pitch do not.
_ACROSS: Final = np.array([-1, 1], dtype=np.float32)
_POSE_SIGNS: Final = np.array([-1, 1, 1, -1, -1, 1], dtype=np.float32)


class Grid:
    """Takes values with their times, gives samples at whole multiples of 1/30 s.

    A sample is the mean over its thirtieth of a second of the line through the frames: fast cameras are averaged, slow
    ones interpolated, and lost or uneven frames fall into place.
    """

    def __init__(self) -> None:
        self._frames: deque[tuple[float, NDArray[np.float64]]] = deque()
        self._next: int | None = None

    def clear(self) -> None:
        """Begin anew with the next frame."""
        self._frames.clear()
        self._next = None

    def push(self, t_s: float, values: NDArray[np.float64]) -> list[tuple[float, NDArray[np.float64]]]:
        """Take a frame's values (C,), later than the last; return the samples complete by now with their times."""
        if self._next is None:
            self._next = int(np.ceil((t_s + _HALF_S) * RATE_HZ))
        self._frames.append((t_s, values))
        samples = []
        while (at := self._next / RATE_HZ) + _HALF_S <= t_s:
            samples.append((at, self._mean(at - _HALF_S, at + _HALF_S)))
            self._next += 1
            # One frame before the next sample's beginning stays.
            while len(self._frames) > 2 and self._frames[1][0] <= at + _HALF_S:
                self._frames.popleft()
        return samples

    def _mean(self, begin_s: float, end_s: float) -> NDArray[np.float64]:
        """Mean of the line through the frames between two times."""
        total = np.zeros_like(self._frames[0][1])
        for (t0, before), (t1, after) in zip(self._frames, list(self._frames)[1:], strict=False):
            low, high = max(begin_s, t0), min(end_s, t1)
            if high <= low:
                continue
            slope = (after - before) / (t1 - t0)
            total += (high - low) * (before + slope * (0.5 * (low + high) - t0))
        return np.asarray(total / (end_s - begin_s), dtype=np.float64)


def face_shape(landmarks: NDArray[np.floating[Any]], openness: tuple[float, float]) -> NDArray[np.float64]:
    """Openness of both eyes (logarithm), gap and width of the mouth, length of the jaw (tens of crop pixels): (5,).

    ``landmarks`` (478, 3) in crop pixels.
    """
    lengths = [
        float(np.hypot(*(landmarks[a, :2] - landmarks[b, :2]))) / 10 for a, b in (_LIPS, _CORNERS, _JAW)
    ]
    return np.array([*np.log(np.maximum(openness, _LEAST_OPENNESS)), *lengths])


class FeatureRows:
    """Rows (COLUMNS,) at thirty a second from frames at any rate."""

    def __init__(self) -> None:
        self._grid = Grid()
        self.clear()

    def clear(self) -> None:
        """Begin anew: the face was out of sight."""
        self._grid.clear()
        self._noise = RunningNoise((_R, 2), FIRST_NOISE_PX, LEAST_NOISE_PX)
        self._recent: list[NDArray[np.float64]] = []

    def push(
        self,
        t_s: float,
        motion: NDArray[np.float64],
        pose: NDArray[np.float64],
        eyes: NDArray[np.float64],
        shape: NDArray[np.float64],
        match: NDArray[np.float64],
    ) -> list[tuple[float, NDArray[np.float32]]]:
        """Take a frame: motion (R, 2), pose (6,), eye looks (2,), `face_shape` (5,), match (R,). Times and rows."""
        frame = np.concatenate([motion.ravel(), pose, eyes, shape, 1 - match])
        return [(at, self._row(values)) for at, values in self._grid.push(t_s, frame)]

    def _row(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        self._recent = [*self._recent[-2 * REACH :], values[MOTION]]
        if len(self._recent) == 2 * REACH + 1:
            bump = self._recent[REACH] - 0.5 * (self._recent[0] + self._recent[-1])
            self._noise.push(np.abs(bump).reshape(_R, 2), 1 / RATE_HZ)
        row = np.concatenate([values, np.log(self._noise.sigma).ravel()])
        return np.asarray(row, dtype=np.float32)


def mirrored(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (..., COLUMNS) as of the face seen in a mirror."""
    out = rows.copy()
    motion = rows[..., MOTION].reshape(*rows.shape[:-1], _R, 2)[..., MIRRORED, :] * _ACROSS
    out[..., MOTION] = motion.reshape(*rows.shape[:-1], 2 * _R)
    out[..., POSE] = rows[..., POSE] * _POSE_SIGNS
    out[..., EYES] = rows[..., EYES][..., ::-1]
    out[..., SHAPE] = rows[..., SHAPE][..., [1, 0, 2, 3, 4]]
    out[..., UNLIKE] = rows[..., UNLIKE][..., MIRRORED]
    noise = rows[..., NOISE].reshape(*rows.shape[:-1], _R, 2)[..., MIRRORED, :]
    out[..., NOISE] = noise.reshape(*rows.shape[:-1], 2 * _R)
    return out
