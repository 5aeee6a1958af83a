"""Blinks, from the look of the eye windows at every frame and the eyes' openness at landmark runs."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from engines.spotting.spot import Instant

# The windows' correlation with their reference must leave its usual value by this much for a blink to begin.
_BEGINS = 0.06
# A blink: lids that shut by the landmarks, or eyes that look different altogether while the landmarks agree a little.
_SHUT, _DIFFERENT, _NARROWER = 0.62, 0.25, 0.8
_SHORTEST_S, _LONGEST_S = 0.04, 0.6
# So much of the eyes' usual look must have been seen before a blink can be told from it.
_LEARNT_S = 0.4
_USUAL_S = 3.0


class BlinkTracker:
    """Finds blinks while they happen. One `push` a frame; `shut_within` tells whether a span had one."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, float, float]] = deque(maxlen=256)
        self._usual_look: NDArray[np.float64] | None = None
        self._learnt = False
        self._openness: deque[tuple[float, float]] = deque(maxlen=256)
        self._usual_openness = 0.0
        self._calm: Instant | None = None
        self._onset: Instant | None = None
        self._apex: tuple[float, Instant] = (0.0, Instant(0, 0.0))
        self._narrowest = 1.0
        self._spans: deque[tuple[float, float]] = deque(maxlen=32)
        self._disturbed: deque[tuple[float, float]] = deque(maxlen=32)

    @property
    def disturbed(self) -> bool:
        """Whether the eyes look unlike themselves now."""
        return self._onset is not None

    @property
    def wants_openness(self) -> bool:
        """Whether the eyes' openness should be measured now: they are disturbed, or not known by their look yet."""
        return self.disturbed or not self._learnt

    def push(
        self, index: int, t_s: float, eyes: NDArray[np.float64], openness: tuple[float, float] | None
    ) -> tuple[Instant, Instant, Instant] | None:
        """Take a frame: eye windows' correlation with the reference (2,) and, when fresh, both eyes' openness.

        Returns onset, apex and offset of a blink that ended with this frame.
        """
        share = self._share(t_s, openness)
        here = Instant(index, t_s)
        self._learn_look(t_s, eyes)
        self._learnt = self._usual_look is not None and t_s - self._looks[0][0] >= _LEARNT_S
        if self._usual_look is None or not self._learnt:
            if share < _SHUT:  # too early to time a blink, not to know of one
                self._spans.append((t_s, t_s))
            return None
        away = float(np.abs(eyes - self._usual_look).min())
        if self._onset is None:
            if away < _BEGINS:
                self._calm = here
                return None
            self._onset = self._calm or here
            self._apex, self._narrowest = (away, here), share
            return None
        self._narrowest = min(self._narrowest, share)
        if away > self._apex[0]:
            self._apex = (away, here)
        if t_s - self._onset.t_s > _LONGEST_S:
            # Not a blink: the eyes have changed for good (gaze, a new reference); learn them anew.
            self.reset()
            return None
        if away >= max(_BEGINS, 0.15 * self._apex[0]):
            return None
        onset, (most, apex) = self._onset, self._apex
        self._onset, self._calm = None, here
        self._disturbed.append((onset.t_s, t_s))
        if t_s - onset.t_s < _SHORTEST_S:
            return None
        if self._narrowest < _SHUT or (most > _DIFFERENT and self._narrowest < _NARROWER):
            self._spans.append((onset.t_s, t_s))
            return onset, apex, here
        return None

    def _share(self, t_s: float, openness: tuple[float, float] | None) -> float:
        """Openness against its usual value, 1 where it was not measured on this frame."""
        if openness is None:
            return 1.0
        level = 0.5 * (openness[0] + openness[1])
        while self._openness and t_s - self._openness[0][0] > _USUAL_S:
            self._openness.popleft()
        self._openness.append((t_s, level))
        # The eyes are open most of the time, so an upper quantile is their usual opening.
        self._usual_openness = float(np.quantile([value for _, value in self._openness], 0.7))
        return level / max(self._usual_openness, 1e-6)

    def _learn_look(self, t_s: float, eyes: NDArray[np.float64]) -> None:
        """The usual look is the median of the last seconds, sampled sparsely; blinks are rare in it."""
        if self._looks and t_s - self._looks[-1][0] < 0.025:
            return
        while self._looks and t_s - self._looks[0][0] > _USUAL_S:
            self._looks.popleft()
        self._looks.append((t_s, float(eyes[0]), float(eyes[1])))
        self._usual_look = np.median([look[1:] for look in self._looks], axis=0)

    def shut_within(self, start_s: float, end_s: float) -> bool:
        """Whether a blink, ended or under way, touches the span."""
        under_way = self._onset is not None and self._onset.t_s <= end_s and self._apex[0] > _DIFFERENT
        return under_way or any(begin <= end_s and end >= start_s for begin, end in self._spans)

    def disturbed_within(self, start_s: float, end_s: float) -> bool:
        """Whether the eyes looked unlike themselves at some time of the span, shut or not."""
        under_way = self._onset is not None and self._onset.t_s <= end_s
        return under_way or any(begin <= end_s and end >= start_s for begin, end in self._disturbed)

    def reset(self) -> None:
        """Forget what is under way and how the eyes looked against the reference; their openness is kept."""
        self._looks.clear()
        self._usual_look, self._learnt = None, False
        self._onset = self._calm = None
