"""An annotation table by itself, without its images: whose it is, which version, and its clips."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engines.errors import InputError
from offline.datasets import casme2, one_row_a_clip, samm, smic
from offline.datasets.class_maps import CDE
from offline.datasets.clips import Clip, once
from offline.datasets.composite import read_composite
from offline.datasets.long_tables import NAMES, labels_of, layout_of_table
from offline.datasets.long_videos import clips_of_labels
from offline.datasets.sheets import Row, records, sheets, told_by, word
from offline.datasets.tabled import clips_of


@dataclass(frozen=True)
class Annotations:
    """A table: the database it is of, its ``version`` in words, its ``clips`` (without frames, each once) and lines
    about it: rows left out, clips listed twice, what differs from the known versions.
    """

    dataset: str
    version: str
    clips: tuple[Clip, ...]
    notes: tuple[str, ...] = ()

    def emotions(self) -> Counter[str]:
        """Clips an emotion."""
        return Counter(clip.emotion for clip in self.clips)


def read_annotations(table: Path) -> tuple[Annotations, ...]:
    """What a table holds: one database's annotations, or a camera's each of SMIC's.

    Raises InputError, one line that says why, for a file that cannot be read and for a table of no database known here
    or without what an annotation needs.
    """
    if not table.is_file():
        raise InputError(f"no such table: {table}")
    sheets(table)  # an unreadable file is said as such, not as a table of nobody
    for read in _READERS:
        if found := read(table):
            return found
    raise InputError(f"{table}: {_why_not(table)}")


def _long(table: Path) -> tuple[Annotations, ...]:
    layout = layout_of_table(table)
    if layout is None:
        return ()
    labels = labels_of(table, layout)
    clips, twice = once(clips_of_labels(labels), several=True)
    notes = (*labels.notes, *twice)
    return (Annotations(NAMES[layout], labels.version, tuple(clips), notes),)


def _smic(table: Path) -> tuple[Annotations, ...]:
    found = []
    for camera, (dataset, fps) in smic.DATASETS.items():
        try:
            rows = smic.rows_of_camera(table, camera)
        except InputError:
            rows = None
        if not rows or not smic.CLIP.fullmatch(rows[0].text("name").lower()):
            continue
        clips, odd = clips_of(rows, lambda row: smic.clips_of_row(dataset, fps, row, {}))  # noqa: B023  # called here
        whole = sum(CDE.counts[dataset][0])
        names = {clip.name.partition("#")[0] for clip in clips}
        more = "" if len(names) == whole else f", published are {whole}"
        found.append(Annotations(dataset, f"{len(names)} clips{more}", tuple(clips), tuple(odd)))
    return tuple(found)


def _one_row_a_clip(table: Path) -> tuple[Annotations, ...]:
    for layout in one_row_a_clip.LAYOUTS:
        if told_by(table, layout.told_by):
            rows = records(table, one_row_a_clip.COLUMNS, layout.optional)
            clips, odd = one_row_a_clip.clips_of_table(layout, rows, {})
            version = one_row_a_clip.version_of(layout, clips)
            return (Annotations(layout.name, version, tuple(clips), (*odd, *_without_offsets(rows))),)
    return ()


def _samm(table: Path) -> tuple[Annotations, ...]:
    rows = _rows(table, samm.COLUMNS, samm.OPTIONAL, r"\d{1,3}_\d+_\d+")
    if rows is None:
        return ()
    clips, odd = clips_of(rows, lambda row: [samm.clip_of(row, {})])
    return (Annotations(samm.NAME, samm.version_of(clips), tuple(clips), (*odd, *_without_offsets(rows))),)


def _casme2(table: Path) -> tuple[Annotations, ...]:
    rows = _rows(table, casme2.COLUMNS, casme2.OPTIONAL, r"EP\d.*")
    if rows is None:
        return ()
    clips, odd = clips_of(rows, lambda row: [casme2.clip_of(row, {})])
    version, about = casme2.version_of(clips)
    return (Annotations(casme2.NAME, version, tuple(clips), (*about, *odd, *_without_offsets(rows))),)


def _composite(table: Path) -> tuple[Annotations, ...]:
    clips = read_composite(table)
    if clips is None:
        return ()
    counts = ", ".join(f"{name} {count}" for name, count in Counter(clip.dataset for clip in clips).items())
    return (Annotations("composite", f"MEGC 2019, {len(clips)} clips ({counts})", tuple(clips)),)


_READERS: Final[tuple[Callable[[Path], tuple[Annotations, ...]], ...]] = (
    _composite,
    _long,
    _smic,
    _one_row_a_clip,
    _samm,
    _casme2,
)


def _rows(
    table: Path, columns: dict[str, tuple[str, ...]], optional: tuple[str, ...], name: str
) -> list[Row] | None:
    """The rows of a table whose clips are called so; None where it is none."""
    try:
        rows = records(table, columns, optional)
    except InputError:
        return None
    named = [row for row in rows if re.fullmatch(name, row.text("name"))]
    return rows if 2 * len(named) > len(rows) else None


def _without_offsets(rows: Sequence[Row]) -> list[str]:
    if any("offset" in row.cells for row in rows):
        return []
    return ["without offsets: each clip is taken to its last image, or to its apex without images"]


def _why_not(table: Path) -> str:
    """What a table has instead of annotations."""
    heads = [
        [str(cell) for cell in row if cell is not None] for rows in sheets(table).values() for row in rows[:1]
    ]
    head = next((cells for cells in heads if cells), [])
    if "objectiveclass" in {word(cell) for cell in head} and len(head) <= 3:
        return "has objective classes alone, no onset, offset and emotion: give the coding table itself"
    shown = ", ".join(head[:6]) or "nothing"
    return (
        f"is no table of a database known here, it begins with {shown[:80]}: an annotation has a subject, a file name, "
        "an onset, an offset and an emotion"
    )
