"""Times of frames: those of the file, made to rise."""

from fractions import Fraction
from typing import Final

USUAL_FPS: Final = 25.0


class Clock:
    """Presentation times from the first frame on, nanoseconds.

    ``fps`` is the usual rate, 0 where it is unknown; ``rate`` replaces the file's own times by number / rate.
    """

    def __init__(self, fps: float, rate: float | None) -> None:
        self.period_ns = round(1e9 / (fps or USUAL_FPS))
        self.last_ns = -self.period_ns
        self._rate = rate
        self._number = -1
        self._zero: Fraction | None = None
        self._shift_ns = 0

    def at(self, stamp_s: Fraction | None, lost: int = 0) -> int:
        """The time of the next frame, ``lost`` frames after the last one.

        A frame without a time stamp, or one whose stamp does not rise, comes a usual period after its predecessor,
        and what follows it keeps its distance.
        """
        self._number += 1 + lost
        if self._rate:
            t_ns = round(self._number / self._rate * 1e9)
        elif stamp_s is None:
            t_ns = self.last_ns + (1 + lost) * self.period_ns
        else:
            self._zero = stamp_s if self._zero is None else self._zero
            t_ns = round((stamp_s - self._zero) * 1_000_000_000) + self._shift_ns
            if t_ns <= self.last_ns:
                late_ns = self.last_ns + self.period_ns - t_ns
                self._shift_ns += late_ns
                t_ns += late_ns
        self.last_ns = t_ns
        return t_ns
