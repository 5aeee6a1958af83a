"""A reader of a ring, one of many."""

import contextlib
import time
from bisect import bisect_left
from collections.abc import Callable
from typing import Literal

import numpy as np

from engines.errors import InputError
from realtime.ring import layout as at
from realtime.ring import segment
from realtime.ring.frame import END, REPLACED_END, End, Frame, Image, Lapped
from realtime.ring.layout import Layout, Mapped, checksum, fence
from realtime.ring.wake import Waiter


class RingReader:
    """Reads the ring ``name`` from its oldest frame, its newest, or from frame number ``start``.

    Waits up to ``timeout_s`` seconds for the ring to appear. Raises InputError if it does not, or if the segment is
    not a valid ring of this version. The mapping is read-only: a reader cannot disturb the writer or other readers.
    ``futex=False`` waits by short sleeps, as on systems without futexes.
    """

    def __init__(
        self,
        name: str,
        start: int | Literal["oldest", "newest"] = "oldest",
        *,
        timeout_s: float = 0.0,
        futex: bool = True,
    ) -> None:
        self.name = name
        self._ring: Mapped | None = _attach(name, timeout_s)
        header, layout = self._ring.header, self._ring.layout
        self.slots, self.height, self.width = layout.slots, layout.height, layout.width
        self.generation = header[at.GENERATION]
        self._waiter = Waiter(self._ring.ticket_address, _first(self._ring.ticket), futex=futex)
        head = header[at.HEAD]
        if start == "oldest":
            start = 0 if head < layout.slots else head - layout.slots + 1
        self._next = max(head - 1, 0) if start == "newest" else min(max(0, start), head)

    @property
    def head(self) -> int:
        """Frames written so far."""
        return self._mapped().header[at.HEAD]

    @property
    def lag(self) -> int:
        """Frames written and not yet read."""
        return max(0, self.head - self._next)

    @property
    def position(self) -> int:
        """The number of the next frame; a new reader that starts there misses no frame uncounted."""
        return self._next

    @property
    def heartbeat_age_s(self) -> float:
        """Seconds since the writer's last frame or heartbeat."""
        return max(0, time.monotonic_ns() - self._mapped().header[at.BEAT]) / 1e9

    @property
    def ended(self) -> bool:
        """Whether no frame will follow: the source ended or the ring was replaced."""
        return self._mapped().header[at.STATE] != at.OPEN

    @property
    def is_open(self) -> bool:
        """Whether it is mapped, which ends with ``close``."""
        return self._ring is not None

    def read(self, timeout_s: float, out: Image | None = None) -> Frame | Lapped | End | None:
        """The next frame, copied into ``out`` if given; None if none came within ``timeout_s`` seconds.

        ``Lapped`` comes once each time the writer overtakes, and reading continues at the newest frame, so that the
        delay stays bounded; after the last frame every call returns ``End``. ``out`` is C-contiguous uint8 (height,
        width, 3), otherwise ValueError is raised. Raises InputError if a slot is damaged.
        """
        ring = self._mapped()
        image = self._target(out)
        deadline = time.monotonic() + timeout_s
        while True:
            seen = ring.ticket[0]
            fence()
            state = ring.header[at.STATE]
            fence()
            if self._next < ring.header[at.HEAD]:
                frame = self._copy(ring, self._next, image)
                if frame is not None:
                    self._next += 1
                    return frame
                fence()
                newest: int = ring.header[at.HEAD] - 1
                if newest < self._next + self.slots - 1:  # the writer cannot have reached this slot again
                    raise InputError(
                        f"ring {self.name}: slot of frame {self._next} is damaged; start capture again"
                    )
                lapped = Lapped(newest - self._next)
                self._next = newest
                return lapped
            if state != at.OPEN:
                return END if state == at.ENDED else REPLACED_END
            if not self._waiter.wait(seen, deadline - time.monotonic()):
                return None

    def latest(self, out: Image | None = None) -> Frame | None:
        """The newest frame, for previews; None before the first. Does not affect ``read``.

        Raises InputError if its slot is damaged.
        """
        ring = self._mapped()
        image = self._target(out)
        for _ in range(100):  # even one retry is rare; bounded because of damaged rings
            if (head := ring.header[at.HEAD]) <= 0:
                return None
            if (frame := self._copy(ring, head - 1, image)) is not None:
                return frame
        raise InputError(f"ring {self.name}: its newest slot is damaged; start capture again")

    def read_at(self, index: int, out: Image | None = None) -> Frame | None:
        """The frame of this ``index`` if the ring still holds it, for a recorder. Does not affect ``read``."""
        ring = self._mapped()
        head = ring.header[at.HEAD]
        # Indices increase, by more than 1 where frames were lost.
        kept = range(max(0, head - self.slots), min(head, index - ring.header[at.FIRST] + 1))
        place = bisect_left(kept, index, key=lambda number: ring.heads[number % self.slots][1])
        if place == len(kept):
            return None
        frame = self._copy(ring, kept[place], self._target(out))
        return frame if frame is not None and frame.index == index else None

    def close(self) -> None:
        """Unmaps the ring. Idempotent."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _copy(self, ring: Mapped, number: int, image: Image) -> Frame | None:
        """Frame ``number`` copied into ``image``; None if the writer overwrote it, before or during the copy."""
        slot = number % self.slots
        head = ring.heads[slot]
        fence()
        if head[0] != 2 * number + 2:
            return None
        fence()
        index, t_ns, host_ns, gap, damaged = head[1], head[2], head[3], head[4], bool(head[5])
        np.copyto(image, ring.images[slot])
        fence()
        return Frame(index, t_ns, host_ns, gap, image, damaged) if head[0] == 2 * number + 2 else None

    def _target(self, out: Image | None) -> Image:
        if out is None:
            return np.empty((self.height, self.width, 3), np.uint8)
        if out.shape != (self.height, self.width, 3) or out.dtype != np.uint8 or not out.flags.c_contiguous:
            raise ValueError(
                f"out must be contiguous uint8 {(self.height, self.width, 3)}, got {out.dtype} {out.shape}"
            )
        return out

    def _mapped(self) -> Mapped:
        if self._ring is None:
            raise ValueError(f"reader of ring {self.name} is closed")
        return self._ring

    def __enter__(self) -> "RingReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _first(view: memoryview) -> Callable[[], int]:
    return lambda: view[0]


def _attach(name: str, timeout_s: float) -> Mapped:
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(FileNotFoundError):
            try:
                memory = segment.attach(name)
            except PermissionError as error:
                raise InputError(f"ring {name} belongs to another user; run as that user") from error
            try:
                layout = _read_header(name, memory)
                if layout is not None:
                    return Mapped(memory, layout)
            except BaseException:
                memory.close()
                raise
            memory.close()
        if time.monotonic() >= deadline:
            raise InputError(
                f"ring {name}: there is none; start the camera's capture first, or check the name"
            )
        time.sleep(0.005)


def _read_header(name: str, memory: segment.Segment) -> Layout | None:
    """The layout that a header declares, checked against the segment; None while it is still being written."""
    if memory.size < at.HEADER_BYTES:
        raise InputError(
            f"ring {name}: {memory.size} bytes are too few for a ring; remove it and start capture again"
        )
    words = memory.buffer[: at.HEADER_BYTES].cast("q")
    fixed, check = words[: at.STRIDE + 1].tolist(), words[at.CHECK]
    words.release()
    if fixed[at.MAGIC] == 0:
        return None
    fence()
    if fixed[at.MAGIC] != at.MAGIC_NUMBER:
        raise InputError(f"ring {name}: not a ring of apexcam (bad magic); remove it and start capture again")
    if fixed[at.VERSION] != at.THIS_VERSION:
        raise InputError(
            f"ring {name}: version {fixed[at.VERSION]}, not {at.THIS_VERSION}; run one version on both sides"
        )
    slots, height, width = fixed[at.SLOTS], fixed[at.HEIGHT], fixed[at.WIDTH]
    sane = 2 <= slots <= 65536 and 1 <= height <= at.MAX_SIDE and 1 <= width <= at.MAX_SIDE
    layout = Layout(slots, height, width)
    declared = (fixed[at.SIZE], fixed[at.STRIDE], fixed[at.CHANNELS], fixed[at.DTYPE])
    if (
        not sane
        or check != checksum(fixed)
        or declared != (layout.size, layout.stride, 3, at.UINT8)
        or memory.size < layout.size
    ):
        raise InputError(
            f"ring {name}: its header is damaged ({width}x{height}, {slots} slots); start capture again"
        )
    return layout
