"""The mark of a rendered database, which distinguishes it from the recorded one of that layout: a file in its
folder.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from offline.datasets.clips import Clip

NAME: Final = "RENDERED.txt"
_BEGINS: Final = "Rendered by apexcam"
_LONGEST: Final = 4096


def write_mark(folder: Path, settings: str) -> None:
    """Write the mark into a database's folder; ``settings`` in words are what it was rendered with."""
    lines = (
        f"{_BEGINS}: nobody was recorded, and this is not the database whose layout it has.",
        f"{settings}.",
        "Keep this file here: by it apexbench calls the figures rendered and sets none beside the papers'.",
    )
    (folder / NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")


def drawn_from(clips: Sequence[Clip]) -> str:
    """What a rendered database's people were drawn from, such as "seed 7"; empty where people were recorded.

    It is rendered where the mark lies in a folder above any clip's frames, whichever of these folders was opened.
    """
    folders = {folder for clip in clips for _, path in clip.frames[:1] for folder in path.absolute().parents}
    for folder in sorted(folders):
        if mark := _mark(folder / NAME):
            seed = re.search(r"\bseed \d+", mark)
            return seed.group() if seed else "an unknown seed"
    return ""


def _mark(path: Path) -> str:
    """The mark in a file; empty where there is none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_LONGEST)
    except OSError:
        return ""
    return text if text.startswith(_BEGINS) else ""
