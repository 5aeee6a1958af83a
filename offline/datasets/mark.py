"""What tells a rendered database from the recorded one whose layout it has: a file that lies in its folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from offline.datasets.clips import Clip

NAME: Final = "RENDERED.txt"
_BEGINS: Final = "Rendered by apexcam"


def write_mark(folder: Path, settings: str) -> None:
    """Write the mark into a database's folder; ``settings`` in words are what it was rendered with."""
    lines = (
        f"{_BEGINS}: nobody was recorded, and this is not the database whose layout it has.",
        f"{settings}.",
        "Keep this file here: by it apexbench calls the figures rendered and sets none beside the papers'.",
    )
    (folder / NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")


def is_rendered(clips: Sequence[Clip]) -> bool:
    """Whether the mark lies in a folder above any clip's frames, whichever of these folders was opened."""
    folders = {folder for clip in clips for _, path in clip.frames[:1] for folder in path.absolute().parents}
    return any(_is_mark(folder / NAME) for folder in folders)


def _is_mark(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINS)) == _BEGINS.encode()
    except OSError:
        return False
