"""Blinks, from the openness of both eyes at landmark runs and the look of the eye windows at every frame."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from engines.spotting.spot import Instant

# A lid that covers more than this share of its usual opening is a blink; below the second it has begun or not ended.
_SHUT, _CLOSING = 0.62, 0.85
_LONGEST_S = 0.6
_USUAL_S = 4.0


class BlinkTracker:
    """Finds blinks while they happen. One `push` a frame; `shut_within` tells whether a span had one."""

    def __init__(self) -> None:
        self._usual: deque[tuple[float, float]] = deque(maxlen=256)
        self._open_level = 0.0
        self._look: deque[tuple[float, float]] = deque(maxlen=64)
        self._closing: Instant | None = None
        self._lowest = (1.0, Instant(0, 0.0))
        self._open_at: Instant | None = None
        self._spans: deque[tuple[float, float]] = deque(maxlen=32)
        self.disturbed = False

    def push(
        self, index: int, t_s: float, eyes: NDArray[np.float64], openness: tuple[float, float] | None
    ) -> tuple[Instant, Instant, Instant] | None:
        """Take a frame: eye windows' correlation with the reference (2,) and, when fresh, both eyes' openness.

        Returns onset, apex and offset of a blink that ended with this frame.
        """
        look = float(eyes.min())
        while self._look and t_s - self._look[0][0] > 0.15:
            self._look.popleft()
        recent = max((value for _, value in self._look), default=look)
        self._look.append((t_s, look))
        self.disturbed = recent - look > 0.04 or self._closing is not None
        if openness is None:
            return None
        level = 0.5 * (openness[0] + openness[1])
        while self._usual and t_s - self._usual[0][0] > _USUAL_S:
            self._usual.popleft()
        self._usual.append((t_s, level))
        # The eyes are open most of the time, so an upper quantile of the last seconds is their usual opening.
        self._open_level = float(np.quantile([value for _, value in self._usual], 0.7))
        share = level / max(self._open_level, 1e-6)
        here = Instant(index, t_s)
        if share < _CLOSING:
            if self._closing is None:
                self._closing = self._open_at or here
                self._lowest = (share, here)
            elif share < self._lowest[0]:
                self._lowest = (share, here)
            return None
        self._open_at = here
        if self._closing is None:
            return None
        onset, (lowest, apex) = self._closing, self._lowest
        self._closing = None
        if lowest > _SHUT or t_s - onset.t_s > _LONGEST_S:
            return None
        self._spans.append((onset.t_s, t_s))
        return onset, apex, here

    def shut_within(self, start_s: float, end_s: float) -> bool:
        """Whether a blink, ended or under way, touches the span."""
        if self._closing is not None and self._closing.t_s <= end_s and self._lowest[0] < _CLOSING:
            return True
        return any(begin <= end_s and end >= start_s for begin, end in self._spans)

    def reset(self) -> None:
        """Forget what is under way; the usual opening is kept."""
        self._closing = None
        self._open_at = None
        self._look.clear()
