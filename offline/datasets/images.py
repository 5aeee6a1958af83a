"""Folders of numbered images."""

import re
from collections.abc import Iterator
from pathlib import Path

IMAGES = {".jpg", ".jpeg", ".png", ".bmp"}


def numbered(folder: Path) -> list[tuple[int, Path]]:
    """Images by the last number in their names, which some copies pad with zeros and others do not."""
    found = []
    for path in folder.iterdir():
        if path.suffix.lower() in IMAGES and (numbers := re.findall(r"\d+", path.stem)):
            found.append((int(numbers[-1]), path))
    return sorted(found)


def folders(root: Path, depth: int) -> Iterator[Path]:
    """``root`` and the folders below it, ``depth`` levels deep, in order of their names."""
    yield root
    if depth > 0:
        for path in sorted(path for path in root.iterdir() if path.is_dir()):
            yield from folders(path, depth - 1)


def same_name(name: str) -> str:
    """A name without what copies differ in: case, and zeros before numbers."""
    return re.sub(r"0*(\d+)", r"\1", name.strip().lower())
