"""Any video database, by the folder it was unpacked into."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engines.errors import InputError
from offline.datasets.clips import VideoDatabase
from offline.datasets.mark import drawn_from
from offline.datasets.registry import DATASETS, READABLE, find_dataset, others, reader_of
from offline.datasets.sheets import sheets, tables


def open_video_dataset(
    folder: Path, name: str | None = None, errata: bool = True
) -> tuple[VideoDatabase, ...]:
    """The databases in a folder: one, or SMIC's HS, VIS and NIR. ``name``: a row of the registry; None finds out,
    among those of this package.

    ``errata`` False leaves the tables' known mistakes in. Raises InputError where the folder holds no such database,
    saying what was looked for, and where a table is not as it should be.
    """
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}; give the one that the database was unpacked into")
    if name is not None and name not in (*READABLE, *others()):
        known = ", ".join((*READABLE, *others()))
        raise InputError(f"--data {name}={folder}: unknown database {name!r}; choose from {known}")
    if folder.name in ("", ".."):
        folder = folder.resolve()  # tables are looked for above it too
    rows = [find_dataset(name)] if name else [DATASETS[each] for each in READABLE]
    for reader in dict.fromkeys(reader_of(row) for row in rows):
        try:
            found = reader(folder, errata)
        except PermissionError as error:
            raise InputError(f"cannot read {error.filename}: {error.strerror}") from None
        if found:
            return tuple(replace(database, rendered=drawn_from(database.clips)) for database in found)
    what = f"{name} in no known layout" if name else "none of the known layouts"
    looked_for = "; ".join(filter(None, (row.looked_for for row in (rows if name else DATASETS.values()))))
    unread = "; ".join(_unreadable(folder))
    raise InputError(f"{folder} is {what}; {unread}{'; ' * bool(unread)}looked for {looked_for}")


def _unreadable(folder: Path) -> Iterator[str]:
    for table in tables(folder):
        try:
            sheets(table)
        except InputError as error:
            yield str(error)
