"""A folder of pictures as one series: which files belong to it, and the number of each.

Files that cameras, systems and people leave beside a series are no part of it: hidden ones (``._img5.jpg``), copies
(``img5 (1).jpg``) and pictures that are named otherwise. Two series in one folder are refused.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from engines.errors import InputError

SUFFIXES: Final = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"))
FORMATS: Final = "png, jpg, bmp or tif"

# "img5 (1)", "img5 - Copy (2)", "img5 copy", "img5 (another copy)", "img5 2": what comes before is the copied name.
_COPY: Final = re.compile(
    r"(.+?)(?:[ _-]*\(\d{1,2}\)|[ _-]+\(?(?:another |\d+(?:st|nd|rd|th) )?(?:copy|kopie|copie|copia)\b.*| \d{1,2})",
    re.IGNORECASE,
)
# So many times more numbers than pictures, and more, and they count something else.
_SPARSE: Final = 100
_FEW: Final = 1000


@dataclass(frozen=True)
class Series:
    """The pictures of a folder that follow one another.

    ``frames``: (number, file), the numbers rising: those in the names, or 0, 1, 2 … where the names have none that
    rise (``numbered`` False). ``step``: what the numbers rise by from frame to frame; None where they do not count
    frames. ``left_out``: lines about files that are no part of it.
    """

    frames: tuple[tuple[int, Path], ...]
    numbered: bool
    step: int | None
    left_out: tuple[str, ...] = ()

    def indexed(self) -> list[tuple[int, Path]]:
        """The frames counted from 0 on, missing ones too; by their order alone where the names do not count them."""
        if self.step is None:
            return list(enumerate(path for _, path in self.frames))
        return [((number - self.frames[0][0]) // self.step, path) for number, path in self.frames]

    @property
    def missing(self) -> int:
        """How many frames are missing between the first and the last."""
        return self.indexed()[-1][0] + 1 - len(self.frames)


class _Name(NamedTuple):
    """A file's name: its words in lower case, and the numbers between them."""

    path: Path
    words: tuple[str, ...]
    numbers: tuple[int, ...]


def hidden(name: str) -> bool:
    """Whether a file or folder is a system's own: ``.DS_Store``, ``._img5.jpg``, ``__MACOSX``."""
    return name.startswith(".") or name == "__MACOSX"


def copied_name(stem: str) -> str | None:
    """The name without the end that copying a file adds to it; None where it has no such end."""
    found = _COPY.fullmatch(stem)
    return found[1] if found else None


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder, by name, without hidden ones."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not hidden(p.name))


def series_of(folder: Path) -> Series:
    """The series in a folder. Raises InputError where there is no picture, or more than one series."""
    names = [_parsed(path) for path in pictures_in(folder)]
    if not names:
        raise InputError(f"{folder}: no {FORMATS} image in it; give the folder that holds the frames")
    names, copies = _without_copies(names)
    left_out = []
    if copies:
        left_out.append(_listed(copies, "copy", "copies", "left out"))
    alike: dict[tuple[str, ...], list[_Name]] = {}
    for name in names:
        alike.setdefault(name.words, []).append(name)
    groups = [part for group in alike.values() for part in _series_in(group)]
    groups.sort(key=len, reverse=True)
    if len(groups) > 1 and len(groups[0]) == 1:
        # Nothing in their names gives an order but the alphabet.
        return Series(tuple(enumerate(sorted(name.path for name in names))), False, None, tuple(left_out))
    series = [group for group in groups if len(group) > 1]
    if len(series) > 1:
        both = " and ".join(_span(group) for group in series[:2])
        raise InputError(
            f"{folder}: {len(series)} series of images: {both}; put each into a folder of its own"
        )
    if len(groups) > 1:
        strays = [group[0].path for group in groups[1:]]
        first = groups[0][0].path.name
        left_out.append(_listed(strays, "image", "images", f"left out, not named as {first} is"))
    return _ordered(groups[0], tuple(left_out))


