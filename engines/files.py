"""Files that are either the old one or the whole new one, places and names that can be used, the folder for what can
be made again.
"""

import os
import tempfile
from pathlib import Path

from engines.errors import InputError


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


def check_file(option: str, path: Path) -> None:
    """Finds out before the work whether a file can be written there. Raises InputError."""
    if path.is_dir():
        raise InputError(f"{option} {path}: is a folder; give a file name")
    if not path.parent.is_dir():
        raise InputError(f"{option} {path}: there is no folder {path.parent}; make it first")
    _try_to_write(option, path, path.parent)


def check_folder(option: str, path: Path) -> None:
    """Finds out before the work whether files can be written into a folder, there or not yet. Raises InputError."""
    there = next((each for each in (path, *path.absolute().parents) if each.exists()), path)
    if not there.is_dir():
        is_it = "is a file; give a folder" if there == path else f"{there} is a file, not a folder"
        raise InputError(f"{option} {path}: {is_it}")
    _try_to_write(option, path, there)


def _try_to_write(option: str, path: Path, folder: Path) -> None:
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InputError(
            f"{option} {path}: {folder} cannot be written: {error.strerror or error}; give another place"
        ) from None


def check_name(path: str | Path) -> None:
    """Raises InputError for a path with bytes that are no text, which native libraries do not take."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode(errors="surrogateescape").decode(errors="replace")
        raise InputError(
            f"{shown}: its name holds bytes that are not UTF-8; rename it (convmv does it)"
        ) from None


def at_home(text: str) -> str:
    """A path with its ``~`` or ``~/`` expanded; anything else as it is. Raises InputError without a home."""
    if text != "~" and not text.startswith(("~/", "~\\")):
        return text
    try:
        return str(Path(text).expanduser())
    except RuntimeError:
        raise InputError(f"{text}: this account has no home folder; give the whole path") from None


def cache_folder(name: str) -> Path:
    """Where compiled things are kept: ``name`` in APEXCAM_CACHE, or in the user's cache folder. Not created."""
    base = os.environ.get("APEXCAM_CACHE")
    return (Path(base) if base else user_cache("apexcam")) / name


def user_cache(program: str) -> Path:
    """A program's folder in the user's cache; one that can never be made for an account without a home."""
    import platformdirs

    folder = Path(platformdirs.user_cache_dir(program))
    # Without a home it begins with a tilde that nobody expands: a folder of that name would be made right here.
    return folder if folder.is_absolute() else Path(os.devnull) / program
