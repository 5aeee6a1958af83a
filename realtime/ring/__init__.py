"""Frames from one writer to many readers through shared memory; nobody waits, nothing is lost silently.

One segment: a 4096-byte header of native 64-bit integers, then ``slots`` slots of a 64-byte head (sequence,
index, t_ns, host_ns, gap, damaged) and an image. Frame number k, counted from 0, lies in slot k mod slots; its
sequence is 2k+1 while it is written and 2k+2 when whole. A reader checks the sequence before and after its
copy, so that it never hands out a torn frame and knows by how many frames it was lapped. After comma.ai's
msgq.

Memory order: aligned 64-bit stores are single stores on every supported machine; the order between a sequence
and its image is made by ``_fence``, which x86 hardly needs (its stores stay in order) and ARM needs in
earnest.
"""

import contextlib
import errno
import os
import sys
import threading
import time
import zlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from realtime.ring import segment
from realtime.ring.segment import segment_name as ring_name
from realtime.ring.wake import Waiter, wake_all

__all__ = ["END", "End", "Frame", "Image", "Lapped", "Replaced", "RingReader", "RingWriter"]
__all__ += ["born", "free_name", "free_slots", "ring_name", "unlink", "unlink_of", "unlink_stale"]

MAGIC: Final = int.from_bytes(b"apexring", sys.byteorder)
VERSION: Final = 2
HEADER_BYTES: Final = 4096
SLOT_HEAD_BYTES: Final = 64
_MAX_SIDE: Final = 16384
# fixed fields of the header, in 64-bit words
_MAGIC, _VERSION, _SIZE, _GENERATION, _SLOTS, _HEIGHT, _WIDTH, _CHANNELS, _DTYPE, _STRIDE = range(10)
_OWNER, _OWNER_BORN, _WRITER, _WRITER_BORN, _NAMESPACE, _CHECK = range(10, 16)
# fields that change, on cache lines of their own
_HEAD, _BEAT, _STATE, _FIRST, _TICKET = 64, 72, 80, 88, 96
_OPEN, _ENDED, _REPLACED = 0, 1, 2
_UINT8 = 1

Image = NDArray[np.uint8]


@dataclass(eq=False, slots=True)
class Frame:
    """One image of a source.

    ``index`` counts from 0; ``t_ns`` is the source's clock and ``host_ns`` is ``time.monotonic_ns`` at
    arrival; ``gap`` frames were lost by the driver just before it, or are missing in a recording, whose indices pass
    over them; ``image`` is uint8 (height, width, 3) BGR.
    A ``damaged`` frame shows what was not filmed: nothing is to be seen in it, or across it.
    """

    index: int
    t_ns: int
    host_ns: int
    gap: int
    image: Image
    damaged: bool = False


@dataclass(frozen=True)
class Lapped:
    """The writer overtook the reader: ``count`` frames are gone; reading goes on at the newest."""

    count: int


@dataclass(frozen=True)
class End:
    """The source has ended and every frame of it was read or counted as lapped."""


@dataclass(frozen=True)
class Replaced(End):
    """The writer died and another one took the name over: attach again."""


END: Final = End()
_REPLACED_END: Final = Replaced()

_fence_lock = threading.local()


def _fence() -> None:
    """A full memory barrier: a lock released, then taken, orders all before against all after (ARM: RCsc)."""
    try:
        lock = _fence_lock.lock
    except AttributeError:
        lock = _fence_lock.lock = threading.Lock()
        lock.acquire()
    lock.release()
    lock.acquire()


