"""The databases of the field, read from the folders they were unpacked into.

Needs the extra ``train``: pip install 'apexcam[train]'.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import InputError
from engines.files import at_home

if TYPE_CHECKING:
    from offline.datasets.clips import VideoDatabase
    from offline.datasets.samples import Samples

__all__ = ["load", "load_flowmaps"]


def load(*folders: str | os.PathLike[str], errata: bool = True) -> "list[VideoDatabase]":
    """The databases of videos in ``folders``, layout and version found out.

    A folder is what ``apexbench run --data`` takes: CASME II, SMIC, SAMM, CAS(ME)², SAMM Long Videos, CAS(ME)³, MMEW or
    4DME as unpacked, or NAME=DIR. ``errata`` False leaves the tables' known mistakes in.

    Each has its ``clips`` (subject, frames, onset, apex, offset, emotion, action units), the ``faults`` of those that
    cannot be used, and ``notes``. Raises InputError for a folder that is no such database, or is given twice.

    >>> load("gone")
    Traceback (most recent call last):
        ...
    engines.errors.InputError: no such folder: gone; give the one that the database was unpacked into
    """
    if not folders:
        raise InputError("no folder given; give the ones that the databases were unpacked into")
    with _needing_train():
        from offline.preparation.command import open_databases

        return open_databases([os.fspath(folder) for folder in folders], errata)


def load_flowmaps(folder: str | os.PathLike[str]) -> "Samples":
    """The released 28x28 flow maps of the MEGC 2019 composite in ``folder``, as arrays for scikit-learn.

    ``maps`` float32 (N, 3, 28, 28) in 0..1, ``labels`` int64 (N,) into ``classes``, ``people`` str (N,), what must
    never stand on both sides of a split. Raises InputError for a folder that does not hold them.
    """
    with _needing_train():
        from offline.datasets.flowmaps import load_flowmaps as read

        return read(Path(at_home(os.fspath(folder))))


@contextmanager
def _needing_train() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("apexcam", "engines", "offline"):
            raise
        raise InputError(f"{error.name} is not installed: pip install 'apexcam[train]'") from None
