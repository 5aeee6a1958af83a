"""The messages to an open page over its web socket, and what it has received so far."""

from dataclasses import dataclass

import msgspec

from realtime import messages


class Mark(msgspec.Struct, frozen=True):
    """An event in the curves; its times are seconds of the source's clock."""

    kind: messages.Kind
    label: str | None
    onset: float
    apex: float
    offset: float


class SeenFace(msgspec.Struct, frozen=True):
    """A face to draw over the picture, in frame pixels; ``crop`` has the four corners of the crop."""

    status: str
    phase: str
    box: tuple[float, float, float, float] | None
    points: list[tuple[float, float]]
    crop: list[tuple[float, float]]


class Update(msgspec.Struct, omit_defaults=True):
    """What is new for one page; fields with their default are left out of the JSON.

    A row of ``columns`` is the time (s) and the motion of each region (crop pixels), or only the time without a face.
    ``notice`` is the text over the picture: tone, title, detail.
    """

    camera: str
    reset: bool = False
    notice: tuple[str, str, str] | None = None
    lanes: list[tuple[str, list[str]]] | None = None
    limits: list[float] | None = None
    columns: list[list[float]] = []
    marks: list[Mark] = []
    faces: list[SeenFace] | None = None
    frame: int | None = None
    size: tuple[int, int] | None = None


@dataclass
class Cursor:
    """What a page has received of a camera so far."""

    camera: str = ""
    epoch: int = -1
    column: int = 0
    mark: int = 0
    picture: int = 0
    notice: tuple[str, str, str] | None = None
