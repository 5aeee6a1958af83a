"""Still pictures in files: upright, and 8 bits a value whatever the file holds. All of a user's are read here."""

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.native_output import caught

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LIKELY_BITS: Final = (8, 10, 12, 14, 16)
_MOST_PIXELS: Final = 1 << 27
# Tags of TIFF.
_KIND, _WIDTH, _HEIGHT, _BITS, _ABOUT, _TURN, _LARGEST, _LARGEST_SAMPLE = (
    254,
    256,
    257,
    258,
    270,
    274,
    281,
    341,
)
_REDUCED: Final = 1  # this bit of a page's kind: another picture, smaller

_QUIET: Final = 0
_TELLING: Final = 5  # the level from which OpenCV passes on what libtiff says of damage
# Both libraries go on over damage and give a picture. Some cameras put a few bytes more before a marker of their JPEGs.
_DAMAGE: Final = re.compile(
    rb"Corrupt JPEG data: (?!\d extraneous bytes)|Premature end of JPEG|OpenCV TIFF: (\w*Decode\w*)?: Warning"
)

cv2.setLogLevel(_QUIET)  # what cannot be decoded is said in our own words


@dataclass(frozen=True)
class Depth:
    """How the values of a series become 8 bits: of 16, the lower ``bits`` are significant; 8-bit pictures stay.

    ``largest``: of the values looked at; 0 where no picture has 16 bits a value.
    """

    bits: int = 16
    largest: int = 0

    @property
    def said(self) -> str:
        """In words; empty where every picture has 8 bits."""
        if not self.largest:
            return ""
        return f"16 bits a value, the largest is {self.largest}: taken as {self.bits} bits"


def read(
    path: Path, depth: Depth = Depth(), *, grey: bool = False, on_clipped: Callable[[], object] = lambda: None
) -> NDArray[np.uint8] | None:
    """A picture as uint8 (H, W, 3), blue-green-red, or (H, W) in grey, turned as its EXIF orientation says.

    None where it cannot be decoded, or its decoder finds damage. ``on_clipped`` is called for values above ``depth``,
    which come out white. Raises OSError where the file cannot be read.
    """
    image = _decode(path.read_bytes(), grey)
    if image is None or image.dtype == np.uint8:
        return image
    if image.dtype != np.uint16:
        return None
    scaled = image >> (depth.bits - 8)
    if scaled.max() > 255:
        on_clipped()
    return np.minimum(scaled, 255).astype(np.uint8)


def depth_of(paths: Sequence[Path], *, looks: int | None = None) -> Depth:
    """The depth that the pictures of one series share, from what their files say and the largest value in them.

    All are looked at, or ``looks`` of them for who cannot wait: then others may be brighter, see `read`. Raises
    InputError, naming the file, for values that are not 8 or 16 bits without a sign.
    """
    if looks is not None and paths:
        paths = [paths[at] for at in np.unique(np.linspace(0, len(paths) - 1, looks).astype(int))]
    largest = bits = 0
    for path in paths:
        try:
            if not is_deep(path):
                continue
            data = path.read_bytes()
        except OSError:
            continue
        image = _decode(data, grey=False)
        if image is None:  # OpenCV has no colour of floating-point values
            image = _decode(data, grey=True)
        if image is None or image.dtype == np.uint8:
            continue
        if image.dtype != np.uint16:
            raise InputError(
                f"{path}: {image.dtype} values; save the pictures with 8 or 16 bits a value, without a sign"
            )
        bits = bits or _significant(path)
        largest = max(largest, int(image.max()), 1)
    if not largest:
        return Depth()
    holding = next(bits for bits in _LIKELY_BITS if largest < 1 << bits)
    return Depth(max(holding, bits), largest)


def _whole_png(data: bytes) -> bool:
    """Whether it is all there, of a size that can be: OpenCV makes room for whatever a head or chunk promises."""
    wide, high = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    at = len(_PNG)
    while at + 12 <= len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return wide * high <= _MOST_PIXELS
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return False


def is_deep(path: Path) -> bool:
    """Whether a picture has more than 8 bits a value, by the head of its file. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(25)
    if head[:4] not in _TIFF:
        return head.startswith(_PNG) and head[24:] == b"\x10"
    try:
        return bool(max(_pages(path)[0].get(_BITS, (1,))) > 8)
    except Exception:  # Pillow lets through whatever its readers raise on a damaged file
        return False


def size(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture as `read` gives it, by the head of its file; None where that does not tell.

    Raises InputError for a picture too large to be a frame, and for several in one file.
    """
    from PIL import Image

    try:
        with path.open("rb") as file:
            tiff = file.read(4) in _TIFF
        if tiff:
            pages = _pages(path)
            if len(pages) > 1:
                raise InputError(f"{path}: {len(pages)} pictures in one file; save each as a file of its own")
            wide, high, turn = (int(pages[0].get(tag, 0)) for tag in (_WIDTH, _HEIGHT, _TURN))
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(path) as image:
                    wide, high, turn = *image.size, int(image.getexif().get(_TURN, 0))
    except Image.DecompressionBombError:
        wide, high, turn = _MOST_PIXELS, 2, 0
    except InputError:
        raise
    except Exception:  # Pillow lets through whatever its readers raise on a damaged file
        return None
    if wide * high > _MOST_PIXELS:
        raise InputError(f"{path}: too large for a frame; take it away")
    if wide < 1 or high < 1:
        return None
    return (high, wide) if turn in (5, 6, 7, 8) else (wide, high)


def _decode(data: bytes, grey: bool) -> NDArray[Any] | None:
    if not data or (data.startswith(_PNG) and not _whole_png(data)):
        return None
    colour = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
    with caught() as written:
        cv2.setLogLevel(_TELLING)
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), colour | cv2.IMREAD_ANYDEPTH)
        except cv2.error:
            return None
        finally:
            cv2.setLogLevel(_QUIET)
        return None if image is None or _DAMAGE.search(written()) else np.asarray(image)


def _significant(path: Path) -> int:
    """How many bits a value has as the file says; 0 where it does not, or says no more than that it has 16."""
    data = path.read_bytes()
    if data.startswith(_PNG):
        at = data.find(b"sBIT", 0, max(data.find(b"IDAT"), 0))
        bits = (
            max(data[at + 4 : at + 4 + int.from_bytes(data[at - 4 : at], "big")], default=0) if at > 0 else 0
        )
        return bits if bits < 16 else 0
    try:
        tags = _pages(path)[0]
        if set(tags.get(_BITS, (16,))) != {16}:
            return 16  # packed values: OpenCV moves them up
        said = re.search(r'SignificantBits="(\d+)"', str(tags.get(_ABOUT, "")))
        top = tags.get(_LARGEST) or tags.get(_LARGEST_SAMPLE) or (0,)
        bits = int(said[1]) if said else max(int(value) for value in np.atleast_1d(top)).bit_length()
    except Exception:  # as above
        return 0
    return bits if bits < 16 else 0


def _pages(path: Path) -> list[Any]:
    """The tags of each picture in a TIFF file, without the smaller copies of it that some hold."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head = file.read(8)
        head += file.read(8) if head[2:4] in (b"+\0", b"\0+") else b""
        found: list[Any] = []
        seen: set[int] = set()
        tags = ImageFileDirectory_v2(head)
        at = tags.next
        while at and at not in seen and len(seen) < 10_000:
            seen.add(at)
            tags = ImageFileDirectory_v2(head)
            file.seek(at)
            tags.load(file)
            found.append(tags)
            at = tags.next
    return [tags for tags in found if not int(tags.get(_KIND, 0)) & _REDUCED] or found[:1]