def _parsed(path: Path) -> _Name:
    parts = re.split(r"([0-9]+)", path.stem.lower())
    return _Name(path, tuple(parts[::2]), tuple(int(part) for part in parts[1::2]))


def _without_copies(names: list[_Name]) -> tuple[list[_Name], list[Path]]:
    """The names but for those of copies, whose originals are here and are part of a series."""
    sizes = Counter(name.words for name in names)
    originals = {
        (n.path.stem.lower(), n.path.suffix.lower()) for n in names if sizes[n.words] > 1 and n.numbers
    }
    copies = [n.path for n in names if (copied_name(n.path.stem.lower()), n.path.suffix.lower()) in originals]
    dropped = set(copies)
    return [name for name in names if name.path not in dropped], copies


def _series_in(group: list[_Name]) -> list[list[_Name]]:
    """The series among names that differ in their numbers alone, each in order."""
    return [series for part in _apart(group) for series in _by_counter(part)]


def _by_counter(group: list[_Name]) -> list[list[_Name]]:
    """``cam1_001 … cam2_001 …`` are two series: there one number counts and another says which series it is."""
    group.sort(key=lambda name: name.numbers)
    varying = _varying(group)
    if not varying or _counting(group) is not None:
        return [group]
    place = max(varying, key=lambda at: (len({name.numbers[at] for name in group}), at))
    parts: dict[tuple[int, ...], list[_Name]] = {}
    for name in group:
        parts.setdefault((*name.numbers[:place], -1, *name.numbers[place + 1 :]), []).append(name)
    steps = [b.numbers[place] - a.numbers[place] for part in parts.values() for a, b in pairwise(part)]
    if steps and Counter(steps).most_common(1)[0][0] == 1:
        return list(parts.values())
    return [group]  # such as times: their order is all they tell


def _apart(group: list[_Name]) -> list[list[_Name]]:
    """A series; two where the same numbers stand in names of different endings or with zeros before them."""
    if len({name.numbers for name in group}) == len(group):
        return [group]
    parts: dict[tuple[str, int], list[_Name]] = {}
    seen: Counter[tuple[tuple[int, ...], str]] = Counter()
    for name in group:
        suffix = name.path.suffix.lower()
        parts.setdefault((suffix, seen[name.numbers, suffix]), []).append(name)
        seen[name.numbers, suffix] += 1
    return list(parts.values())


def _varying(group: list[_Name]) -> list[int]:
    places = range(len(group[0].numbers))
    return [at for at in places if any(name.numbers[at] != group[0].numbers[at] for name in group)]


def _counting(group: list[_Name]) -> int | None:
    """The place of the number that rises from name to name, by the smallest step; None where there is none.

    Of a single name it is the last.
    """
    rising = [at for at in _varying(group) if all(a.numbers[at] < b.numbers[at] for a, b in pairwise(group))]
    if not rising:
        return len(group[0].numbers) - 1 if len(group) == 1 and group[0].numbers else None
    return min(rising, key=lambda at: (group[-1].numbers[at] - group[0].numbers[at], -at))


def _ordered(group: list[_Name], left_out: tuple[str, ...]) -> Series:
    place = _counting(group)
    if place is None:
        return Series(tuple((at, name.path) for at, name in enumerate(group)), False, None, left_out)
    frames = tuple((name.numbers[place], name.path) for name in group)
    steps = Counter(b - a for (a, _), (b, _) in pairwise(frames))
    step = steps.most_common(1)[0][0] if steps else 1
    span = (frames[-1][0] - frames[0][0]) // step
    counts = all(each % step == 0 for each in steps) and span <= _SPARSE * len(frames) + _FEW
    return Series(frames, True, step if counts else None, left_out)


def _span(group: list[_Name]) -> str:
    return f"{group[0].path.name} to {group[-1].path.name} ({len(group)})"


def _listed(paths: Iterable[Path], one: str, several: str, what: str) -> str:
    names = sorted(path.name for path in paths)
    if len(names) == 1:
        return f"1 {one} {what}: {names[0]}"
    return f"{len(names)} {several} {what}: {', '.join(names[:3])}{' ...' * (len(names) > 3)}"
