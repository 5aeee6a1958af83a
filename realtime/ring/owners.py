"""Ownership of rings: names, live and dead processes, other containers; removal of what dead processes left."""

import os
import sys
from pathlib import Path

from realtime.ring import layout as at
from realtime.ring import segment
from realtime.ring.layout import Layout
from realtime.ring.segment import segment_name as ring_name


def unlink(name: str) -> bool:
    """Removes a ring's name, no matter who made it, for a writer that was killed. Returns whether it existed."""
    return segment.unlink(name)


def unlink_stale() -> list[str]:
    """Removes this user's rings whose owner and writer are both dead, and returns their names."""
    return [name for name in segment.names() if is_stale(name) and segment.unlink(name)]


def unlink_of(pid: int) -> None:
    """Removes every segment of a run, but not those of another container whose main has the same process id."""
    for name in list(segment.names()):
        if segment.owner(name) == pid and not is_foreign(name):
            segment.unlink(name)


def free_name(camera: str, pid: int) -> str:
    """`ring_name`, or a variant if another container that shares the memory uses that name."""
    name = ring_name(camera, pid)
    return ring_name(f"{camera}-{segment.pid_namespace()}", pid) if is_foreign(name) else name


def free_slots(height: int, width: int) -> int | None:
    """How many slots for frames of this size fit into shared memory; None if it has no limit of its own."""
    free = segment.free_bytes()
    return None if free is None else max(0, (free - at.HEADER_BYTES) // Layout(1, height, width).stride)


def born(pid: int) -> int:
    """The start time of a process, only to be compared; 0 if it does not run (or is a zombie), -1 if unknown."""
    if (
        sys.platform == "linux"
    ):  # in ticks since boot, so that a change of the clock does not make a process look dead
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


def is_alive(pid: int, was_born: int) -> bool:
    """Whether the process is alive, and not another one that got the same id."""
    now = born(pid)
    return now != 0 and (was_born <= 0 or now < 0 or now == was_born)


def is_foreign(name: str) -> bool:
    """Whether the ring belongs to a process of another container."""
    try:
        memory = segment.attach(name)
    except (OSError, ValueError):
        return False
    try:
        if memory.size < at.HEADER_BYTES:
            return False
        words = memory.buffer[: at.HEADER_BYTES].cast("q")
        foreign = words[at.MAGIC] == at.MAGIC_NUMBER and words[at.NAMESPACE] != segment.pid_namespace()
        words.release()
        return foreign
    finally:
        memory.close()


def is_stale(name: str) -> bool:
    """Whether owner and writer are both dead, and were of this container."""
    owner = segment.owner(name)
    if owner is None:
        return False
    try:
        memory = segment.attach(name)
    except (OSError, ValueError):
        return owner != os.getpid() and born(owner) == 0 and not segment.is_new(name)
    try:
        words = memory.buffer[: memory.size // 8 * 8].cast("q")
        if len(words) < at.HEADER_BYTES // 8 or words[at.MAGIC] != at.MAGIC_NUMBER:
            words.release()
            return born(owner) == 0 and not segment.is_new(name)
        # Process ids of another container mean nothing here.
        ours = words[at.NAMESPACE] == segment.pid_namespace()
        alive = is_alive(owner, words[at.OWNER_BORN]) or is_alive(words[at.WRITER], words[at.WRITER_BORN])
        words.release()
        return ours and not alive
    finally:
        memory.close()
