"""Any video database, by the folder it was unpacked into."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from engines.errors import InputError
from offline.datasets import casme2, long_videos, one_row_a_clip, samm, smic
from offline.datasets.clips import VideoDatabase
from offline.datasets.mark import drawn_from
from offline.datasets.sheets import sheets, tables

Opener = Callable[[Path, bool], tuple[VideoDatabase, ...]]

_LONG: Final = (
    "CAS(ME)² or SAMM Long Videos: CAS(ME)^2code_final*.xlsx or SAMM_LongVideos*.xlsx beside its images"
)
# By the name that --data gives a folder; more than one name may mean one reader.
READERS: Final[dict[str, Opener]] = {
    "casme2": casme2.open_casme2,
    "smic": smic.open_smic,
    "samm": samm.open_samm,
    "casme-sq": long_videos.open_long_clips,
    "samm-lv": long_videos.open_long_clips,
    "casme3": one_row_a_clip.open_one_row_a_clip,
    "mmew": one_row_a_clip.open_one_row_a_clip,
    "4dme": one_row_a_clip.open_one_row_a_clip,
    "dfme": one_row_a_clip.open_one_row_a_clip,
    "meview": one_row_a_clip.open_one_row_a_clip,
    "casme": one_row_a_clip.open_one_row_a_clip,
}
LOOKED_FOR: Final = (casme2.LOOKED_FOR, smic.LOOKED_FOR, samm.LOOKED_FOR, _LONG, *one_row_a_clip.LOOKED_FOR)


def open_video_dataset(
    folder: Path, name: str | None = None, errata: bool = True
) -> tuple[VideoDatabase, ...]:
    """The databases in a folder: one, or SMIC's HS, VIS and NIR. ``name`` is a name of `READERS`; None finds out.

    ``errata`` False leaves the tables' known mistakes in. Raises InputError where the folder holds no such database,
    saying what was looked for, and where a table is not as it should be.
    """
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}; give the one that the database was unpacked into")
    if name is not None and name not in READERS:
        raise InputError(
            f"--data {name}={folder}: unknown database {name!r}; choose from {', '.join(READERS)}"
        )
    if folder.name in ("", ".."):
        folder = folder.resolve()  # tables are looked for above it too
    readers = [READERS[name]] if name else list(dict.fromkeys(READERS.values()))
    for reader in readers:
        try:
            found = reader(folder, errata)
        except PermissionError as error:
            raise InputError(f"cannot read {error.filename}: {error.strerror}") from None
        if found:
            return tuple(replace(database, rendered=drawn_from(database.clips)) for database in found)
    what = f"{name} in no known layout" if name else "none of the known layouts"
    unread = "; ".join(_unreadable(folder))
    raise InputError(f"{folder} is {what}; {unread}{'; ' * bool(unread)}looked for {'; '.join(LOOKED_FOR)}")


def _unreadable(folder: Path) -> Iterator[str]:
    for table in tables(folder):
        try:
            sheets(table)
        except InputError as error:
            yield str(error)
