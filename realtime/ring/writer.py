"""The one writer of a ring."""

import errno
import os
import time

import numpy as np

from engines.errors import InputError
from realtime.ring import layout as at
from realtime.ring import segment
from realtime.ring.frame import Frame
from realtime.ring.layout import Layout, Mapped, checksum, fence
from realtime.ring.owners import born, free_slots, is_alive
from realtime.ring.wake import wake_all


class RingWriter:
    """Creates the ring ``name`` (see ``ring_name``) and writes frames into it; the only writer.

    A ring of the same name whose writer is dead is replaced, and its readers get `Replaced`. Raises InputError if
    another writer is alive, if shared memory is too small (with the slots that would fit), or for a bad size or name.
    """

    def __init__(self, name: str, slots: int, height: int, width: int) -> None:
        if not 2 <= slots <= 65536:
            raise InputError(f"ring {name}: {slots} slots; give 2 to 65536")
        if not (1 <= height <= at.MAX_SIDE and 1 <= width <= at.MAX_SIDE):
            raise InputError(
                f"ring {name}: frames of {width}x{height}; each side must be 1 to {at.MAX_SIDE} pixels"
            )
        self.name = name
        self._layout = Layout(slots, height, width)
        segment.check_name(name)
        generation = take_over(name) + 1
        self._ring: Mapped | None = Mapped(_reserve(name, self._layout), self._layout)
        header = self._ring.header
        owner = segment.owner(name) or os.getpid()
        layout = self._layout
        fixed = (
            0,
            at.THIS_VERSION,
            layout.size,
            generation,
            slots,
            height,
            width,
            3,
            at.UINT8,
            layout.stride,
        )
        processes = (owner, born(owner), os.getpid(), born(os.getpid()), segment.pid_namespace())
        for word, value in enumerate(fixed + processes):
            header[word] = value
        header[at.CHECK] = checksum(fixed)
        header[at.BEAT] = time.monotonic_ns()
        fence()
        header[at.MAGIC] = at.MAGIC_NUMBER  # last, because from here on readers may attach
        self.generation = generation
        self.count = 0  # frames written
        self._last_index = -1

    def write(self, frame: Frame) -> None:
        """Copies a frame in and wakes the readers; never waits. Raises InputError for a wrong size or index."""
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
            header[at.FIRST] = frame.index
        head[0] = 2 * k + 1
        fence()
        head[1], head[2], head[3], head[4] = frame.index, frame.t_ns, frame.host_ns, frame.gap
        head[5] = frame.damaged
        np.copyto(image, frame.image)
        fence()
        head[0] = 2 * k + 2
        fence()
        header[at.HEAD] = k + 1
        self.count = k + 1
        self._last_index = frame.index
        header[at.BEAT] = time.monotonic_ns()
        self._wake_readers(ring)

    def beat(self) -> None:
        """Renews the heartbeat, as ``write`` does; to be called while waiting for a silent source."""
        self._mapped().header[at.BEAT] = time.monotonic_ns()

    def end(self) -> None:
        """Marks the end of the source; readers get ``End`` after the last frame."""
        ring = self._mapped()
        fence()
        ring.header[at.STATE] = at.ENDED
        self._wake_readers(ring)

    def close(self, unlink: bool = True) -> None:
        """Unmaps the ring and, with ``unlink``, removes its name; readers keep their mapping. Idempotent."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None
            if unlink:
                segment.unlink(self.name)

    def _wake_readers(self, ring: Mapped) -> None:
        fence()
        ring.ticket[0] = (ring.ticket[0] + 1) & 0xFFFFFFFF
        wake_all(ring.ticket_address)

    def _mapped(self) -> Mapped:
        if self._ring is None:
            raise ValueError(f"ring {self.name} is closed")
        return self._ring

    def __enter__(self) -> "RingWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def take_over(name: str) -> int:
    """Removes a dead writer's ring and marks it replaced for its readers; returns its generation, 0 if there was none.

    Raises InputError if its writer is alive or it is another user's.
    """
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
        if memory.size >= at.HEADER_BYTES:
            words = memory.buffer[: at.HEADER_BYTES].cast("q")
            if words[at.MAGIC] == at.MAGIC_NUMBER:
                writer = words[at.WRITER]
                if words[at.STATE] == at.OPEN and is_alive(writer, words[at.WRITER_BORN]):
                    words.release()
                    raise InputError(f"ring {name} is being written by process {writer}; end that one first")
                generation = words[at.GENERATION]
                words[at.STATE] = at.REPLACED
                fence()
                ticket = memory.buffer[at.TICKET * 8 : at.TICKET * 8 + 4].cast("I")
                ticket[0] = (ticket[0] + 1) & 0xFFFFFFFF
                wake_all(int(np.frombuffer(ticket, np.uint32).ctypes.data))
                ticket.release()
            words.release()
    finally:
        memory.close()
    segment.unlink(name)
    return generation


def _reserve(name: str, layout: Layout) -> segment.Segment:
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
