"""A rendered face with known micro-expressions as a source."""

from collections.abc import Callable
from typing import Protocol

from engines.errors import InputError
from realtime.ring import Image
from realtime.sources.base import Pace, PacedSource, Pacer, Shot, SourceInfo, pacer_for


class Renders(Protocol):
    """The interface of a renderer."""

    def frame(self, i: int) -> Image:
        """Frame ``i``, counted from 0, as uint8 (height, width, 3) BGR."""


class RenderedSource(PacedSource):
    """Frames of a renderer, ``t_ns`` = index / fps; endless unless ``info.frames`` bounds it."""

    def __init__(self, renderer: Renders, info: SourceInfo, pacer: Pacer | None) -> None:
        super().__init__(info, pacer)
        self.renderer = renderer

    def _shoot(self) -> Shot | None:
        if self.info.frames is not None and self._index >= self.info.frames:
            return None
        return Shot(round(self._index / self.info.fps * 1e9), self.renderer.frame(self._index))

    def skip(self, first: int, tick: Callable[[], object] = lambda: None) -> None:
        """See ``PacedSource``; skipped frames are not rendered."""
        self._index = max(self._index, first)

    def _release(self) -> None:
        pass


def open_demo(
    spec: str,
    *,
    fps: float | None = None,
    width: int | None = None,
    height: int | None = None,
    pace: Pace = None,
) -> RenderedSource:
    """Opens ``demo`` or ``demo:SEED``, by default at 200 fps and 640x480. Raises InputError for a bad seed or size."""
    from engines.synthesis import demo

    word, colon, seed = spec.partition(":")
    if word != "demo" or (colon and not seed.isdecimal()):
        raise InputError(f"{spec}: expected demo or demo:SEED, for example demo:7")
    fps, width, height = fps or 200.0, width or 640, height or 480
    if not (64 <= width <= 4096 and 64 <= height <= 4096):
        raise InputError(f"demo of {width}x{height}: each side must be 64 to 4096 pixels")
    number = int(seed or 0)
    info = SourceInfo(f"demo-{number}" if number else "demo", spec, "demo", width, height, fps, None)
    return RenderedSource(demo(fps, width, height, seed=number), info, pacer_for(pace))
