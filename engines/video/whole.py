"""Whether a file was cut off: containers say how long their parts are, and a copy that was broken off is shorter."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_TS_PACKETS = (188, 192, 204)


def cut_off(path: Path) -> bool:
    """Whether the outermost parts of a file promise more bytes than it has; False where they do not say."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(4096)
        if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            return any(end > size for _, end in boxes(file, size))
        if start[:4] == b"RIFF":
            return _riff(file, size)
        if start[:4] == b"\x1aE\xdf\xa3":
            return _ebml(start, size)
        if start[:16] == _ASF:
            return _asf(start, size)
        if start[:3] == b"FLV":
            return _flv(file, size)
        if start[:4] == b"OggS":
            return _ogg(file, size)
    return _ts(start, size)


def boxes(file: BinaryIO, size_of_file: int) -> Iterator[tuple[bytes, int]]:
    """The kinds of an MP4 or MOV file's outermost boxes and where they should end."""
    at = 0
    while at + 8 <= size_of_file:
        file.seek(at)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        elif size == 0:  # it goes on to the end, wherever that is
            size = size_of_file - at
        if size < 8:
            break
        at += size
        yield head[4:8], at


def _riff(file: BinaryIO, size_of_file: int) -> bool:
    """AVI, in parts of some gigabytes each."""
    at = 0
    while at + 8 <= size_of_file:
        file.seek(at)
        head = file.read(8)
        if head[:4] != b"RIFF":
            return False
        at += 8 + int.from_bytes(head[4:8], "little")
    return at > size_of_file


def _ebml(start: bytes, size_of_file: int) -> bool:
    """Matroska and WebM: a header, then one segment; a recording that was streamed does not know its length."""
    at, length = _ebml_length(start, 4)
    at += length or 0
    if start[at : at + 4] != b"\x18S\x80g":
        return False
    at, length = _ebml_length(start, at + 4)
    return length is not None and at + length > size_of_file


def _ebml_length(data: bytes, at: int) -> tuple[int, int | None]:
    """Where an element's content begins, and its length; None where it is unknown."""
    if at >= len(data) or data[at] == 0:
        return len(data), None
    width = 9 - data[at].bit_length()
    ones = (1 << 7 * width) - 1
    length = int.from_bytes(data[at : at + width], "big") & ones
    return at + width, None if length == ones else length


def _asf(start: bytes, size_of_file: int) -> bool:
    at = start.find(_ASF_FILE_PROPERTIES)
    if at < 0 or at + 92 > len(start):
        return False
    broadcast = start[at + 88] & 1
    return not broadcast and int.from_bytes(start[at + 40 : at + 48], "little") > size_of_file


def _flv(file: BinaryIO, size_of_file: int) -> bool:
    """Each tag is followed by its length, which some count without its head."""
    file.seek(max(0, size_of_file - 4))
    length = int.from_bytes(file.read(4), "big")
    if not 11 <= length <= size_of_file - 17:
        return True
    file.seek(size_of_file - 4 - length)
    head = file.read(4)
    return int.from_bytes(head[1:4], "big") not in (length - 11, length)


def _ogg(file: BinaryIO, size_of_file: int) -> bool:
    """Pages, each with the lengths of its parts."""
    begin = max(0, size_of_file - (1 << 17))
    file.seek(begin)
    tail = file.read()
    at = tail.rfind(b"OggS\0")
    if at < 0 or at + 27 > len(tail):
        return at >= 0
    parts = tail[at + 27 : at + 27 + tail[at + 26]]
    return at + 27 + tail[at + 26] + sum(parts) > len(tail)


def _ts(start: bytes, size_of_file: int) -> bool:
    """MPEG transport streams consist of packets of one length."""
    for length in _TS_PACKETS:
        first = 4 if length == 192 else 0
        if len(start) > 5 * length and all(start[first + i * length] == 0x47 for i in range(5)):
            return size_of_file % length != 0
    return False
