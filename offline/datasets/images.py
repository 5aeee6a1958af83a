"""Folders of numbered images."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engines.errors import InputError
from engines.series import hidden, pictures_in, series_of


@dataclass(frozen=True)
class Images:
    """The images of a clip's folder.

    ``frames``: (number in its name, file), the numbers rising; ``fault``: why they cannot be used, else empty;
    ``notes``: lines about files that were left out.
    """

    frames: tuple[tuple[int, Path], ...] = ()
    fault: str = ""
    notes: tuple[str, ...] = ()


def end_of(images: Images, offset: int, ends: bool) -> int:
    """The offset of a clip's table, or its last image where the table has no offsets (``ends``)."""
    return offset if ends or not images.frames else images.frames[-1][0]


def images_of(folder: Path | None) -> Images:
    """The series of images in a folder, by the numbers in their names; none where there is no such folder."""
    if folder is None or not pictures_in(folder):
        return Images()
    try:
        series = series_of(folder)
    except InputError as error:
        return Images(fault=str(error))
    if not series.numbered:
        return Images(fault=f"{folder}: its images have no numbers that count them", notes=series.left_out)
    return Images(series.frames, notes=series.left_out)


def folders(root: Path, depth: int) -> Iterator[Path]:
    """``root`` and the folders below it, ``depth`` levels deep, in order of their names, without hidden ones."""
    yield root
    if depth > 0:
        for path in sorted(path for path in root.iterdir() if path.is_dir() and not hidden(path.name)):
            yield from folders(path, depth - 1)


def same_name(name: str) -> str:
    """A name without what copies differ in: case, and zeros before numbers."""
    return re.sub(r"0*(\d+)", r"\1", name.strip().lower())
