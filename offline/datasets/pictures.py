"""Single pictures of ordinary expressions, one folder an emotion, as copies of CK+, Oulu-CASIA, JAFFE and MUG are kept.

A picture becomes a clip that stands still, its second frame the apex, so that it is prepared as videos are.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engines.errors import InputError
from engines.series import copied_name, hidden, pictures_in
from offline.datasets.class_maps import ORDINARY
from offline.datasets.clips import Clip, VideoDatabase, emotion_of

DATASET: Final = "pictures"


def open_pictures(folders: Sequence[Path]) -> VideoDatabase:
    """Every picture of the folders, whose own folders are called by emotions, such as happiness/S010_004.png.

    Of whom they are is not known: the subject is the folder's name. Raises InputError for a folder without one that is
    called by an emotion, and for one given twice.
    """
    clips: list[Clip] = []
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("--pictures: a folder is given twice; leave one of them out")
    for folder in folders:
        found = _of(folder)
        if not any(clip.emotion in ORDINARY.of[DATASET] for clip in found):
            known = ", ".join(ORDINARY.of[DATASET])
            raise InputError(
                f"{folder} has no pictures in folders called by emotions: one folder each, of {known}"
            )
        clips += found
    where = ", ".join(str(folder) for folder in folders)
    return VideoDatabase(DATASET, f"a folder for each emotion in {where}", "none", tuple(clips))


def _of(folder: Path) -> list[Clip]:
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}; give one with a folder of pictures for each emotion")
    return [
        Clip(
            *(DATASET, folder.name, f"{emotion.name}/{path.relative_to(emotion)}"),
            frames=((0, path), (1, path)),
            fps=1.0,
            onset=0,
            apex=1,
            offset=1,
            emotion=emotion_of(emotion.name),
            kind="macro",
        )
        for emotion in sorted(child for child in folder.iterdir() if child.is_dir())
        for path in _pictures_below(emotion)
    ]


def _pictures_below(folder: Path) -> list[Path]:
    """Every picture in a folder and those in it, without copies and what systems leave there."""
    found = []
    for place in (folder, *(path for path in sorted(folder.rglob("*")) if path.is_dir())):
        if not any(hidden(part) for part in place.relative_to(folder).parts):
            here = pictures_in(place)
            names = {path.stem for path in here}
            found += [path for path in here if copied_name(path.stem) not in names]
    return found