@dataclass(frozen=True)
class _Layout:
    slots: int
    height: int
    width: int

    @property
    def image_bytes(self) -> int:
        return self.height * self.width * 3

    @property
    def stride(self) -> int:
        return SLOT_HEAD_BYTES + -(-self.image_bytes // 64) * 64

    @property
    def size(self) -> int:
        return HEADER_BYTES + self.slots * self.stride


class _Mapped:
    """The header, slot heads and images of a mapped ring as native integers and arrays."""

    def __init__(self, memory: segment.Segment, layout: _Layout) -> None:
        self.memory = memory
        self.layout = layout
        self.header = memory.buffer[:HEADER_BYTES].cast("q")
        self.ticket = memory.buffer[_TICKET * 8 : _TICKET * 8 + 4].cast("I")
        starts = [HEADER_BYTES + i * layout.stride for i in range(layout.slots)]
        self.heads = [memory.buffer[s : s + 48].cast("q") for s in starts]
        shape = (layout.height, layout.width, 3)
        self.images: list[Image] = [
            np.frombuffer(memory.buffer, np.uint8, layout.image_bytes, s + SLOT_HEAD_BYTES).reshape(shape)
            for s in starts
        ]
        self.ticket_address = int(np.frombuffer(self.ticket, np.uint32).ctypes.data)

    def close(self) -> None:
        self.images.clear()
        for view in (*self.heads, self.ticket, self.header):
            view.release()
        self.heads.clear()
        self.memory.close()


class RingWriter:
    """Creates the ring ``name`` (see ``ring_name``) and writes frames into it; the only writer.

    A ring of the same name whose writer is dead is replaced and its readers are told. Raises InputError if
    another writer lives, if shared memory is too small (how many slots would fit), or on a bad size or name.
    """

    def __init__(self, name: str, slots: int, height: int, width: int) -> None:
        if not 2 <= slots <= 65536:
            raise InputError(f"ring {name}: {slots} slots; give 2 to 65536")
        if not (1 <= height <= _MAX_SIDE and 1 <= width <= _MAX_SIDE):
            raise InputError(
                f"ring {name}: frames of {width}x{height}; each side must be 1 to {_MAX_SIDE} pixels"
            )
        self.name = name
        self._layout = _Layout(slots, height, width)
        segment.check_name(name)
        generation = _take_over(name) + 1
        self._ring: _Mapped | None = _Mapped(_reserve(name, self._layout), self._layout)
        header = self._ring.header
        owner = segment.owner(name) or os.getpid()
        layout = self._layout
        fixed = (0, VERSION, layout.size, generation, slots, height, width, 3, _UINT8, layout.stride)
        whose = (owner, born(owner), os.getpid(), born(os.getpid()), segment.pid_namespace())
        for word, value in enumerate(fixed + whose):
            header[word] = value
        header[_CHECK] = _check(fixed)
        header[_BEAT] = time.monotonic_ns()
        _fence()
        header[_MAGIC] = MAGIC  # last: from here on readers may attach
        self.generation = generation
        self.count = 0  # frames written
        self._last_index = -1

    def write(self, frame: Frame) -> None:
        """Copy a frame in and wake the readers; never waits. Raises InputError on another size or index."""
        ring = self._mapped()
        k = self.count
        slot = k % self._layout.slots
        image = ring.images[slot]
        if frame.image.shape != image.shape or frame.image.dtype != np.uint8:
            raise InputError(
                f"ring {self.name}: frame {frame.index} is {frame.image.dtype} {frame.image.shape}, "
                f"the ring was made for uint8 {image.shape}; open the source again"
            )
        if k and frame.index not in (self._last_index + 1, self._last_index + 1 + frame.gap):
            raise InputError(
                f"ring {self.name}: frame {frame.index} after {self._last_index}; indices must rise by 1, or by 1 and "
                "the frames lost before"
            )
        header, head = ring.header, ring.heads[slot]
        if not k:
            header[_FIRST] = frame.index
        head[0] = 2 * k + 1
        _fence()
        head[1], head[2], head[3], head[4] = frame.index, frame.t_ns, frame.host_ns, frame.gap
        head[5] = frame.damaged
        np.copyto(image, frame.image)
        _fence()
        head[0] = 2 * k + 2
        _fence()
        header[_HEAD] = k + 1
        self.count = k + 1
        self._last_index = frame.index
        header[_BEAT] = time.monotonic_ns()
        self._ring_bell(ring)

    def beat(self) -> None:
        """Renew the heartbeat; ``write`` does it, call it while a source is silent but looked after."""
        self._mapped().header[_BEAT] = time.monotonic_ns()

    def end(self) -> None:
        """Say that no frame will follow; readers get ``End`` after the last one."""
        ring = self._mapped()
        _fence()
        ring.header[_STATE] = _ENDED
        self._ring_bell(ring)

    def close(self, unlink: bool = True) -> None:
        """Unmap and, unless told otherwise, remove the name; readers keep what they mapped. Idempotent."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None
            if unlink:
                segment.unlink(self.name)

    def _ring_bell(self, ring: _Mapped) -> None:
        _fence()
        ring.ticket[0] = (ring.ticket[0] + 1) & 0xFFFFFFFF
        wake_all(ring.ticket_address)

    def _mapped(self) -> _Mapped:
        if self._ring is None:
            raise ValueError(f"ring {self.name} is closed")
        return self._ring

    def __enter__(self) -> "RingWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RingReader:
    """Reads the ring ``name`` from its oldest frame, its newest, or from frame number ``start``.

    Waits up to ``timeout_s`` seconds for the ring to appear. Raises InputError if it does not, or if the
    segment is not a whole ring of this version. The mapping is read-only: a reader cannot disturb anybody.
    ``futex=False`` waits by short sleeps, as it is done where there is no futex.
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
        self._ring: _Mapped | None = _attach(name, timeout_s)
        header, layout = self._ring.header, self._ring.layout
        self.slots, self.height, self.width = layout.slots, layout.height, layout.width
        self.generation = header[_GENERATION]
        self._waiter = Waiter(self._ring.ticket_address, _first(self._ring.ticket), futex=futex)
        head = header[_HEAD]
        if start == "oldest":
            start = 0 if head < layout.slots else head - layout.slots + 1
        self._next = max(head - 1, 0) if start == "newest" else min(max(0, start), head)

    @property
    def head(self) -> int:
        """Frames written so far."""
        return self._mapped().header[_HEAD]

    @property
    def lag(self) -> int:
        """Frames written and not yet read."""
        return max(0, self.head - self._next)

    @property
    def position(self) -> int:
        """The number of the frame that is read next; a reader started anew at it misses nothing uncounted."""
        return self._next

    @property
    def heartbeat_age_s(self) -> float:
        """Seconds since the writer last wrote a frame or said that it lives."""
        return max(0, time.monotonic_ns() - self._mapped().header[_BEAT]) / 1e9

    @property
    def ended(self) -> bool:
        """No frame will follow: the source ended or the ring was replaced."""
        return self._mapped().header[_STATE] != _OPEN

    @property
    def is_open(self) -> bool:
        """Whether it is mapped: not after ``close``."""
        return self._ring is not None

    @property
    def writer_pid(self) -> int:
        """The process that writes."""
        return self._mapped().header[_WRITER]

    def read(self, timeout_s: float, out: Image | None = None) -> Frame | Lapped | End | None:
        """The next frame, copied into ``out`` if given; None when ``timeout_s`` seconds brought none.

        ``Lapped`` comes once for each overtaking, before the frame that follows it, and reading goes on at
        the newest frame, so that delay stays bounded; ``End`` comes for ever after the last. ``out`` is uint8
        (height, width, 3), C-contiguous; ValueError if it is not. Raises InputError if a slot is damaged.
        """
        ring = self._mapped()
        image = self._target(out)
        deadline = time.monotonic() + timeout_s
        while True:
            seen = ring.ticket[0]
            _fence()
            state = ring.header[_STATE]
            _fence()
            if self._next < ring.header[_HEAD]:
                frame = self._copy(ring, self._next, image)
                if frame is not None:
                    self._next += 1
                    return frame
                _fence()
                newest: int = ring.header[_HEAD] - 1
                if newest < self._next + self.slots - 1:  # the writer cannot have been here a second time
                    raise InputError(
                        f"ring {self.name}: slot of frame {self._next} is damaged; start capture again"
                    )
                lapped = Lapped(newest - self._next)
                self._next = newest
                return lapped
            if state != _OPEN:
                return END if state == _ENDED else _REPLACED_END
            if not self._waiter.wait(seen, deadline - time.monotonic()):
                return None

    def latest(self, out: Image | None = None) -> Frame | None:
        """The newest frame, for previews; None before the first. Does not move ``read``."""
        ring = self._mapped()
        image = self._target(out)
        for _ in range(100):  # one retry is rare; a damaged ring shall not hang us
            if (head := ring.header[_HEAD]) <= 0:
                return None
            if (frame := self._copy(ring, head - 1, image)) is not None:
                return frame
        raise InputError(f"ring {self.name}: its newest slot is damaged; start capture again")

    def read_at(self, index: int, out: Image | None = None) -> Frame | None:
        """The frame of this ``index`` if the ring still holds it, for a recorder. Does not move ``read``."""
        ring = self._mapped()
        head = ring.header[_HEAD]
        # Indices rise, by more than 1 where they pass over lost frames.
        kept = range(max(0, head - self.slots), min(head, index - ring.header[_FIRST] + 1))
        at = bisect_left(kept, index, key=lambda number: ring.heads[number % self.slots][1])
        if at == len(kept):
            return None
        frame = self._copy(ring, kept[at], self._target(out))
        return frame if frame is not None and frame.index == index else None

    def close(self) -> None:
        """Unmap. Idempotent."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _copy(self, ring: _Mapped, number: int, image: Image) -> Frame | None:
        """Frame ``number`` copied into ``image``; None if the writer has been or came over it."""
        slot = number % self.slots
        head = ring.heads[slot]
        _fence()
        if head[0] != 2 * number + 2:
            return None
        _fence()
        index, t_ns, host_ns, gap, damaged = head[1], head[2], head[3], head[4], bool(head[5])
        np.copyto(image, ring.images[slot])
        _fence()
        return Frame(index, t_ns, host_ns, gap, image, damaged) if head[0] == 2 * number + 2 else None

    def _target(self, out: Image | None) -> Image:
        if out is None:
            return np.empty((self.height, self.width, 3), np.uint8)
        if out.shape != (self.height, self.width, 3) or out.dtype != np.uint8 or not out.flags.c_contiguous:
            raise ValueError(
                f"out must be contiguous uint8 {(self.height, self.width, 3)}, got {out.dtype} {out.shape}"
            )
        return out

    def _mapped(self) -> _Mapped:
        if self._ring is None:
            raise ValueError(f"reader of ring {self.name} is closed")
        return self._ring

    def __enter__(self) -> "RingReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def unlink(name: str) -> bool:
    """Remove a ring's name, whoever made it: the backup for a killed writer. True if it was there."""
    return segment.unlink(name)


def unlink_stale() -> list[str]:
    """Remove the rings of this user whose owner and writer are both dead; the names removed."""
    return [name for name in segment.names() if _is_stale(name) and segment.unlink(name)]


def unlink_of(pid: int) -> None:
    """Remove every segment of a run; one of another container, whose main has the same process id, stays."""
    for name in list(segment.names()):
        if segment.owner(name) == pid and not _is_foreign(name):
            segment.unlink(name)


def free_name(camera: str, pid: int) -> str:
    """`ring_name`, or one beside it where another container that shares the memory has a process of that id."""
    name = ring_name(camera, pid)
    return ring_name(f"{camera}-{segment.pid_namespace()}", pid) if _is_foreign(name) else name


def free_slots(height: int, width: int) -> int | None:
    """How many slots for frames of this size shared memory has room for; None where there is no limit."""
    free = segment.free_bytes()
    return None if free is None else max(0, (free - HEADER_BYTES) // _Layout(1, height, width).stride)


def born(pid: int) -> int:
    """When a process started, in a unit that only compares; 0 if there is none (a zombie is none)."""
    if sys.platform == "linux":  # in ticks since boot: a clock that jumps does not make the living look dead
        try:
            fields = (
                Path(f"/proc/{pid}/stat")
                .read_text(encoding="utf-8", errors="replace")
                .rpartition(")")[2]
                .split()
            )
        except OSError:
            return 0
        return 0 if fields[0] in "ZXx" else int(fields[19])
    import psutil

    try:
        process = psutil.Process(pid)
        return 0 if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time())
    except psutil.NoSuchProcess:
        return 0
    except psutil.AccessDenied:
        return -1


def _check(fixed: Sequence[int]) -> int:
    return zlib.crc32(repr(tuple(fixed[_VERSION : _STRIDE + 1])).encode())


def _first(view: memoryview) -> Callable[[], int]:
    return lambda: view[0]


def _alive(pid: int, was_born: int) -> bool:
    now = born(pid)
    return now != 0 and (was_born <= 0 or now < 0 or now == was_born)


def _is_foreign(name: str) -> bool:
    try:
        memory = segment.attach(name)
    except (OSError, ValueError):
        return False
    try:
        if memory.size < HEADER_BYTES:
            return False
        words = memory.buffer[:HEADER_BYTES].cast("q")
        foreign = words[_MAGIC] == MAGIC and words[_NAMESPACE] != segment.pid_namespace()
        words.release()
        return foreign
    finally:
        memory.close()


def _is_stale(name: str) -> bool:
    owner = segment.owner(name)
    if owner is None:
        return False
    try:
        memory = segment.attach(name)
    except (OSError, ValueError):
        return owner != os.getpid() and born(owner) == 0 and not segment.is_new(name)
    try:
        words = memory.buffer[: memory.size // 8 * 8].cast("q")
        if len(words) < HEADER_BYTES // 8 or words[_MAGIC] != MAGIC:
            words.release()
            return born(owner) == 0 and not segment.is_new(name)
        # Process ids of another container say nothing here.
        ours = words[_NAMESPACE] == segment.pid_namespace()
        living = _alive(owner, words[_OWNER_BORN]) or _alive(words[_WRITER], words[_WRITER_BORN])
        words.release()
        return ours and not living
    finally:
        memory.close()


def _take_over(name: str) -> int:
    """Clear the name of a dead writer's ring, tell its readers; its generation, 0 where there was none."""
    try:
        memory = segment.attach(name, writable=True)
    except FileNotFoundError:
        segment.unlink(name)  # created but never sized
        return 0
    except OSError as error:
        raise InputError(
            f"ring {name}: shared memory cannot be opened: {error.strerror}; another user's?"
        ) from error
    try:
        generation = 0
        if memory.size >= HEADER_BYTES:
            words = memory.buffer[:HEADER_BYTES].cast("q")
            if words[_MAGIC] == MAGIC:
                writer = words[_WRITER]
                if words[_STATE] == _OPEN and _alive(writer, words[_WRITER_BORN]):
                    words.release()
                    raise InputError(f"ring {name} is being written by process {writer}; end that one first")
                generation = words[_GENERATION]
                words[_STATE] = _REPLACED
                _fence()
                ticket = memory.buffer[_TICKET * 8 : _TICKET * 8 + 4].cast("I")
                ticket[0] = (ticket[0] + 1) & 0xFFFFFFFF
                wake_all(int(np.frombuffer(ticket, np.uint32).ctypes.data))
                ticket.release()
            words.release()
    finally:
        memory.close()
    segment.unlink(name)
    return generation


def _reserve(name: str, layout: _Layout) -> segment.Segment:
    try:
        return segment.create(name, layout.size)
    except FileExistsError as error:
        raise InputError(f"ring {name} was made by another process at the same moment; try again") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.ENOMEM):
            raise InputError(f"ring {name}: shared memory cannot be made: {error.strerror}") from error
        fit = free_slots(layout.height, layout.width)
        raise InputError(
            f"ring {name}: {layout.slots} slots of {layout.width}x{layout.height} need "
            f"{layout.size / 2**20:.0f} MiB of shared memory and {fit or 0} would fit; give fewer slots or "
            "smaller frames, or enlarge /dev/shm (in a container: --shm-size=512m)"
        ) from error


def _attach(name: str, timeout_s: float) -> _Mapped:
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
                    return _Mapped(memory, layout)
            except BaseException:
                memory.close()
                raise
            memory.close()
        if time.monotonic() >= deadline:
            raise InputError(
                f"ring {name}: there is none; start the camera's capture first, or look at the name"
            )
        time.sleep(0.005)


def _read_header(name: str, memory: segment.Segment) -> _Layout | None:
    """The layout a header declares, checked against the segment; None while its writer is still at it."""
    if memory.size < HEADER_BYTES:
        raise InputError(
            f"ring {name}: {memory.size} bytes are too few for a ring; remove it and start capture again"
        )
    words = memory.buffer[:HEADER_BYTES].cast("q")
    fixed, check = words[: _STRIDE + 1].tolist(), words[_CHECK]
    words.release()
    if fixed[_MAGIC] == 0:
        return None
    _fence()
    if fixed[_MAGIC] != MAGIC:
        raise InputError(f"ring {name}: not a ring of apexcam (bad magic); remove it and start capture again")
    if fixed[_VERSION] != VERSION:
        raise InputError(
            f"ring {name}: version {fixed[_VERSION]}, not {VERSION}; run one version on both sides"
        )
    slots, height, width = fixed[_SLOTS], fixed[_HEIGHT], fixed[_WIDTH]
    sane = 2 <= slots <= 65536 and 1 <= height <= _MAX_SIDE and 1 <= width <= _MAX_SIDE
    layout = _Layout(slots, height, width)
    declared = (fixed[_SIZE], fixed[_STRIDE], fixed[_CHANNELS], fixed[_DTYPE])
    if (
        not sane
        or check != _check(fixed)
        or declared != (layout.size, layout.stride, 3, _UINT8)
        or memory.size < layout.size
    ):
        raise InputError(
            f"ring {name}: its header is damaged ({width}x{height}, {slots} slots); start capture again"
        )
    return layout
