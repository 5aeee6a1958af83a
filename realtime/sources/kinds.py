"""The table of all kinds of sources."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from realtime.sources.base import Pace, Source


@dataclass(frozen=True)
class Request:
    """What is requested from a source, see `realtime.sources.open_source`; None leaves it to the source."""

    fps: float | None = None
    width: int | None = None
    height: int | None = None
    pace: Pace = None
    rate: float | None = None


@dataclass(frozen=True)
class SourceKind:
    """A row of the table.

    ``takes_size``: size and rate can be requested, otherwise the source has its own. ``paces_itself``: frames come in
    real time, otherwise a live run paces them. ``open`` raises InputError for what cannot be opened.
    """

    name: str
    title: str
    takes_size: bool
    paces_itself: bool
    open: Callable[[str, Request], Source]


def _demo(spec: str, request: Request) -> Source:
    from realtime.sources.demo import open_demo

    return open_demo(spec, fps=request.fps, width=request.width, height=request.height, pace=request.pace)


def _url(spec: str, request: Request) -> Source:
    from realtime.sources.video import open_url

    return open_url(spec, pace=request.pace, rate=request.rate)


def _images(spec: str, request: Request) -> Source:
    from realtime.sources.images import open_images

    return open_images(spec, pace=request.pace, rate=request.rate)


def _file(spec: str, request: Request) -> Source:
    from realtime.sources.video import open_video

    return open_video(spec, pace=request.pace, rate=request.rate)


def _camera(spec: str, request: Request) -> Source:
    from realtime.sources.camera import open_camera

    return open_camera(spec, fps=request.fps, width=request.width, height=request.height)


_ROWS: Final = (
    SourceKind("demo", "the rendered face: demo, demo:SEED", True, False, _demo),
    SourceKind("url", "a stream or a file behind a URL", False, False, _url),
    SourceKind("images", "a folder of images", False, False, _images),
    SourceKind("file", "a video file", False, False, _file),
    SourceKind("camera", "a camera by index, device or name", True, True, _camera),
)
KINDS: Final = {row.name: row for row in _ROWS}
