"""The private folder of a run: its socket and what its processes print; and what killed runs left of theirs."""

import contextlib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import psutil

from engines.errors import InputError
from realtime import ring
from realtime.ring import segment

_NAME: Final = re.compile(r"apexcam-run-(\d+)-(\d+)-.+")  # process id, its namespace


def temporary_folder() -> Path:
    """Where a run has its private folder. Raises InputError where there is none that can be written."""
    try:
        folder = tempfile.gettempdir()
    except OSError:
        raise InputError(
            "no folder for temporary files can be written; set TMPDIR to one, or mount /tmp writable"
        ) from None
    # A socket's path has room for about a hundred characters.
    return Path("/tmp" if len(folder) > 50 and sys.platform != "win32" else folder)


def make() -> Path:
    """A new one of this process. Raises InputError."""
    prefix, where = f"apexcam-run-{os.getpid()}-{segment.pid_namespace()}-", temporary_folder()
    try:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=where))
    except OSError as error:
        raise InputError(
            f"{where}: no folder can be made there: {error.strerror or error}; set TMPDIR to one that can be written"
        ) from None


def remove_traces(main_pid: int, folder: str) -> None:
    """Removes every shared-memory segment of a run and its private folder, whoever made them."""
    ring.unlink_of(main_pid)
    shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers() -> None:
    """Removes what runs that were killed with all their processes left: segments and private folders.

    Those of other containers stay: whether their processes live cannot be seen from here. Raises InputError where
    there is no temporary folder.
    """
    with contextlib.suppress(OSError):
        ring.unlink_stale()
    for folder in temporary_folder().glob("apexcam-run-*"):
        named = _NAME.fullmatch(folder.name)
        if named and int(named[2]) == segment.pid_namespace() and not psutil.pid_exists(int(named[1])):
            shutil.rmtree(folder, ignore_errors=True)
