"""The contract of every source, and what they share: indices, rising times, pacing."""

import abc
import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, Protocol

from realtime.ring import Frame, Image

Kind = Literal["camera", "file", "url", "images", "demo"]
Pace = float | Literal["own"] | None


@dataclass(frozen=True)
class SourceInfo:
    """What a source is and promises.

    ``name`` is the camera word ([a-z0-9_-]) of topics and segments; ``width`` and ``height`` are pixels of
    every frame; ``fps`` frames a second, 0 if unknown; ``frames`` how many there will be, None if endless or
    unknown; ``advice`` one line for the user, empty if there is nothing to say.
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
    """Frames with indices 0, 1, 2 … and strictly rising ``t_ns``; after None it stays None.

    A recording that counts its frames keeps its count: the index passes over the ``gap`` frames that are missing.
    """

    @property
    def info(self) -> SourceInfo:
        """What is promised; true from the moment the source is open."""

    @property
    def problem(self) -> str:
        """What went wrong so far in one line: a truncated file, a pace not kept. Else empty."""

    @property
    def lost(self) -> bool:
        """``read`` gave None because the camera or stream went away: opening it again may bring it back."""

    def read(self) -> Frame | None:
        """The next frame, waiting for it; None at the end."""

    def close(self) -> None:
        """Let go of the device or file. Idempotent; ``read`` gives None from then on."""


@dataclass(eq=False, slots=True)
class Shot:
    """A frame as the source has it: time, image, frames lost before it, arrival if it is known already.

    ``index`` where the source counts its frames itself.
    """

    t_ns: int
    image: Image
    gap: int = 0
    host_ns: int | None = None
    index: int | None = None


class Pacer:
    """Holds frames back until their time: deadlines count from the first frame, so that nothing drifts.

    A hiccup shorter than ``patience_s`` is caught up with; a longer one moves all later deadlines, so that no
    burst overruns the ring, and is counted in ``behind_s``. No frame is ever dropped.
    """

    def __init__(
        self,
        pace: float | Literal["own"],
        *,
        patience_s: float = 0.1,
        clock: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.pace = pace
        self.behind_s = 0.0
        self._patience_ns = int(patience_s * 1e9)
        self._clock, self._sleep = clock, sleep
        self._base: int | None = None

    def wait(self, index: int, t_ns: int) -> None:
        """Return when the frame of this index (from 0) and source time is due."""
        due = t_ns if self.pace == "own" else round(index / self.pace * 1e9)
        now = self._clock()
        if self._base is None:
            self._base = now - due
        left = self._base + due - now
        if left > 0:
            self._sleep(left / 1e9)
        elif -left > self._patience_ns:
            self._base -= left
            self.behind_s -= left / 1e9


class PacedSource(abc.ABC):
    """A source made of shots: gives them indices, makes their times rise, paces them."""

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
        """The next shot; None at the end, ``_problem`` and ``_lost`` set if it is a bad one."""

    @abc.abstractmethod
    def _release(self) -> None:
        """Let go; called once."""

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
        if self._problem or self._pacer is None or self._pacer.behind_s == 0:
            return self._problem
        rate = "its own rate" if self._pacer.pace == "own" else f"{self._pacer.pace:g} fps"
        return f"this machine could not keep {rate}: {self._pacer.behind_s:.2f} s behind, no frame dropped"

    @property
    def damaged(self) -> bool:
        """The problem is the recording's own: it is truncated or part of it cannot be decoded."""
        return bool(self._problem) and self._info.kind in ("file", "images")

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
        frame = Frame(self._index, t_ns, host_ns, shot.gap, shot.image)
        self._index += 1
        self._t_ns = t_ns
        return frame

    def skip(self, first: int) -> None:
        """Go on at index ``first`` without waiting for the times before: a capture that starts again does so."""
        pacer, self._pacer = self._pacer, None
        while self._index < first:
            if self.read() is None:
                break
        self._pacer = pacer

    def close(self) -> None:
        """See ``Source``."""
        if self._open:
            self._open = False
            self._release()


def pacer_for(pace: Pace) -> Pacer | None:
    """A pacer, or None for as fast as it goes."""
    return None if pace is None else Pacer(pace)


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """What OpenCV would print while it fails to open something is said by our own error."""
    import cv2

    level = cv2.getLogLevel()
    cv2.setLogLevel(0)
    try:
        yield
    finally:
        cv2.setLogLevel(level)


def camera_word(text: str) -> str:
    """A name of [a-z0-9_-] for topics and segments, from a file name or device: ``My Clip.mp4`` gives ``my-clip``."""
    word = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    return word[:32].rstrip("-_") or "camera"


def path_word(path: PurePath) -> str:
    """The camera word of a file or folder."""
    return camera_word(path.stem)
