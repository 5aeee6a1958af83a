"""Blinks, from the look of the eye windows at every frame and the eyes' openness at landmark runs.

Lids that fall and stay down (a glance at one's hands, eyes held closed) make two: one that ends where they have come to
rest, and one when they open.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from engines.spotting.spot import Instant

Blink = tuple[Instant, Instant, Instant]

# The windows' correlation with their reference must leave its usual value by this much for a blink to begin.
_BEGINS = 0.06
# Openness in parts of the usual. A blink: lids that shut by the landmarks, or eyes that look different altogether while
# the landmarks agree a little. They are open again above the third, and at once above the fourth.
_SHUT, _NARROWER, _OPEN, _WIDE = 0.62, 0.8, 0.75, 0.9
_DIFFERENT = 0.25
_SHORTEST_S, _LONGEST_S = 0.04, 0.6
# What is left of a blink once the lids are nearly open.
_LAST_S = 0.12
# Lids have come to rest after so long; shut ones stir by this much.
_DOWN_S, _STIRRED = 0.2, 0.08
# So much of the eyes' usual look must have been seen before a blink can be distinguished from it.
_LEARNT_S = 0.4
_USUAL_LOOK_S, _USUAL_OPENNESS_S = 3.0, 12.0


class BlinkTracker:
    """Finds blinks while they happen. One `push` a frame; `shut_within` says whether a span had one."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, float, float]] = deque(maxlen=256)
        self._openness: deque[tuple[float, float]] = deque(maxlen=512)
        self._usual_openness = 0.0
        self._spans: deque[tuple[float, float]] = deque(maxlen=32)
        self._disturbed: deque[tuple[float, float]] = deque(maxlen=32)
        self.reset()

    def reset(self) -> None:
        """Forget what is under way and how the eyes looked against the reference; their openness is kept."""
        self._looks.clear()
        self._usual_look: NDArray[np.float64] | None = None
        self._calm: Instant | None = None
        self._share = 1.0
        self._down: deque[tuple[float, Instant]] | None = None
        self._end()

    def _end(self) -> None:
        self._onset: Instant | None = None
        self._apex: tuple[float, Instant] = (0.0, Instant(0, 0.0))
        self._narrowest, self._most = 1.0, 0.0
        self._reopened_s: float | None = None
        self._rest: Instant | None = None

    @property
    def disturbed(self) -> bool:
        """Whether the eyes look unlike themselves now, or are shut."""
        return self._onset is not None or self._down is not None

    @property
    def wants_openness(self) -> bool:
        """Whether the eyes' openness should be measured now: they are disturbed, or not known by their look yet."""
        return self.disturbed or self._usual_look is None

    def push(
        self, index: int, t_s: float, eyes: NDArray[np.float64], openness: tuple[float, float] | None
    ) -> Blink | None:
        """Take a frame: eye windows' correlation with the reference (2,) and, when fresh, both eyes' openness.

        Returns onset, apex and offset of a blink that ended with this frame.
        """
        here = Instant(index, t_s)
        if openness is not None:
            self._share = self._share_of(t_s, openness)
        if self._down is not None:
            return None if openness is None else self._opened(here, self._down)
        away = self._learn_look(t_s, eyes)
        if self._onset is None:
            if away < _BEGINS and self._share >= _SHUT:
                self._calm = here
                return None
            self._onset = self._calm or here
            self._apex, self._narrowest, self._most = (min(away, 1.0), here), self._share, away
            return None
        self._narrowest = min(self._narrowest, self._share)
        self._most = max(self._most, away)
        # How far a blink has come the lids say, where they shut; else the look.
        height = 2 - self._share if openness is not None and self._share < _SHUT else min(away, 1.0)
        if height > self._apex[0] + _STIRRED / 2:
            self._apex = (height, here)
        lasted = t_s - self._onset.t_s
        if self._rest is None and lasted >= _DOWN_S:
            self._rest = here
        if lasted > _LONGEST_S:
            return self._stayed(self._onset)
        calm = self._usual_look is not None and away < max(_BEGINS, 0.15 * self._most)
        if self._narrowest < _SHUT:
            if self._share >= _OPEN and self._reopened_s is None:
                self._reopened_s = t_s
            late = self._reopened_s is not None and t_s - self._reopened_s >= _LAST_S
            if self._share < _OPEN or not (calm or late or self._share >= _WIDE):
                return None
        elif not calm:
            return None
        return self._closed_and_opened(self._onset, here)

    def _closed_and_opened(self, onset: Instant, here: Instant) -> Blink | None:
        (_, apex), most, narrowest = self._apex, self._most, self._narrowest
        self._end()
        self._calm = here
        self._disturbed.append((onset.t_s, here.t_s))
        if here.t_s - onset.t_s < _SHORTEST_S:
            return None
        if narrowest < _SHUT or (most > _DIFFERENT and narrowest < _NARROWER):
            self._spans.append((onset.t_s, here.t_s))
            return onset, apex, here
        return None

    def _stayed(self, onset: Instant) -> Blink | None:
        """The eyes have changed for good: their look is learned anew. Lids that fell and are down are a blink."""
        (_, apex), rest, fell = self._apex, self._rest, self._narrowest < _SHUT and self._share < _OPEN
        self.reset()
        self._disturbed.append((onset.t_s, onset.t_s + _LONGEST_S))
        if not fell or rest is None:
            return None
        self._down = deque()
        self._spans.append((onset.t_s, rest.t_s))
        return onset, apex if onset.t_s < apex.t_s < rest.t_s else onset, rest

    def _opened(self, here: Instant, before: deque[tuple[float, Instant]]) -> Blink | None:
        """Lids that were down: the blink with which they open, once they have."""
        share = self._share
        if share <= _OPEN:
            before.append((share, here))
            while here.t_s - before[0][1].t_s > _DOWN_S:
                before.popleft()
            return None
        self.reset()
        if not before:
            return None
        # The last frame on which they were as good as shut.
        least = min(share for share, _ in before)
        apex = next(at for share, at in reversed(before) if share <= least + _STIRRED)
        onset = next((at for _, at in before if at.t_s >= apex.t_s - _DOWN_S / 2), apex)
        self._spans.append((onset.t_s, here.t_s))
        return onset, apex, here

    def _share_of(self, t_s: float, openness: tuple[float, float]) -> float:
        """Openness against its usual value."""
        level = 0.5 * (openness[0] + openness[1])
        while self._openness and t_s - self._openness[0][0] > _USUAL_OPENNESS_S:
            self._openness.popleft()
        self._openness.append((t_s, level))
        # The eyes are open most of the time, so an upper quantile is their usual opening.
        self._usual_openness = float(np.quantile([value for _, value in self._openness], 0.7))
        return level / max(self._usual_openness, 1e-6)

    def _learn_look(self, t_s: float, eyes: NDArray[np.float64]) -> float:
        """How far the look is from the usual one, 0 until that is known: the median of the last seconds."""
        if not self._looks or t_s - self._looks[-1][0] >= 0.025:
            while self._looks and t_s - self._looks[0][0] > _USUAL_LOOK_S:
                self._looks.popleft()
            self._looks.append((t_s, float(eyes[0]), float(eyes[1])))
            if t_s - self._looks[0][0] >= _LEARNT_S:
                # Blinks are rare in it.
                self._usual_look = np.median([look[1:] for look in self._looks], axis=0)
        return 0.0 if self._usual_look is None else float(np.abs(eyes - self._usual_look).min())

    def shut_within(self, start_s: float, end_s: float) -> bool:
        """Whether a blink, ended or under way, touches the span."""
        under_way = self._onset is not None and self._onset.t_s <= end_s and self._most > _DIFFERENT
        return (
            under_way
            or self._down is not None
            or any(begin <= end_s and end >= start_s for begin, end in self._spans)
        )

    def disturbed_within(self, start_s: float, end_s: float) -> bool:
        """Whether the eyes looked unlike themselves at some time of the span, shut or not."""
        under_way = self._onset is not None and self._onset.t_s <= end_s
        return under_way or any(begin <= end_s and end >= start_s for begin, end in self._disturbed)
