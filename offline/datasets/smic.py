"""SMIC (Li et al., FG 2013): -HS at 100 fps, -VIS and -NIR at 25; no apex is annotated.

`SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01/reg_image559740.bmp`, raw the same with `image559740.bmp`, extended
`SMIC-HS-E/s20/s20_ne_01/image17581039.jpg` with frames before and after. The folders of cropped and raw clips hold the
expression from onset to offset and name its class, so they can be read without a table; the extended ones need theirs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from engines.errors import InputError
from engines.series import pictures_in
from offline.datasets.clips import Clip, VideoDatabase, emotion_of, settled
from offline.datasets.errata import mend
from offline.datasets.images import folders, images_of
from offline.datasets.sheets import Row, records, sheets, tables
from offline.datasets.tabled import clips_of

DATASETS: Final = {"HS": ("smic", 100.0), "VIS": ("smic-vis", 25.0), "NIR": ("smic-nir", 25.0)}
COLUMNS: Final = {
    "name": ("filename",),
    "emotion": ("emotion", "estimatedemotion"),
    **{
        f"{mark}{part or 1}": (f"{mark}{part}f", f"{mark}{part}frame", f"{mark}{part}")
        for mark in ("onset", "offset")
        for part in ("", "2", "3")
    },
}
OPTIONAL: Final = tuple(field for field in COLUMNS if field not in ("name", "emotion"))
_CLASSES: Final = {"ne": "negative", "po": "positive", "sur": "surprise"}
_LAYOUTS: Final = ("cropped", "raw", "extended")
CLIP: Final = re.compile(r"s(\d+)_(ne|po|sur)_(\d+)")


@dataclass(frozen=True)
class _Found:
    """A clip's folder."""

    path: Path
    subject: str
    name: str
    emotion: str


def open_smic(folder: Path, errata: bool = True) -> tuple[VideoDatabase, ...]:
    """The databases in a folder, HS, VIS and NIR; none where it is not SMIC.

    Raises InputError where an extended one has no table, or a table's frame numbers are none.
    """
    by_kind: dict[tuple[str, str], dict[str, _Found]] = {}
    for path in folders(folder, 6):
        if (parts := CLIP.fullmatch(path.name)) is None:
            continue
        camera, layout = _camera(path), _layout(path)
        subject, number = f"s{int(parts[1]):02d}", int(parts[3])
        found = _Found(path, subject, f"{subject}_{parts[2]}_{number:02d}", _CLASSES[parts[2]])
        by_kind.setdefault((camera, layout), {})[found.name] = found
    databases = []
    for camera in DATASETS:
        layouts = [layout for layout in _LAYOUTS if (camera, layout) in by_kind]
        if layouts:
            database = _open(folder, camera, layouts[0], by_kind[camera, layouts[0]], errata)
            also = [f"{layout} frames are there too, not used" for layout in layouts[1:]]
            databases.append(replace(database, notes=(*also, *database.notes)))
    return tuple(databases)


def _open(folder: Path, camera: str, layout: str, found: dict[str, _Found], errata: bool) -> VideoDatabase:
    dataset, fps = DATASETS[camera]
    rows, notes = _table(folder, camera)
    if rows is None:
        if layout == "extended":
            raise InputError(
                f"{folder}: no table of SMIC-{camera}-E: its clips hold more than the expression; put the .xlsx with "
                f"Filename, OnsetF, OffsetF, Emotion beside them{'; ' * bool(notes)}{'; '.join(notes)}"
            )
        clips = [_from_folder(dataset, fps, clip) for clip in found.values()]
        version = f"missing, {len(clips)} folders"
    else:
        clips, odd = clips_of(rows, lambda row: clips_of_row(dataset, fps, row, found))
        notes += odd
        listed = {clip.name.partition("#")[0] for clip in clips}
        extra = [clip for name, clip in found.items() if name not in listed]
        version = f"of {len(rows)} rows"
        if extra and layout != "extended":
            clips += [_from_folder(dataset, fps, clip) for clip in extra]
            version += f", {len(extra)} more by their folders"
        if extra:
            use = (
                "left out, where they begin is not known" if layout == "extended" else "read by their folders"
            )
            notes.append(f"not in the table, {use}: {', '.join(sorted(clip.name for clip in extra))}")
    clips.sort(key=lambda clip: clip.name)
    clips, mended = mend(clips) if errata else (clips, [])
    placed, faults, moved = settled(clips)
    return VideoDatabase(dataset, layout, version, placed, faults, (*notes, *mended, *moved))


