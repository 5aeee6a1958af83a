"""MEGC 2019's own table of the composite's 442 clips: dataset, subject, clip, class; without a header, no frames."""

from pathlib import Path

from engines.errors import InputError
from engines.labels import CLASSES
from offline.datasets.clips import Clip
from offline.datasets.sheets import digits, sheets

_DATASETS = ("casme2", "smic", "samm")


def subject_of(dataset: str, subject: str) -> str:
    """A subject as the databases write it: SAMM's 6 and 10 are 006 and 010."""
    number = digits(subject)
    return f"{number:03d}" if dataset == "samm" and number is not None else subject


def read_composite(table: Path) -> list[Clip] | None:
    """The clips, their class as ``emotion``; None for any other table. InputError for a row that is none of it."""
    rows = [
        (at, [str(cell).strip() for cell in cells])
        for at, cells in enumerate(next(iter(sheets(table).values())), start=1)
        if any(cell is not None for cell in cells)
    ]
    if not rows or len(rows[0][1]) != 4 or rows[0][1][0] not in _DATASETS:
        return None
    clips = []
    for at, cells in rows:
        where = f"{table.name}, row {at}"
        if (
            len(cells) != 4
            or cells[0] not in _DATASETS
            or cells[3] not in {str(i) for i in range(len(CLASSES))}
        ):
            raise InputError(f"{where}: {', '.join(cells)[:60]!r} is no dataset, subject, clip and class")
        dataset, subject, name, label = cells
        rate = 100.0 if dataset == "smic" else 200.0
        person = subject_of(dataset, subject)
        clips.append(Clip(dataset, person, name, (), rate, 0, None, 0, CLASSES[int(label)], row=where))
    return clips
