"""What every spotter takes and gives: samples of one face in, spotted movements out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import Image, Matrix

Kind = Literal["micro", "macro", "blink"]
Phase = Literal["rest", "rising", "falling", "held", "blind"]


@dataclass(frozen=True)
class Sample:
    """One frame of one face.

    ``crop`` uint8 170x140; ``landmarks`` float (478, 3) in crop pixels; crops of one ``epoch`` share one transform,
    ``matrix`` (float64 2x3, crop to frame). ``landmarks`` and the ``openness`` of the left and right eye were measured
    on this frame if ``fresh``. ``t_s`` seconds of the source.
    """

    index: int
    t_s: float
    crop: Image
    landmarks: NDArray[np.floating[Any]]
    epoch: int = 0
    fresh: bool = True
    openness: tuple[float, float] = (0.3, 0.3)
    matrix: Matrix = field(default_factory=lambda: np.eye(2, 3))


@dataclass(frozen=True)
class Instant:
    """A frame by its index and its time in seconds."""

    index: int
    t_s: float


@dataclass(frozen=True)
class Spot:
    """A spotted movement. ``intensity_px``: the largest regional displacement at the apex, crop pixels.

    ``confidence`` 0..1 that there was such a movement; ``regions`` that moved, strongest first; ``reason`` in words.
    ``key``: that of the `Early` which announced it, None where none did.
    """

    kind: Kind
    onset: Instant
    apex: Instant
    offset: Instant
    intensity_px: float
    confidence: float
    regions: tuple[str, ...] = ()
    reason: str = ""
    key: int | None = None


@dataclass(frozen=True)
class Early:
    """What is said of a movement before it is over.

    ``key`` is the frame of its first onset and the same in the final spot. A ``provisional`` one has turned: ``spot``
    ends with the newest frame and its confidence is the network's, were it to go back as it came. A
    ``withdrawn`` one was not, for ``reason``.
    """

    stage: Literal["provisional", "withdrawn"]
    key: int
    spot: Spot | None = None
    reason: str = ""


@dataclass(frozen=True)
class View:
    """What a spotter sees now, for people: motion (R, 2) and threshold (R,) of its named regions, crop pixels.

    ``refused``: how often each reason, in words without numbers, made it refuse a movement so far.
    """

    phase: Phase = "blind"
    reason: str = ""
    names: tuple[str, ...] = ()
    motion: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    threshold: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    refused: Mapping[str, int] = field(default_factory=dict)


class Spotter(Protocol):
    """A streaming spotter of one face: constant work and memory a frame."""

    def push(self, sample: Sample) -> list[Spot]:
        """Take the next frame; return the movements that are complete by now."""

    def interrupt(self, reason: str) -> None:
        """The face cannot be measured: drop what is unfinished, start from rest when samples come again."""

    def flush(self) -> list[Spot]:
        """The stream ends: return what can be completed."""

    def early(self) -> list[Early]:
        """What is new since the last call about movements that are not over yet, in the order of their time."""

    def view(self) -> View:
        """The present state, for display and explanation."""

    def wants_landmarks(self) -> bool:
        """Whether fresh landmarks would help now (something happens at the eyes)."""
