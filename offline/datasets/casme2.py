"""CASME II (Yan et al., PLoS ONE 2014): 200 fps, `sub01/EP02_01f/img46.jpg` below one of three folders.

`Cropped` (`reg_img46.jpg`), `CASME2_RAW_selected` and `CASME2-RAW`, as unpacked; the table beside them or above. Some
copies of the table lack its blank columns, and three versions of its contents circulate.
"""

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
from offline.datasets.sheets import Row, digits, tables, told_by
from offline.datasets.tabled import clips_of, find_records

NAME: Final = "casme2"
FPS: Final = 200.0
COLUMNS: Final = {
    "subject": ("subject",),
    "name": ("filename",),
    "onset": ("onsetframe", "onset"),
    "apex": ("apexframe", "apex", "apexframe1"),
    "offset": ("offsetframe", "offset"),
    "aus": ("actionunits", "actionunit", "aus", "au"),
    "emotion": ("estimatedemotion", "emotion"),
}
OPTIONAL: Final = ("aus", "apex", "offset")
# Headers of the first CASME, whose folders are called alike.
_OF_CASME: Final = ("onsetf", "apexf1")

_V1: Final = {
    "others": 99,
    "disgust": 63,
    "happiness": 32,
    "repression": 27,
    "surprise": 25,
    "sadness": 7,
    "fear": 2,
}
_WHOLE: Final = {
    "V1 (coding of 2014-05-08)": _V1,
    "V2": _V1 | {"surprise": 28, "sadness": 4},
    "V3": _V1 | {"disgust": 64},
}
VERSIONS: Final = _WHOLE | {
    f"{version}, five classes alone": {
        emotion: count for emotion, count in counts.items() if emotion not in ("sadness", "fear")
    }
    for version, counts in _WHOLE.items()
}


# Of the 57 cells of action units that differ between the codings of 2014 and 2019: (subject, clip), then each's.
_UNITS: Final = {
    ("sub01", "EP19_06f"): ("4+5+L10", "4+7+L10"),
    ("sub02", "EP06_01f"): ("14", "15"),
    ("sub03", "EP09_03"): ("4+9", "4+17"),
    ("sub05", "EP05_09"): ("15", "16+24"),
}
# One of the 14 apexes that the coding of 2018-12-20 replaced.
_REPLACED: Final = ("sub05", "EP03_01", 194)


def version_of(clips: Sequence[Clip]) -> tuple[str, list[str]]:
    """Which version of the table these are, in words, or that it is none of the known ones; and lines about it."""
    emotions, rows = Counter(clip.emotion for clip in clips), len(clips)
    known = next((version for version, counts in VERSIONS.items() if emotions == Counter(counts)), None)
    words, notes = [f"{known or 'of no known version'}, {rows} rows"], []
    units = {(clip.subject, clip.name): clip.action_units for clip in clips}
    for place, coding in enumerate(("action units of 2014-05-08", "action units of 2019-07-01")):
        if all(units.get(clip) == of[place] for clip, of in _UNITS.items()):
            words.append(coding)
    if any((clip.subject, clip.name, clip.apex) == _REPLACED for clip in clips):
        words.append("apexes of 2018-12-20")
        notes.append("14 apexes, 2 onsets and 4 offsets are not those of the other codings")
    if known is None and rows > 200:
        nearest, counts = min(VERSIONS.items(), key=lambda each: _apart(emotions, each[1]))
        differ = [
            f"{emotion} {emotions[emotion]} for {counts.get(emotion, 0)}"
            for emotion in sorted({*emotions, *counts})
            if emotions[emotion] != counts.get(emotion, 0)
        ]
        notes.append(f"the nearest known table is {nearest}: {', '.join(differ)}")
    return ", ".join(words), notes


def _apart(emotions: Counter[str], counts: Mapping[str, int]) -> int:
    return sum(abs(emotions[word] - counts.get(word, 0)) for word in {*emotions, *counts})


def open_casme2(folder: Path, errata: bool = True) -> tuple[VideoDatabase, ...]:
    """The database in a folder; none where it is not CASME II. InputError where its table is missing or unusable."""
    roots = [path for path in folders(folder, 2) if _holds_subjects(path)]
    if not roots:
        return ()
    root, layout = min(((root, _layout(root)) for root in roots), key=lambda found: _LAYOUTS.index(found[1]))
    try:
        rows = find_records(root, folder, COLUMNS, OPTIONAL, DATASETS[NAME].looked_for)
    except InputError:
        if any(told_by(table, _OF_CASME) for table in tables(folder)):
            return ()
        raise
    people = {
        digits(path.name): path for path in root.iterdir() if path.is_dir() and digits(path.name) is not None
    }
    clips, odd = clips_of(rows, lambda row: [clip_of(row, people)])
    version, about = version_of(clips)
    clips, mended = mend(clips) if errata else (clips, [])
    placed, faults, moved = settled(clips)
    also = [f"{_layout(path)} frames are there too, not used: {path}" for path in roots if path != root]
    return (VideoDatabase(NAME, layout, version, placed, faults, (*also, *about, *odd, *mended, *moved)),)


_LAYOUTS: Final = ("cropped", "selected raw", "raw")


def _holds_subjects(root: Path) -> bool:
    subjects = (path for path in root.iterdir() if re.fullmatch(r"sub\d+", path.name, re.IGNORECASE))
    return any(path.is_dir() and any(_is_clip(clip) for clip in path.iterdir()) for path in subjects)


def _is_clip(path: Path) -> bool:
    return path.is_dir() and path.name.upper().startswith("EP")


def _layout(root: Path) -> str:
    for clip in sorted(root.glob("*/EP*")):
        if clip.is_dir() and (frames := images_of(clip).frames):
            if frames[0][1].name.startswith("reg_"):
                return "cropped"
            break
    return "selected raw" if "selected" in root.name.lower() else "raw"


def clip_of(row: Row, people: Mapping[int | None, Path]) -> Clip:
    """The clip of a row; ``people``: their folders by number. InputError for a row without a clip's name."""
    number, name = row.number("subject"), row.text("name")
    if not name:
        raise InputError(row.nameless)
    person = people.get(number) if number is not None else None
    named = {same_name(path.name): path for path in person.iterdir() if path.is_dir()} if person else {}
    images, marks = images_of(named.get(same_name(name))), row.marks("/", "-1", "0")
    nobody = "" if number is not None else f"{row.where}: no subject; fill it in"
    return Clip(
        NAME,
        "(no subject)" if number is None else f"sub{number:02d}",
        name,
        images.frames,
        FPS,
        marks.onset,
        marks.apex,
        end_of(images, marks.offset, marks.ends),
        emotion_of(row.text("emotion")),
        row.text("aus"),
        row=row.where,
        fault=nobody or marks.fault or images.fault,
        notes=(*marks.notes, *images.notes),
    )
