"""Files that are either the old one or the whole new one, and the folder for what can be made again."""

import os
import tempfile
from pathlib import Path

import platformdirs


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is either the old one or the whole new one. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o666 & ~_umask())  # mkstemp makes files nobody else may read
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or in its parents where it is still to be made."""
    there = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def cache_folder(name: str) -> Path:
    """Where compiled things are kept: ``name`` in APEXCAM_CACHE, or in the user's cache folder. Not created."""
    base = os.environ.get("APEXCAM_CACHE")
    return (Path(base) if base else user_cache("apexcam")) / name


def user_cache(program: str) -> Path:
    """A program's folder in the user's cache; one that can never be made for an account without a home."""
    folder = Path(platformdirs.user_cache_dir(program))
    # Without a home it begins with a tilde that nobody expands: a folder of that name would be made right here.
    return folder if folder.is_absolute() else Path(os.devnull) / program
