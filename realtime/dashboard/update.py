"""What goes to an open page over its web socket, and what it has so far."""

from dataclasses import dataclass

import msgspec

from realtime import messages


class Mark(msgspec.Struct, frozen=True):
    """An event in the curves: its times in seconds of the source."""

    kind: messages.Kind
    label: str | None
    onset: float
    apex: float
    offset: float


class SeenFace(msgspec.Struct, frozen=True):
    """One face to draw over the picture, in frame pixels; ``crop`` the four corners of the crop."""

    status: str
    phase: str
    box: tuple[float, float, float, float] | None
    points: list[tuple[float, float]]
    crop: list[tuple[float, float]]


class Update(msgspec.Struct, omit_defaults=True):
    """What one page does not have yet. ``columns``: time and the motion of each region; just the time: no face."""

    camera: str
    reset: bool = False
    says: tuple[str, str, str] | None = None
    lanes: list[tuple[str, list[str]]] | None = None
    limits: list[float] | None = None
    columns: list[list[float]] = []
    marks: list[Mark] = []
    faces: list[SeenFace] | None = None
    frame: int | None = None
    size: tuple[int, int] | None = None


@dataclass
class Cursor:
    """What a page has of a camera."""

    camera: str = ""
    epoch: int = -1
    column: int = 0
    mark: int = 0
    picture: int = 0
    says: tuple[str, str, str] | None = None
