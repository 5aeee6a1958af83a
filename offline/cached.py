"""What the benchmark keeps in the cache folder, how much it takes, and its removal."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engines.errors import InputError
from engines.files import cache_folder

# Subfolder, pattern of the files that are written there, and what they are.
KINDS: Final = {
    "clips": ("*.npz", "prepared clips"),
    "spot-train/recordings": ("*.npz", "what the spotter saw of videos it trains on"),
    "spot-train/trained": ("*.msgpack", "finished trainings of the spotter"),
}


@dataclass(frozen=True)
class Kept:
    """The files of one kind; ``bytes`` as they lie on the disk, names and blocks apart."""

    kind: str
    what: str
    folder: Path
    files: tuple[Path, ...]
    bytes: int


def kept(base: Path | None = None) -> list[Kept]:
    """Each kind of `KINDS` below ``base``; None is where everything is kept unless --cache says otherwise."""
    found = []
    for kind, (pattern, what) in KINDS.items():
        folder = cache_folder(kind) if base is None else base / kind
        files = tuple(path for path in sorted(folder.glob(pattern)) if path.is_file())
        found.append(Kept(kind, what, folder, files, sum(path.stat().st_size for path in files)))
    return found


def clear(each: Kept) -> None:
    """Remove its files and nothing else that lies there. InputError where one cannot be removed."""
    for path in each.files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"cannot remove {path}: {error.strerror or error}") from None
