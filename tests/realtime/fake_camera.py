"""A camera that behaves as cameras do: it grants less than asked, jitters, loses frames, hangs, sends rubbish, leaves.

It is opened in place of cv2.VideoCapture and lives in a time of its own (``Clock``), so that no test waits.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np


@dataclass
class Clock:
    """Nanoseconds that pass only when somebody says so."""

    now: int = 10**9

    def __call__(self) -> int:
        return self.now


@dataclass
class FakeCapture:
    clock: Clock
    grants: tuple[int, int, float] = (640, 480, 200.0)  # width, height, fps
    fourcc: str = "MJPG"
    jitter_ms: float = 0.0
    stamped: bool = True  # the driver stamps frames
    opens: bool = True
    missing: frozenset[int] = frozenset()  # numbers of frames the driver loses
    damaged: frozenset[int] = frozenset()  # that arrive and cannot be decoded
    stops_at: int | None = None  # no frame from this number on
    turns_into: tuple[int, int, int] | None = None  # from frame, width, height
    slower_from: tuple[int, float] | None = None  # from frame, fps
    jumped_ns: int = 0  # how far the driver's clock was set since
    asked: list[tuple[int, float]] = field(default_factory=list)
    released: int = 0
    _number: int = -1
    _due: float = 0.0
    _stamp: float = 0.0

    def __call__(self, index: int | str, api: int) -> "FakeCapture":
        """Open it."""
        self.opened = (index, api)
        return self

    def isOpened(self) -> bool:
        return self.opens

    def set(self, prop: int, value: float) -> bool:
        self.asked.append((prop, value))
        return True

    def get(self, prop: int) -> float:
        width, height, fps = self.grants
        return {
            cv2.CAP_PROP_FRAME_WIDTH: float(width),
            cv2.CAP_PROP_FRAME_HEIGHT: float(height),
            cv2.CAP_PROP_FPS: fps,
            cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*self.fourcc)),
            cv2.CAP_PROP_POS_MSEC: (self._stamp + self.jumped_ns) / 1e6 if self.stamped else 0.0,
        }.get(prop, 0.0)

    def grab(self) -> bool:
        if self.stops_at is not None and self._number + 1 >= self.stops_at:
            self.clock.now += 2 * 10**9  # as OpenCV waits for a frame
            return False
        while True:
            self._number += 1
            fps = self.grants[2]
            if self.slower_from and self._number >= self.slower_from[0]:
                fps = self.slower_from[1]
            self._due = (self._due or self.clock.now) + 1e9 / fps
            if self._number not in self.missing:
                break
        wobble = self.jitter_ms * 1e6 * np.sin(self._number * 2.3)
        self._stamp = self._due + wobble
        self.clock.now = max(self.clock.now, round(self._stamp + 1e6))
        return True

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        if self._number in self.damaged:
            return False, None
        width, height = self.grants[:2]
        if self.turns_into and self._number >= self.turns_into[0]:
            width, height = self.turns_into[1:]
        return True, np.full((height, width, 3), self._number % 251, np.uint8)

    def release(self) -> None:
        self.released += 1
