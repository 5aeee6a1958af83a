"""How early movements were announced, and how often that was right."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from engines.pipeline import EarlyMovement, Movement


class Announced(msgspec.Struct, frozen=True):
    """A movement announced at ``frame``, before it was over; ``apex`` of the final spot once ``confirmed``."""

    frame: int
    apex: int
    confirmed: bool


class Announcements:
    """Collects them while one video is watched."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], Announced] = {}

    def hear(self, index: int, news: Iterable[EarlyMovement]) -> None:
        """What is new at a frame."""
        for one in news:
            spot = one.early.spot
            if spot is not None:
                self._open[one.face, one.early.key] = Announced(index, spot.apex.index, False)

    def confirm(self, movements: Iterable[Movement]) -> None:
        """Final movements."""
        for movement in movements:
            spot = movement.spot
            if spot.key is not None and (one := self._open.get((movement.face, spot.key))):
                self._open[movement.face, spot.key] = Announced(one.frame, spot.apex.index, True)

    def all(self) -> tuple[Announced, ...]:
        """In the order of their frames."""
        return tuple(sorted(self._open.values(), key=lambda one: one.frame))


def summary(announced: Sequence[tuple[Announced, float]], finals: int) -> dict[str, Any]:
    """Of announced movements with the frames a second of their videos: how many of ``finals`` had been announced, what
    share was confirmed, and milliseconds from the apex to the announcement of those that were.
    """
    confirmed = [(one, fps) for one, fps in announced if one.confirmed]
    after_ms = [1000 * (one.frame - one.apex) / fps for one, fps in confirmed]
    p50, p99 = (round(float(ms), 1) for ms in np.percentile(after_ms, (50, 99))) if after_ms else (None, None)
    return {
        "provisional": len(announced),
        "confirmed": len(confirmed),
        "confirmed_share": round(len(confirmed) / len(announced), 4) if announced else None,
        "finals": finals,
        "finals_announced_share": round(len(confirmed) / finals, 4) if finals else None,
        "after_apex_ms": {"p50": p50, "p99": p99},
    }
