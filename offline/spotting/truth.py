"""What was performed in a video, what was spotted in it, and where such videos come from."""

from collections.abc import Iterator
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

# In the order of blame when a false alarm touches several for equally long.
PERFORMED = ("micro", "macro", "speech", "laughter", "blink", "gaze", "light")
SPOTTED = ("micro", "macro", "blink")


class Interval(msgspec.Struct, frozen=True):
    """Something performed: first and last frame, and what is known of it.

    ``kind`` is one of `PERFORMED`. ``onset`` is the last frame at rest, ``offset`` the first at rest again;
    databases give the first and last frame of the movement. ``amplitude_px``: pixels of a face 200 px wide.
    """

    kind: str
    onset: int
    apex: int | None
    offset: int
    label: str | None = None
    amplitude_px: float | None = None
    aus: tuple[int, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """Something spotted, in frames; ``label`` and ``probabilities`` where it was classified.

    ``head_px``: how far the head travelled during it, pixels of the frame, where that is known.
    """

    kind: str
    onset: int
    apex: int
    offset: int
    intensity_px: float = 0.0
    confidence: float = 1.0
    label: str | None = None
    probabilities: tuple[float, ...] = ()
    regions: tuple[str, ...] = ()
    reason: str = ""
    head_px: float | None = None


class Video(Protocol):
    """A long video with its truth. Small enough to be sent to another process; frames are made or read there."""

    @property
    def name(self) -> str:
        """Unique among the videos of a run, fit for a file name."""
        ...

    @property
    def fps(self) -> float:
        """Frames a second."""
        ...

    @property
    def neutral(self) -> bool:
        """Whether it is known to hold no micro-expression, so that each one spotted is false."""
        ...

    @property
    def count(self) -> int:
        """How many frames it has."""
        ...

    def identity(self) -> str:
        """Everything its frames and truth depend on, for keeping results; equal means equal frames."""
        ...

    def performed(self) -> list[Interval]:
        """What happens in it, in order of onset."""
        ...

    def frames(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Frame numbers as the truth counts them, rising, and BGR images, uint8 (H, W, 3).

        Raises InputError where a frame cannot be read.
        """
        ...

    def time_s(self, index: int) -> float:
        """When a frame was taken, seconds; it rises with the frames."""
        ...

    def head_px(self, first: int, last: int) -> float | None:
        """How far the head travelled between two frames, pixels of the frame; None where that is unknown."""
        ...
