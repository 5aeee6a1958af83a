"""The layout of a ring's segment: words of the header, heads of the slots, images; and the memory fence."""

import sys
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from realtime.ring import segment
from realtime.ring.frame import Image

MAGIC_NUMBER: Final = int.from_bytes(b"apexring", sys.byteorder)
THIS_VERSION: Final = 2
HEADER_BYTES: Final = 4096
SLOT_HEAD_BYTES: Final = 64
MAX_SIDE: Final = 16384
# Fixed fields of the header, in 64-bit words.
MAGIC, VERSION, SIZE, GENERATION, SLOTS, HEIGHT, WIDTH, CHANNELS, DTYPE, STRIDE = range(10)
OWNER, OWNER_BORN, WRITER, WRITER_BORN, NAMESPACE, CHECK = range(10, 16)
# Fields that change, each on its own cache line.
HEAD, BEAT, STATE, FIRST, TICKET = 64, 72, 80, 88, 96
# Values of STATE.
OPEN, ENDED, REPLACED = 0, 1, 2
# The value of DTYPE.
UINT8: Final = 1

_fence_lock = threading.local()


def fence() -> None:
    """A full memory barrier: releasing a lock and acquiring it orders everything before against everything after."""
    try:
        lock = _fence_lock.lock
    except AttributeError:
        lock = _fence_lock.lock = threading.Lock()
        lock.acquire()
    lock.release()
    lock.acquire()


@dataclass(frozen=True)
class Layout:
    """The number and size of the frames, and the offsets that follow from them, in bytes."""

    slots: int
    height: int
    width: int

    @property
    def image_bytes(self) -> int:
        """Bytes of one image."""
        return self.height * self.width * 3

    @property
    def stride(self) -> int:
        """Bytes from one slot to the next."""
        return SLOT_HEAD_BYTES + -(-self.image_bytes // 64) * 64

    @property
    def size(self) -> int:
        """Bytes of the whole segment."""
        return HEADER_BYTES + self.slots * self.stride


class Mapped:
    """The header, slot heads and images of a mapped ring as native integers and arrays."""

    def __init__(self, memory: segment.Segment, layout: Layout) -> None:
        self.memory = memory
        self.layout = layout
        self.header = memory.buffer[:HEADER_BYTES].cast("q")
        self.ticket = memory.buffer[TICKET * 8 : TICKET * 8 + 4].cast("I")
        starts = [HEADER_BYTES + i * layout.stride for i in range(layout.slots)]
        self.heads = [memory.buffer[s : s + 48].cast("q") for s in starts]
        shape = (layout.height, layout.width, 3)
        self.images: list[Image] = [
            np.frombuffer(memory.buffer, np.uint8, layout.image_bytes, s + SLOT_HEAD_BYTES).reshape(shape)
            for s in starts
        ]
        self.ticket_address = int(np.frombuffer(self.ticket, np.uint32).ctypes.data)

    def close(self) -> None:
        """Unmaps the memory."""
        self.images.clear()
        for view in (*self.heads, self.ticket, self.header):
            view.release()
        self.heads.clear()
        self.memory.close()


def checksum(fixed: Sequence[int]) -> int:
    """The checksum of the fixed words of a header."""
    return zlib.crc32(repr(tuple(fixed[VERSION : STRIDE + 1])).encode())
