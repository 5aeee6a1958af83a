"""Databases with one folder a clip and one row of a table for it: CAS(ME)³ part A, MMEW, 4DME."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engines.errors import InputError
from offline.datasets.clips import Clip, VideoDatabase, emotion_of, settled
from offline.datasets.errata import mend
from offline.datasets.images import Images, folders, images_of, same_name
from offline.datasets.registry import DATASETS
from offline.datasets.sheets import Row, records, tables
from offline.datasets.tabled import clips_of, find_records

_COLUMNS: Final = {
    "subject": ("subject", "subid"),
    "name": ("filename", "foldname"),
    "onset": ("onset", "onsetframe"),
    "apex": ("apex", "apexframe"),
    "offset": ("offset", "offsetframe"),
    "aus": ("au", "aus", "actionunits"),
    "emotion": ("emotion", "estimatedemotion"),
}
_OPTIONAL: Final = ("subject", "apex", "aus")


@dataclass(frozen=True)
class _Layout:
    """How one database is unpacked.

    ``holds``: whether a folder is the one above the clips. ``of_folder`` and ``of_row`` give a clip's folder (given as
    its path below that one) and its row the name by which they find each other.
    """

    name: str
    fps: float
    holds: Callable[[Path], bool]
    of_folder: Callable[[Path], str]
    of_row: Callable[[Row], str]


def _has_subjects(folder: Path) -> bool:
    return any(path.is_dir() and re.fullmatch(r"spNO\.\d+", path.name) for path in folder.iterdir())


def _has_emotions(folder: Path) -> bool:
    return {"happiness", "surprise"} <= {path.name.lower() for path in folder.iterdir() if path.is_dir()}


def _has_fold_names(folder: Path) -> bool:
    for table in tables(folder, 0):
        try:
            return bool(records(table, {"subject": ("subid",), "name": ("foldname",)}))
        except InputError:
            continue
    return False


_LAYOUTS: Final = (
    _Layout(
        *("casme3", 30.0, _has_subjects),
        # `spNO.1/a/color/12.jpg`: a video holds several expressions.
        lambda path: "/".join(part for part in path.parts if part != "color") if path.name != "depth" else "",
        lambda row: f"{row.text('subject')}/{row.text('name')}",
    ),
    _Layout(
        *("mmew", 90.0, _has_emotions),
        lambda path: path.name,
        lambda row: row.text("name"),
    ),
    _Layout(
        *("4dme", 60.0, _has_fold_names),
        lambda path: path.name,
        lambda row: row.text("name"),
    ),
)


def open_one_row_a_clip(folder: Path, errata: bool = True) -> tuple[VideoDatabase, ...]:
    """The database in a folder; none where it is none of these. InputError where its table is missing or unusable."""
    for layout in _LAYOUTS:
        root = next((path for path in folders(folder, 2) if layout.holds(path)), None)
        if root is not None:
            return (_open(layout, root, folder, errata),)
    return ()


def _open(layout: _Layout, root: Path, folder: Path, errata: bool) -> VideoDatabase:
    found: dict[str, Images] = {}
    for path in folders(root, 3):
        key = layout.of_folder(path.relative_to(root)) if path != root else ""
        if key and (images := images_of(path)) != Images():
            found[same_name(key)] = images
    rows = find_records(root, folder, _COLUMNS, _OPTIONAL, DATASETS[layout.name].looked_for)
    seen: Counter[str] = Counter()

    def read(row: Row) -> list[Clip]:
        key, marks = layout.of_row(row), row.marks("/", "0", "-1")
        if not row.text("name"):
            raise InputError(row.nameless)
        seen[key] += 1
        images = found.get(same_name(key), Images())
        return [
            Clip(
                layout.name,
                row.text("subject") or re.split(r"[-_]", key)[0],
                key if seen[key] == 1 else f"{key}#{seen[key]}",
                images.frames,
                layout.fps,
                marks.onset,
                marks.apex,
                marks.offset,
                emotion_of(row.text("emotion")),
                row.text("aus"),
                row=row.where,
                fault=marks.fault or images.fault,
                notes=(*marks.notes, *images.notes),
            )
        ]

    clips, odd = clips_of(rows, read, several=True)
    clips, mended = mend(clips) if errata else (clips, [])
    placed, faults, moved = settled(clips)
    return VideoDatabase(
        layout.name, "as released", f"{len(clips)} rows", placed, faults, (*odd, *mended, *moved)
    )
