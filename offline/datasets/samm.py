"""SAMM (Davison et al., IEEE TAFFC 2018): 200 fps, `006/006_1_2/006_05562.jpg`; the header stands below many lines."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from engines.errors import InputError
from offline.datasets.clips import Clip, VideoDatabase, emotion_of, settled
from offline.datasets.errata import mend
from offline.datasets.images import end_of, folders, images_of, same_name
from offline.datasets.registry import DATASETS
from offline.datasets.sheets import Row
from offline.datasets.tabled import clips_of, find_records

NAME: Final = "samm"
FPS: Final = 200.0
COLUMNS: Final = {
    "subject": ("subject",),
    "name": ("filename",),
    "onset": ("onsetframe", "onset"),
    "apex": ("apexframe", "apex"),
    "offset": ("offsetframe", "offset"),
    "aus": ("actionunits",),
    "emotion": ("estimatedemotion", "emotion"),
}
COUNTS: Final = {
    "anger": 57,
    "others": 26,
    "happiness": 26,
    "surprise": 15,
    "contempt": 12,
    "disgust": 9,
    "fear": 8,
    "sadness": 6,
}

# Two apexes lie outside their intervals (1143 and 1930); some copies have them so.
_MENDED: Final = {"028_4_1": 1113, "032_3_1": 4930}
OPTIONAL: Final = ("subject", "aus", "offset")


def open_samm(folder: Path, errata: bool = True) -> tuple[VideoDatabase, ...]:
    """The database in a folder; none where it is not SAMM. InputError where its table is missing or unusable."""
    roots = [path for path in folders(folder, 2) if _holds_subjects(path)]
    if not roots:
        return ()
    found = {same_name(clip.name): clip for clip in sorted(roots[0].glob("*/*_*_*")) if clip.is_dir()}
    rows = find_records(roots[0], folder, COLUMNS, OPTIONAL, DATASETS[NAME].looked_for)
    clips, odd = clips_of(rows, lambda row: [clip_of(row, found)])
    version = version_of(clips)
    clips, mended = mend(clips) if errata else (clips, [])
    placed, faults, moved = settled(clips)
    return (VideoDatabase(NAME, "as released", version, placed, faults, (*odd, *mended, *moved)),)


def version_of(clips: Sequence[Clip]) -> str:
    """Which version of the table these are, in words, or that it is none of the known ones."""
    whole = Counter(clip.emotion for clip in clips) == Counter(COUNTS)
    apexes = {clip.name: clip.apex for clip in clips}
    mended = [name for name, apex in _MENDED.items() if apexes.get(name) == apex]
    words = f", apex mended of {' and '.join(mended)}" if mended else ""
    return f"{'V2' if whole else 'of no known version'}, {len(clips)} rows{words}"


def _holds_subjects(root: Path) -> bool:
    people = (path for path in root.iterdir() if re.fullmatch(r"\d{1,3}", path.name))
    return any(
        path.is_dir() and any(re.fullmatch(r"\d+_\d+_\d+", c.name) for c in path.iterdir()) for path in people
    )


def clip_of(row: Row, found: Mapping[str, Path]) -> Clip:
    """The clip of a row; ``found``: the clips' folders. InputError for a row that names none."""
    parts, marks = row.text("name").split("_"), row.marks("/", "-1")
    fault = marks.fault
    name = "_".join([parts[0].zfill(3), *parts[1:]])
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        name = row.text("name")
        fault = f"{row.where}: {name!r} is not a clip's name such as 006_1_2"
        if not name or marks.fault:
            raise InputError(fault if name else row.nameless)
    images = images_of(found.get(same_name(name)))
    return Clip(
        NAME,
        name[:3],
        name,
        images.frames,
        FPS,
        marks.onset,
        marks.apex,
        end_of(images, marks.offset, marks.ends),
        emotion_of(row.text("emotion")),
        row.text("aus"),
        row=row.where,
        fault=fault or images.fault,
        notes=(*marks.notes, *images.notes),
    )
