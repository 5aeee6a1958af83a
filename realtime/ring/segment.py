"""Named shared memory: segments are created, attached, listed and removed by name.

Not ``multiprocessing.shared_memory`` on POSIX: before Python 3.13 attaching registers the segment with a resource
tracker, which later unlinks it while the writer uses it, or warns of a leak that does not exist. Pages are reserved
at creation, so that a full /dev/shm is an error at that point and never a bus error later.
"""

import contextlib
import errno
import mmap
import os
import re
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import shared_memory
from pathlib import Path

from engines.errors import InputError

PREFIX = "apexcam"
_NAME = re.compile(rf"{PREFIX}-(\d+)-[a-z0-9_-]+")
_SHM = Path("/dev/shm")
_NEW_S = 10.0


@dataclass(eq=False)
class Segment:
    """A mapped segment. ``buffer`` must have no numpy view left on it when ``close`` is called."""

    name: str
    size: int
    buffer: memoryview
    _mapping: mmap.mmap | shared_memory.SharedMemory | None = field(repr=False)

    def close(self) -> None:
        """Unmaps the segment; the name stays. Idempotent."""
        if self._mapping is not None:
            self.buffer.release()
            self._mapping.close()
            self._mapping = None


def segment_name(camera: str, pid: int | None = None) -> str:
    """``apexcam-<pid>-<camera>``: it names the owner, so that a dead owner's segment can be removed."""
    name = f"{PREFIX}-{os.getpid() if pid is None else pid}-{camera}"
    if len(name) > 30:  # macOS allows 31 characters, the leading slash included
        name = f"{name[:22]}{zlib.crc32(camera.encode()):08x}"
    return name


def owner(name: str) -> int | None:
    """The process id in a segment's name; None if it is not one of apexcam's."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def check_name(name: str) -> None:
    """Raises InputError for a name that ``names`` would not list."""
    if owner(name) is None:
        raise InputError(
            f"segment name {name!r}: expected {PREFIX}-<pid>-<camera>, camera of a-z, 0-9, - and _"
        )


def pid_namespace() -> int:
    """The namespace of process ids; those of another container's mean nothing here. 0 on systems without namespaces."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def check() -> None:
    """Raises InputError if no segment of any size can be created."""
    if _SHM.is_dir() and not os.access(_SHM, os.W_OK | os.X_OK):
        raise InputError(f"{_SHM} cannot be written, and frames pass through it; mount it writable")


def free_bytes() -> int | None:
    """The free bytes of shared memory; None if the platform sets no limit of its own."""
    if not _SHM.is_dir() or sys.platform == "win32":
        return None
    stat = os.statvfs(_SHM)
    return stat.f_bavail * stat.f_frsize


def create(name: str, size: int) -> Segment:
    """Creates a segment of ``size`` reserved zero bytes.

    Raises InputError for a bad name, FileExistsError if it exists, OSError with ENOSPC if it does not fit.
    """
    check_name(name)
    if sys.platform == "win32":
        memory = shared_memory.SharedMemory(name, create=True, size=size)
        assert memory.buf is not None
        return Segment(name, size, memory.buf[:size], memory)
    import _posixshmem  # type: ignore[import-not-found]

    fd = _posixshmem.shm_open(f"/{name}", os.O_CREAT | os.O_EXCL | os.O_RDWR, mode=0o600)
    try:
        _mark(name)
        if (free := free_bytes()) is not None and size > free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(fd, size)
        if sys.platform == "linux":
            try:
                os.posix_fallocate(fd, 0, size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                    raise
        mapping = mmap.mmap(fd, size)
    except BaseException:
        unlink(name)
        raise
    finally:
        os.close(fd)
    return Segment(name, size, memoryview(mapping), mapping)


def attach(name: str, *, writable: bool = False) -> Segment:
    """Maps a segment, read-only unless ``writable``.

    Raises InputError for a bad name, FileNotFoundError if there is none, PermissionError if it is another user's.
    """
    check_name(name)
    if sys.platform == "win32":
        memory = shared_memory.SharedMemory(name)
        assert memory.buf is not None
        view = memory.buf if writable else memory.buf.toreadonly()
        return Segment(name, memory.size, view, memory)
    import _posixshmem

    fd = _posixshmem.shm_open(f"/{name}", os.O_RDWR if writable else os.O_RDONLY, mode=0o600)
    try:
        size = os.fstat(fd).st_size
        if size == 0:  # its creator has not sized it yet
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        mapping = mmap.mmap(fd, size, access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
    finally:
        os.close(fd)
    return Segment(name, size, memoryview(mapping), mapping)


def unlink(name: str) -> bool:
    """Removes the name and returns whether it existed. Existing mappings stay valid."""
    if owner(name) is None or sys.platform == "win32":  # Windows frees a segment with its last handle
        return False
    import _posixshmem

    with contextlib.suppress(OSError):
        _marks().joinpath(name).unlink(missing_ok=True)
    try:
        _posixshmem.shm_unlink(f"/{name}")
    except OSError:  # it does not exist, is another user's, or shared memory is read-only
        return False
    return True


def is_gone(name: str) -> bool:
    """Whether the name was removed, which mappings do not show. False on systems that do not list names."""
    return _SHM.is_dir() and not (_SHM / name).exists()


def is_new(name: str) -> bool:
    """Whether it was created a moment ago, perhaps in another container, whose processes are invisible here."""
    try:
        return abs(time.time() - (_SHM / name).stat().st_mtime) < _NEW_S
    except OSError:
        return False


def names() -> Iterator[str]:
    """The names of all of apexcam's segments on this machine."""
    folder = _SHM if _SHM.is_dir() else _marks()
    with contextlib.suppress(OSError):
        yield from sorted(entry.name for entry in folder.iterdir() if owner(entry.name) is not None)


def _marks() -> Path:
    # macOS cannot list shared memory, so an empty file marks each segment.
    return Path(tempfile.gettempdir()) / f"{PREFIX}-segments"


def _mark(name: str) -> None:
    if not _SHM.is_dir():
        with contextlib.suppress(OSError):
            _marks().mkdir(exist_ok=True)
            _marks().joinpath(name).touch()
