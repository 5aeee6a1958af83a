"""Databases with one folder a clip and one row of a table for it: CAS(ME)³ part A, MMEW, 4DME, DFME, CASME, MEVIEW."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engines.errors import InputError
from offline.datasets.clips import Clip, VideoDatabase, emotion_of, settled
from offline.datasets.errata import mend
from offline.datasets.images import Images, end_of, folders, images_of, same_name
from offline.datasets.registry import DATASETS
from offline.datasets.sheets import Row, digits, tables, told_by
from offline.datasets.tabled import clips_of, find_records

COLUMNS: Final = {
    "subject": ("subject", "subid"),
    "name": ("filename", "foldname"),
    "onset": ("onset", "onsetframe", "onsetf"),
    "apex": ("apex", "apexframe", "apexf", "apexf1"),
    "offset": ("offset", "offsetframe", "offsetf"),
    "aus": ("au", "aus", "actionunits"),
    "emotion": ("emotion", "estimatedemotion"),
    "fps": ("fps",),
}
OPTIONAL: Final = ("subject", "apex", "aus", "fps")


@dataclass(frozen=True)
class Layout:
    """How one database is unpacked.

    ``told_by``: headers that no other database's table has together. ``holds``: whether a folder is the one above the
    clips. ``of_folder`` and ``of_row`` give a clip's folder (given as its path below that one) and its row the name by
    which they find each other. ``tables``: rows of each table as released. ``optional``: columns a table may lack.
    """

    name: str
    fps: float
    told_by: tuple[str, ...]
    holds: Callable[[Path], bool]
    of_folder: Callable[[Path], str]
    of_row: Callable[[Row], str]
    tables: Mapping[int, str]
    optional: tuple[str, ...] = OPTIONAL


def _has_subjects(folder: Path) -> bool:
    return any(path.is_dir() and re.fullmatch(r"spNO\.\d+", path.name) for path in folder.iterdir())


def _has_emotions(folder: Path) -> bool:
    return {"happiness", "surprise"} <= {path.name.lower() for path in folder.iterdir() if path.is_dir()}


def _has_table(*headers: str) -> Callable[[Path], bool]:
    def holds(folder: Path) -> bool:
        return any(told_by(table, headers) for table in tables(folder, 0))

    return holds


def _of_person(path: Path) -> str:
    return f"{digits(path.parent.name)}/{path.name}" if digits(path.parent.name) is not None else ""


LAYOUTS: Final = (
    Layout(
        *("casme3", 30.0, ("subject", "filename", "onset", "objectiveclass", "emotion"), _has_subjects),
        # `spNO.1/a/color/12.jpg`: a video holds several expressions.
        lambda path: "/".join(part for part in path.parts if part != "color") if path.name != "depth" else "",
        lambda row: f"{row.text('subject')}/{row.text('name')}",
        {860: "part A"},
    ),
    Layout(
        *("mmew", 90.0, ("filename", "onsetframe", "estimatedemotion", "remarks"), _has_emotions),
        lambda path: path.name,
        lambda row: row.text("name"),
        {300: "micro-expressions"},
    ),
    Layout(
        *("4dme", 60.0, ("subid", "foldname"), _has_table("subid", "foldname")),
        lambda path: path.name,
        lambda row: row.text("name"),
        {267: "micro-expressions"},
    ),
    Layout(
        *("dfme", 500.0, ("filename", "emotionid", "fps"), _has_table("filename", "emotionid", "fps")),
        lambda path: path.name,
        lambda row: row.text("name"),
        {1856: "training", 474: "test A", 299: "test B"},
    ),
    Layout(
        *("meview", 25.0, ("filename", "startframevideo"), _has_table("filename", "startframevideo")),
        lambda path: path.name,
        lambda row: row.text("name"),
        {40: "as released"},
    ),
    Layout(
        *("casme1", 60.0, ("filename", "onsetf", "apexf1"), _has_table("filename", "onsetf", "apexf1")),
        _of_person,
        lambda row: f"{row.number('subject')}/{row.text('name')}",
        {195: "as released", 189: "as it circulates without offsets"},
        (*OPTIONAL, "offset"),
    ),
)


def open_one_row_a_clip(folder: Path, errata: bool = True) -> tuple[VideoDatabase, ...]:
    """The database in a folder; none where it is none of these. InputError where its table is missing or unusable."""
    for layout in LAYOUTS:
        root = next((path for path in folders(folder, 2) if layout.holds(path)), None)
        if root is not None:
            return (_open(layout, root, folder, errata),)
    return ()


def clips_of_table(
    layout: Layout, rows: Sequence[Row], found: Mapping[str, Images]
) -> tuple[list[Clip], list[str]]:
    """The clips of a table's rows, each once, and lines about what is odd; ``found``: their images by `same_name`."""
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
                float(row.number("fps") or layout.fps),
                marks.onset,
                marks.apex,
                end_of(images, marks.offset, marks.ends),
                emotion_of(row.text("emotion")),
                row.text("aus"),
                row=row.where,
                fault=marks.fault or images.fault,
                notes=(*marks.notes, *images.notes),
            )
        ]

    return clips_of(rows, read, several=True)


def version_of(layout: Layout, clips: Sequence[Clip]) -> str:
    """Which of the released tables these rows are, in words, and how many."""
    rates = Counter(clip.fps for clip in clips)
    known = layout.tables.get(len(clips), "of no known version")
    mixed = ", ".join(f"{count} at {fps:g} fps" for fps, count in sorted(rates.items(), reverse=True))
    return f"{known}, {len(clips)} rows" + (f" ({mixed})" if len(rates) > 1 else "")


def _open(layout: Layout, root: Path, folder: Path, errata: bool) -> VideoDatabase:
    found: dict[str, Images] = {}
    for path in folders(root, 3):
        key = layout.of_folder(path.relative_to(root)) if path != root else ""
        if key and (images := images_of(path)) != Images():
            found[same_name(key)] = images
    rows = find_records(root, folder, COLUMNS, layout.optional, DATASETS[layout.name].looked_for)
    clips, odd = clips_of_table(layout, rows, found)
    version = version_of(layout, clips)
    clips, mended = mend(clips) if errata else (clips, [])
    placed, faults, moved = settled(clips)
    return VideoDatabase(layout.name, "as released", version, placed, faults, (*odd, *mended, *moved))