def _camera(path: Path) -> str:
    for part in reversed(path.resolve().parts[:-1]):
        if found := re.search(r"(?<![A-Z])(HS|VIS|NIR)(?![A-Z])", part.upper()):
            return found[1]
    return "HS"


def _layout(path: Path) -> str:
    if "micro" not in (part.lower() for part in path.parts):
        return "extended"
    cropped = any("crop" in part.lower() for part in path.parts)
    return "cropped" if cropped or any(each.name.startswith("reg_") for each in pictures_in(path)) else "raw"


def _table(folder: Path, camera: str) -> tuple[list[Row] | None, list[str]]:
    """The rows of the table that names this camera, in its name or a sheet's; one that names none is HS's. Beside them
    a line for each table that could not be read.
    """
    unread = []
    for table in (*tables(folder, 2), *tables(folder.parent, 0)):
        try:
            rows = rows_of_camera(table, camera)
        except InputError as error:
            unread += [str(error)] if str(error).startswith("cannot read") else []
            continue
        if rows is not None:
            return rows, unread
    return None, unread


def rows_of_camera(table: Path, camera: str) -> list[Row] | None:
    """A camera's rows in a table; None where it has no such. InputError where it lacks columns or cannot be read."""
    pages = sheets(table)
    named = {title: rows for title, rows in pages.items() if title.strip().upper() in DATASETS}
    if named:
        own = {title: rows for title, rows in named.items() if title.strip().upper() == camera}
        return records(table, COLUMNS, OPTIONAL, own) if own else None
    return records(table, COLUMNS, OPTIONAL, pages) if _camera(table / "sheet") == camera else None


def _from_folder(dataset: str, fps: float, found: _Found, row: Row | None = None) -> Clip:
    """A clip that is the expression from its first frame to its last."""
    images = images_of(found.path)
    first, last = (images.frames[0][0], images.frames[-1][0]) if images.frames else (0, 0)
    return Clip(
        *(dataset, found.subject, found.name, images.frames, fps, first, None, last, found.emotion),
        row=row.where if row else "",
        fault=images.fault,
        notes=images.notes,
    )


def clips_of_row(dataset: str, fps: float, row: Row, found: Mapping[str, _Found]) -> list[Clip]:
    """The expressions of a row: the second and third in the same clip are called "...#2" and "...#3"."""
    parts = CLIP.fullmatch(row.text("name").lower())
    if parts is None:
        raise InputError(f"{row.where}: {row.text('name')!r} is not a clip's name such as s1_ne_01")
    subject = f"s{int(parts[1]):02d}"
    name = f"{subject}_{parts[2]}_{int(parts[3]):02d}"
    emotion = emotion_of(row.text("emotion"))
    here = found.get(name)
    images = images_of(here.path if here else None)
    clips = []
    for part in ("1", "2", "3"):
        if not row.text(f"onset{part}"):
            continue
        marks = row.marks(onset=f"onset{part}", offset=f"offset{part}")
        if marks.onset <= 0 and not marks.fault:
            continue
        called = name if part == "1" else f"{name}#{part}"
        clips.append(
            Clip(
                *(dataset, subject, called, images.frames, fps, marks.onset, None, marks.offset, emotion),
                row=row.where,
                fault=marks.fault or images.fault,
                notes=images.notes,
            )
        )
    if clips:
        return clips
    if here is None:
        return [Clip(dataset, subject, name, (), fps, 0, None, 0, emotion, row=row.where)]
    return [replace(_from_folder(dataset, fps, here, row), emotion=emotion)]
