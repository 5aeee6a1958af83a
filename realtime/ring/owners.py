"""Whose a ring is: names, living and dead writers, other containers; and the removal of what the dead left."""

import os
import sys
from pathlib import Path

from realtime.ring import layout as at
from realtime.ring import segment
from realtime.ring.layout import Layout
from realtime.ring.segment import segment_name as ring_name


def unlink(name: str) -> bool:
    """Remove a ring's name, whoever made it: the backup for a killed writer. True if it was there."""
    return segment.unlink(name)


def unlink_stale() -> list[str]:
    """Remove the rings of this user whose owner and writer are both dead; the names removed."""
    return [name for name in segment.names() if is_stale(name) and segment.unlink(name)]


def unlink_of(pid: int) -> None:
    """Remove every segment of a run; one of another container, whose main has the same process id, stays."""
    for name in list(segment.names()):
        if segment.owner(name) == pid and not is_foreign(name):
            segment.unlink(name)


def free_name(camera: str, pid: int) -> str:
    """`ring_name`, or one beside it where another container that shares the memory has a process of that id."""
    name = ring_name(camera, pid)
    return ring_name(f"{camera}-{segment.pid_namespace()}", pid) if is_foreign(name) else name


def free_slots(height: int, width: int) -> int | None:
    """How many slots for frames of this size shared memory has room for; None where there is no limit."""
    free = segment.free_bytes()
    return None if free is None else max(0, (free - at.HEADER_BYTES) // Layout(1, height, width).stride)


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


def is_alive(pid: int, was_born: int) -> bool:
    """Whether this very process lives, and not another one of its number."""
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
    """Whether owner and writer are dead, and of this container."""
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
        # Process ids of another container say nothing here.
        ours = words[at.NAMESPACE] == segment.pid_namespace()
        living = is_alive(owner, words[at.OWNER_BORN]) or is_alive(words[at.WRITER], words[at.WRITER_BORN])
        words.release()
        return ours and not living
    finally:
        memory.close()
