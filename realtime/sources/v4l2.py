"""Linux cameras as the kernel describes them: names, modes, exposure, and the processes that hold one.

Structures and request numbers are those of the kernel's videodev2.h; no library is needed.
"""

import contextlib
import errno
import os
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Ioctl = Callable[[int, int, bytearray], int]

_CAPTURE = 0x00000001
_CAPTURE_MPLANE = 0x00001000
_DEVICE_CAPS = 0x80000000
_DISCRETE = 1
QUERYCAP, ENUM_FMT, ENUM_SIZES, ENUM_INTERVALS, GET_CONTROL = (
    0x80685600, 0xC0405602, 0xC02C564A, 0xC034564B, 0xC008561B,
)  # fmt: skip
EXPOSURE_AUTO, EXPOSURE_ABSOLUTE, EXPOSURE_PRIORITY = 0x009A0901, 0x009A0902, 0x009A0903
_MANUAL = 1
_COMMON_SIZES = ((640, 480), (1280, 720), (1920, 1080))  # listed for a camera that supports any size


@dataclass(frozen=True)
class Mode:
    """A mode that a camera declares: pixel format, size in pixels, highest frames a second (0 unknown)."""

    fourcc: str
    width: int
    height: int
    fps: float


@dataclass(frozen=True)
class Device:
    """A capture device: index for OpenCV, path or "", name, driver, bus, modes, and the processes that hold it."""

    index: int
    path: str
    name: str
    driver: str = ""
    bus: str = ""
    modes: tuple[Mode, ...] = ()
    holders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exposure:
    """The driver's exposure settings; None if it does not report them.

    ``units``: exposure time in units of 100 microseconds; ``auto``: the camera chooses it; ``slows``: the camera may
    lower its frame rate for it.
    """

    units: int | None = None
    auto: bool | None = None
    slows: bool | None = None


def _ioctl(fd: int, request: int, data: bytearray) -> int:
    if sys.platform == "win32":
        raise OSError(errno.ENOSYS, "no V4L2 on this system")
    import fcntl

    return int(fcntl.ioctl(fd, request, data, True))


def _open(path: Path) -> int:
    """Opens a device without blocking. Raises OSError."""
    if sys.platform == "win32":
        raise OSError(errno.ENOSYS, "no V4L2 on this system")
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def devices(folder: Path = Path("/dev"), ioctl: Ioctl = _ioctl) -> list[Device]:
    """All capture devices in the order of their numbers; those that cannot be opened have no modes."""
    found = []
    numbered = [(int(p.name[5:]), p) for p in folder.glob("video*") if p.name[5:].isdecimal()]
    for _, path in sorted(numbered):
        if (device := describe(path, ioctl)) is not None:
            found.append(device)
    return found


def describe(path: Path, ioctl: Ioctl = _ioctl) -> Device | None:
    """The device at a path; None if it captures no video (cameras also have metadata nodes)."""
    index = int(path.name[5:]) if path.name[5:].isdecimal() else -1
    try:
        fd = _open(path)
    except OSError:
        return Device(index, str(path), _sysfs_name(path), holders=holders(path))
    try:
        caps = bytearray(104)
        try:
            ioctl(fd, QUERYCAP, caps)
        except OSError:
            return None
        driver, card, bus, _, all_caps, device_caps = struct.unpack_from("=16s32s32s3I", caps)
        if not (device_caps if all_caps & _DEVICE_CAPS else all_caps) & (_CAPTURE | _CAPTURE_MPLANE):
            return None
        modes = tuple(_modes(fd, ioctl))
        return Device(index, str(path), _text(card), _text(driver), _text(bus), modes, holders(path))
    finally:
        os.close(fd)


def exposure(path: Path, ioctl: Ioctl = _ioctl) -> Exposure:
    """The exposure settings of a device, whether it is in use or not."""
    try:
        fd = _open(path)
    except OSError:
        return Exposure()
    try:
        auto, units, slows = (
            _control(fd, ioctl, c) for c in (EXPOSURE_AUTO, EXPOSURE_ABSOLUTE, EXPOSURE_PRIORITY)
        )
    finally:
        os.close(fd)
    return Exposure(units, None if auto is None else auto != _MANUAL, None if slows is None else bool(slows))


def holders(path: Path, proc: Path = Path("/proc")) -> tuple[str, ...]:
    """``name (pid)`` of each other process that has the device open, as far as permissions show."""
    target = os.path.realpath(path)
    found = []
    for process in proc.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):
            if any(_link(fd) == target for fd in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                found.append(f"{name} ({process.name})")
    return tuple(found)


def _link(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:
        return ""


def _modes(fd: int, ioctl: Ioctl) -> Iterator[Mode]:
    for format_ in _enumerate(fd, ioctl, ENUM_FMT, 64, (1,)):
        (fourcc,) = struct.unpack_from("=I", format_, 44)
        for width, height in _sizes(fd, ioctl, fourcc):
            yield Mode(fourcc.to_bytes(4, "little").decode("ascii", "replace").strip(), width, height,
                       max(_rates(fd, ioctl, fourcc, width, height), default=0.0))  # fmt: skip


def _sizes(fd: int, ioctl: Ioctl, fourcc: int) -> Iterator[tuple[int, int]]:
    for size in _enumerate(fd, ioctl, ENUM_SIZES, 44, (fourcc,)):
        kind, *numbers = struct.unpack_from("=7I", size, 8)
        if kind == _DISCRETE:
            yield numbers[0], numbers[1]
            continue
        least_w, most_w, _, least_h, most_h, _ = numbers
        for width, height in dict.fromkeys((*_COMMON_SIZES, (most_w, most_h))):
            if least_w <= width <= most_w and least_h <= height <= most_h:
                yield width, height
        return


def _rates(fd: int, ioctl: Ioctl, fourcc: int, width: int, height: int) -> Iterator[float]:
    for interval in _enumerate(fd, ioctl, ENUM_INTERVALS, 52, (fourcc, width, height)):
        # The shortest interval comes first if they are stepwise.
        _, seconds, parts = struct.unpack_from("=3I", interval, 16)
        if seconds:
            yield parts / seconds


def _enumerate(
    fd: int, ioctl: Ioctl, request: int, size: int, fields: tuple[int, ...]
) -> Iterator[bytearray]:
    for index in range(256):  # bounded because of faulty drivers
        data = bytearray(size)
        struct.pack_into(f"={1 + len(fields)}I", data, 0, index, *fields)
        try:
            ioctl(fd, request, data)
        except OSError as error:
            if error.errno == errno.EINTR:
                continue
            return
        yield data


def _control(fd: int, ioctl: Ioctl, control: int) -> int | None:
    data = bytearray(struct.pack("=Ii", control, 0))
    try:
        ioctl(fd, GET_CONTROL, data)
    except OSError:
        return None
    return int(struct.unpack("=Ii", data)[1])


def _sysfs_name(path: Path) -> str:
    try:
        return (
            Path("/sys/class/video4linux", path.name, "name")
            .read_text(encoding="utf-8", errors="replace")
            .strip()
        )
    except OSError:
        return path.name


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("utf-8", "replace").strip()
