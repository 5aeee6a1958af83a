"""The interface of every source, and what sources share: indices, increasing times, pacing."""

import abc
import contextlib
import re
import time
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, Protocol

from realtime.ring import Frame, Image

Kind = Literal["camera", "file", "url", "images", "demo"]
Pace = float | Literal["own"] | None


@dataclass(frozen=True)
class SourceInfo:
    """What a source is, and what it declares about its frames.

    ``name`` is the camera's name ([a-z0-9_-]) in topics and segments; ``width`` and ``height`` are pixels of every
    frame; ``fps`` is frames a second, 0 if unknown; ``frames`` is their number, None if endless or unknown;
    ``advice`` is one line for the user, or empty.
    """

    name: str
    spec: str
    kind: Kind
    width: int
    height: int
    fps: float
    frames: int | None
    advice: str = ""


class Source(Protocol):
    """A source of frames with indices 0, 1, 2 … and strictly increasing ``t_ns``.

    A recording that numbers its frames keeps its numbers: the index skips the ``gap`` frames that are missing.
    """

    @property
    def info(self) -> SourceInfo:
        """What the source declares; final once it is open."""

    @property
    def problem(self) -> str:
        """One line on what went wrong so far, such as a truncated file or a pace not kept; else empty."""

    @property
    def lost(self) -> bool:
        """Whether ``read`` returned None because the camera or stream went away; reopening may bring it back."""

    def read(self) -> Frame | None:
        """Waits for the next frame and returns it; None at the end and ever after."""

    def close(self) -> None:
        """Releases the device or file; ``read`` returns None from then on. Idempotent."""


@dataclass(eq=False, slots=True)
class Shot:
    """A frame as a source delivers it, see `realtime.ring.Frame` for the units.

    ``gap`` frames were lost before it; ``host_ns`` is its arrival, if known already; a ``damaged`` one does not show
    what was filmed; ``index`` is given if the source numbers its frames itself.
    """

    t_ns: int
    image: Image
    gap: int = 0
    host_ns: int | None = None
    damaged: bool = False
    index: int | None = None


class Pacer:
    """Delays frames until they are due. Deadlines count from the first frame, so that nothing drifts.

    A delay shorter than ``patience_s`` is made up for; a longer one postpones all later deadlines, so that no burst
    overruns the ring, and counts in ``behind_s``. A pause of the source longer than ``longest_s`` is not waited for
    and counts in ``skipped_s``. No frame is ever dropped. ``sleep`` waits (seconds), and may be replaced.
    """

    def __init__(
        self,
        pace: float | Literal["own"],
        *,
        patience_s: float = 0.1,
        longest_s: float = 30.0,
        clock: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.pace = pace
        self.behind_s = self.skipped_s = 0.0
        self.sleep = sleep
        self._patience_ns = int(patience_s * 1e9)
        self._longest_ns = int(longest_s * 1e9)
        self._clock = clock
        self._base: int | None = None

    def wait(self, index: int, t_ns: int) -> None:
        """Returns when the frame of this index (from 0) and source time is due."""
        due = t_ns if self.pace == "own" else round(index / self.pace * 1e9)
        now = self._clock()
        if self._base is None:
            self._base = now - due
        left = self._base + due - now
        if self.pace == "own" and left > self._longest_ns:
            self._base -= left
            self.skipped_s += left / 1e9
        elif left > 0:
            self.sleep(left / 1e9)
        elif -left > self._patience_ns:
            self._base -= left
            self.behind_s -= left / 1e9


class PacedSource(abc.ABC):
    """A base class that turns shots into frames: it numbers them, keeps their times increasing, and paces them."""

    def __init__(self, info: SourceInfo, pacer: Pacer | None = None) -> None:
        self._info = info
        self._pacer = pacer
        self._problem = ""
        self._lost = False
        self._open = True
        self._index = 0
        self._t_ns: int | None = None

    @abc.abstractmethod
    def _shoot(self) -> Shot | None:
        """The next shot; None at the end, with ``_problem`` and ``_lost`` set if it is premature."""

    @abc.abstractmethod
    def _release(self) -> None:
        """Releases the device or file; called once."""

    @property
    def info(self) -> SourceInfo:
        """See ``Source``."""
        return self._info

    @property
    def lost(self) -> bool:
        """See ``Source``."""
        return self._lost

    @property
    def problem(self) -> str:
        """See ``Source``."""
        pacer = self._pacer
        if self._problem or pacer is None:
            return self._problem
        problems = []
        if pacer.behind_s:
            rate = "its own rate" if pacer.pace == "own" else f"{pacer.pace:g} fps"
            problems.append(
                f"this machine could not keep {rate}: {pacer.behind_s:.2f} s behind, no frame dropped"
            )
        if pacer.skipped_s:
            problems.append(f"its times pause for {pacer.skipped_s:.0f} s, which were not waited for")
        return "; ".join(problems)

    @property
    def damaged(self) -> bool:
        """Whether the recording itself is truncated, or part of it cannot be decoded."""
        return bool(self._problem) and self._info.kind in ("file", "images") and not self._lost

    def read(self) -> Frame | None:
        """See ``Source``."""
        if not self._open:
            return None
        shot = self._shoot()
        if shot is None:
            self.close()
            return None
        t_ns = shot.t_ns if self._t_ns is None else max(shot.t_ns, self._t_ns + 1)
        if shot.index is not None:
            self._index = shot.index
        if self._pacer is not None:
            self._pacer.wait(self._index, t_ns)
        host_ns = time.monotonic_ns() if shot.host_ns is None else shot.host_ns
        frame = Frame(self._index, t_ns, host_ns, shot.gap, shot.image, shot.damaged)
        self._index += 1
        self._t_ns = t_ns
        return frame

    def skip(self, first: int, tick: Callable[[], object] = lambda: None) -> None:
        """Skips to index ``first`` unpaced, for a restarted capture; ``tick`` is called at each frame skipped."""
        pacer, self._pacer = self._pacer, None
        while self._index < first:
            tick()
            if self.read() is None:
                break
        self._pacer = pacer

    def wait_with(self, sleep: Callable[[float], None]) -> None:
        """Waits for due times with ``sleep`` (seconds), for a process that must send heartbeats meanwhile."""
        if self._pacer is not None:
            self._pacer.sleep = sleep

    def close(self) -> None:
        """See ``Source``."""
        if self._open:
            self._open = False
            self._release()


def pacer_for(pace: Pace) -> Pacer | None:
    """A pacer, or None for no pacing."""
    return None if pace is None else Pacer(pace)


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silences OpenCV while it tries to open something; a failure is reported by our own error."""
    import cv2

    level = cv2.getLogLevel()
    cv2.setLogLevel(0)
    try:
        yield
    finally:
        cv2.setLogLevel(level)


def camera_word(text: str) -> str:
    """A name of [a-z0-9_-] for topics and segments, from a file or device name: ``My Clip`` gives ``my-clip``.

    A name with letters of other scripts, such as Chinese, gets a checksum of the whole name, so that different files
    have different names.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    word = re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-_")[:32].rstrip("-_") or "camera"
    if not any(letter.isalnum() and not letter.isascii() for letter in plain):
        return word
    return f"{word[:27].rstrip('-_')}-{zlib.crc32(text.encode(errors='replace')) & 0xFFFF:04x}"


def path_word(path: PurePath) -> str:
    """The `camera_word` of a file or folder."""
    return camera_word(path.stem)
