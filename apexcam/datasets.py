"""The databases of the field, read from the folders they were unpacked into.

`load` needs the extra ``train``: pip install 'apexcam[train]'.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import InputError
from engines.files import at_home

if TYPE_CHECKING:
    from offline.datasets.clips import VideoDatabase
    from offline.datasets.samples import Samples

__all__ = ["load", "load_flowmaps"]


def load(
    folder: str | os.PathLike[str], name: str | None = None, *, errata: bool = True
) -> "list[VideoDatabase]":
    """The databases of videos in ``folder``: one, or SMIC's HS, VIS and NIR.

    CASME II, SMIC, SAMM, CAS(ME)², SAMM Long Videos, CAS(ME)³, MMEW, 4DME, DFME, CASME and MEVIEW are known, in the
    layouts they are handed out in. ``name`` is that of ``apexbench run --data NAME=DIR``, such as casme2; None finds
    out. ``errata`` False leaves the tables' known mistakes in.

    Each has its ``clips`` (subject, frames, onset, apex, offset, emotion, action units), the ``faults`` of those that
    cannot be used, and ``notes``. Raises InputError for a folder that is no such database, and without the extra.

    >>> load("gone")
    Traceback (most recent call last):
        ...
    engines.errors.InputError: no such folder: gone; give the one that the database was unpacked into
    """
    if find_spec("openpyxl") is None:
        raise InputError("openpyxl is not installed: pip install 'apexcam[train]'")
    from offline.datasets.video import open_video_dataset

    return list(open_video_dataset(Path(at_home(os.fspath(folder))), name, errata))


def load_flowmaps(folder: str | os.PathLike[str]) -> "Samples":
    """The released 28x28 flow maps of the MEGC 2019 composite in ``folder``, as arrays for scikit-learn.

    ``maps`` float32 (N, 3, 28, 28) in 0..1, ``labels`` int64 (N,) into ``classes``, ``people`` str (N,), what must
    never stand on both sides of a split. Raises InputError for a folder that does not hold them.
    """
    from offline.datasets.flowmaps import load_flowmaps as read

    return read(Path(at_home(os.fspath(folder))))
