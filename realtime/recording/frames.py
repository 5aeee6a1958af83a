"""The frames a recorder needs: where they are, and those of one event on their way to disk."""

import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engines.errors import InputError
from realtime import ring
from realtime.processes import wire

_LEFT_S: Final = 10.0  # events of a dead ring are over and named by then


@dataclass(eq=False)
class Job:
    """An event being recorded: frames ``first`` to ``last``, those copied and not yet written, how many are missing."""

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
        """Whether every frame was copied or is known to be missing."""
        return self.next > self.last


@dataclass(eq=False)
class Feed:
    """Where a camera's frames are: in its ring, while capture lives, and in ``left``, what a dead one still held."""

    reader: ring.RingReader
    left: dict[int, ring.Frame] = field(default_factory=dict)
    left_until: float = 0.0

    @property
    def frame_bytes(self) -> int:
        """Of one image."""
        return self.reader.height * self.reader.width * 3

    @property
    def ended(self) -> bool:
        """No frame will follow."""
        return not self.reader.is_open or self.reader.ended

    def newest(self) -> int:
        """The index of the newest frame; -1 before the first. Raises InputError if the ring is damaged."""
        frame = self.reader.latest() if self.reader.is_open else None
        return max(self.left, default=-1) if frame is None else frame.index

    def at(self, index: int) -> ring.Frame | None:
        """The frame of this index, if there still is one."""
        return self.left.get(index) or (self.reader.read_at(index) if self.reader.is_open else None)

    def detach(self, room: int) -> None:
        """Copies the newest ``room`` frames at most out of the ring and lets it go."""
        if not self.reader.is_open:
            return
        self.left = {}
        try:
            newest = self.newest()
            for index in range(newest, max(-1, newest - min(room, self.reader.slots)), -1):
                if (frame := self.reader.read_at(index)) is not None:
                    self.left[index] = frame
        except InputError:
            # A damaged ring: there is nothing to copy.
            pass
        self.left_until = time.monotonic() + _LEFT_S
        self.reader.close()
