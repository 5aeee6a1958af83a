"""The frames a recorder needs: a camera's source of frames, and the frames of one event on their way to disk."""

import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engines.errors import InputError
from realtime import ring
from realtime.processes import wire

_REST_S: Final = 10.0  # by then every event in a dead ring has ended and is classified


@dataclass(eq=False)
class Job:
    """An event being recorded: frames ``first`` to ``last``.

    ``copied`` frames are not written yet, ``rows`` of frames.csv are; ``next`` is the index copied next, and after
    ``give_up`` (monotonic seconds) no more frames are waited for.
    """

    order: wire.Record
    folder: Path
    first: int
    last: int
    give_up: float
    next: int
    copied: deque[ring.Frame] = field(default_factory=deque)
    rows: list[tuple[int, int, str]] = field(default_factory=list)
    missing: int = 0

    @property
    def fetched(self) -> bool:
        """Whether every frame has been copied or is known to be missing."""
        return self.next > self.last


@dataclass(eq=False)
class Feed:
    """A camera's frames: its ring while capture lives, and ``rest``, copied from the ring of a capture that died."""

    reader: ring.RingReader
    rest: dict[int, ring.Frame] = field(default_factory=dict)
    rest_until: float = 0.0

    @property
    def frame_bytes(self) -> int:
        """Bytes of one image."""
        return self.reader.height * self.reader.width * 3

    @property
    def ended(self) -> bool:
        """Whether no frame will follow."""
        return not self.reader.is_open or self.reader.ended

    def newest(self) -> int:
        """The index of the newest frame; -1 before the first. Raises InputError if the ring is damaged."""
        frame = self.reader.latest() if self.reader.is_open else None
        return max(self.rest, default=-1) if frame is None else frame.index

    def at(self, index: int) -> ring.Frame | None:
        """The frame of this index, if it still exists."""
        return self.rest.get(index) or (self.reader.read_at(index) if self.reader.is_open else None)

    def detach(self, room: int) -> None:
        """Copies at most the newest ``room`` frames out of the ring and releases it."""
        if not self.reader.is_open:
            return
        self.rest = {}
        try:
            newest = self.newest()
            for index in range(newest, max(-1, newest - min(room, self.reader.slots)), -1):
                if (frame := self.reader.read_at(index)) is not None:
                    self.rest[index] = frame
        except InputError:
            # A damaged ring has nothing to copy.
            pass
        self.rest_until = time.monotonic() + _REST_S
        self.reader.close()
