"""A video, opened: what it is, its frames one after the other, and what was wrong with it."""

from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from av.error import ExitError, FFmpegError
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from engines.errors import InputError
from engines.video.clock import Clock
from engines.video.decoding import Decoded, Decoder
from engines.video.orientation import display_matrix, turned

Image = NDArray[np.uint8]

_MOST_PIXELS: Final = 1 << 28


@dataclass(frozen=True)
class Facts:
    """What is known of a video before it is decoded.

    ``fps`` frames a second, 0 if unknown; ``advice`` one line on it, empty if there is nothing to say; ``rate`` what
    replaces its own times; ``promised`` how many frames it should hold, ``exact`` if its index lists them; ``endless``
    for a live stream; ``cut`` where the file is shorter than it says.
    """

    fps: float
    advice: str
    rate: float | None
    promised: int | None
    exact: bool
    endless: bool
    cut: bool


@dataclass(eq=False, slots=True)
class Picture:
    """A frame: ``t_ns`` from the first one on, rising; ``image`` uint8 (height, width, 3) BGR, yours to keep.

    ``lost`` frames just before it could not be decoded; a ``damaged`` one shows what was not filmed.
    """

    t_ns: int
    image: Image
    lost: int = 0
    damaged: bool = False


class Film:
    """Frames in order of presentation.

    ``width``, ``height`` pixels of every frame, turned as its file says; ``frames`` how many there will be, None where
    that is not certain. So far ``shown`` were read, ``damaged`` of them cannot be used, and ``lost`` were not decoded.
    Raises InputError, without its name, where nothing of it can be decoded.
    """

    def __init__(self, decoder: Decoder, facts: Facts) -> None:
        self.facts = facts
        self.frames = facts.promised if facts.exact and not facts.cut else None
        self.shown = self.damaged = self.lost = 0
        self._decoder = decoder
        self._clock = Clock(facts.fps, facts.rate)
        self._reformatter = VideoReformatter()
        self._matrix: tuple[int, ...] | None = None
        self._decoded = 0
        self._places: list[float] = []
        self._in_damage = self._over = self._closed = False
        self._changed = ""
        self._waiting = self._next()  # now, so that the size promised is the size delivered
        if self._waiting is None:
            raise InputError(f"no frame of it can be decoded ({decoder.codec})")
        self.height, self.width = self._waiting.image.shape[:2]

    def read(self) -> Picture | None:
        """The next frame, None at the end; see ``problem`` then."""
        picture, self._waiting = self._waiting, None
        if self._closed:
            return None
        if picture is None and not self._over:
            picture = self._next()
        if picture is None:
            self._end()
            return None
        height, width = picture.image.shape[:2]
        if (width, height) != (self.width, self.height):
            self._over = True
            self._changed = (
                f"the frame size changes from {self.width}x{self.height} to {width}x{height} at frame "
                f"{self.shown}; what came before was read"
            )
            return None
        self.shown += 1
        self.damaged += picture.damaged
        self._note(picture.lost, picture.t_ns, damaged=picture.damaged)
        return picture

    def _end(self) -> None:
        if not self._over:
            self._over = True
            if lost := self._decoder.last_lost:
                self._note(lost, self._clock.last_ns + self._clock.period_ns, damaged=True)

    def _note(self, lost: int, t_ns: int, *, damaged: bool) -> None:
        """Counts what is damaged, and the places."""
        self.lost += lost
        if (damaged or lost) and not self._in_damage:
            self._places.append(t_ns / 1e9)
        self._in_damage = damaged

    def close(self) -> None:
        """Let the file or connection go. Idempotent; nothing is read from then on."""
        self._closed = True
        self._decoder.close()

    @property
    def broken_off(self) -> bool:
        """It ended because reading failed."""
        return self._decoder.ended_by is not None

    @property
    def silent(self) -> bool:
        """It ended because nothing came for as long as was agreed."""
        return isinstance(self._decoder.ended_by, ExitError | TimeoutError)

    @property
    def problem(self) -> str:
        """What was wrong so far, without its name, in one line; empty if nothing was."""
        if self._changed:
            return self._changed
        missing = self._missing()
        problems = [part for part in (self._damage(at_end=not missing), missing) if part]
        if problems and not self.facts.endless:
            problems.append("copy the file again if you need the rest")
        return "; ".join(problems)

    def _missing(self) -> str:
        """What a file that was cut off lacks."""
        facts, error = self.facts, self._decoder.ended_by
        cut = facts.cut or (facts.exact and self._decoder.last_lost)
        if not self._over or facts.endless or not (cut or error):
            return ""
        if facts.promised is not None and self.shown >= facts.promised and not error:
            return ""
        what = "truncated or damaged" if error is None else f"could not be read further ({error.strerror})"
        of = "" if facts.promised is None else f"of {facts.promised} promised "
        seconds = (self._clock.last_ns + self._clock.period_ns) / 1e9
        return f"{what}: {self.shown} {of}frames could be read ({seconds:.2f} s)"

    def _damage(self, *, at_end: bool) -> str:
        places = self._places if at_end or not self._in_damage else self._places[:-1]
        if not places:
            return ""
        more = f" and at {len(places) - 1} more place{'s' * (len(places) > 2)}" if len(places) > 1 else ""
        count = self.damaged + self.lost
        left_out = "1 frame was" if count == 1 else f"{count} frames were"
        return f"damaged at {places[0]:.2f} s{more}: {left_out} left out and nothing is spotted across"

    def _next(self) -> Picture | None:
        try:
            decoded = self._decoder.read()
            return None if decoded is None else self._picture(decoded)
        except FFmpegError as error:
            raise InputError(f"its pictures cannot be converted ({error.strerror})") from None

    def _picture(self, decoded: Decoded) -> Picture:
        frame = decoded.frame
        if self._decoded == 0:
            self._matrix = display_matrix(frame)
        self._decoded += 1
        stamp = frame.pts if frame.pts is not None else frame.dts
        t_ns = self._clock.at(None if stamp is None else stamp * self._decoder.time_base, decoded.lost)
        return Picture(t_ns, turned(self._bgr(frame), self._matrix), decoded.lost, decoded.damaged)

    def _bgr(self, frame: av.VideoFrame) -> Image:
        if frame.width * frame.height > _MOST_PIXELS:
            raise InputError(f"frames of {frame.width}x{frame.height} pixels are too large")
        # BT.601 whatever the tags say: OpenCV's grey of it is then the luma that was filmed.
        shown = self._reformatter.reformat(
            frame,
            format="bgr24",
            interpolation=Interpolation.BICUBIC,
            src_colorspace=Colorspace.ITU601,
            dst_colorspace=Colorspace.ITU601,
            threads=1,
        )
        plane = shown.planes[0]
        rows: Image = np.frombuffer(memoryview(plane), np.uint8).reshape(shown.height, plane.line_size)
        return np.ascontiguousarray(rows[:, : shown.width * 3]).reshape(shown.height, shown.width, 3)
