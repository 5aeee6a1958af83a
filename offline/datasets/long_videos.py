"""The long-video databases as their owners hand them out: CAS(ME)^2 (30 fps) and SAMM Long Videos (200 fps).

A table with an interval a row, and a folder of numbered images a video. Frame numbers are those of the files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engines.errors import InputError
from offline.datasets.clips import Clip, VideoDatabase, emotion_of, once, settled
from offline.datasets.errata import mend
from offline.datasets.images import images_of
from offline.datasets.sheets import Row, digits, old_table, sheets, tables, word

# CAS(ME)^2's first sheet has no header: its columns in order.
_CASME2_COLUMNS = ("subject", "video", "onset", "apex", "offset", "aus", "emotion", "type", "selfreport")
_SAMM_COLUMNS = ("filename", "onset", "apex", "offset", "type")
NAMES = {"casme2long": "casme-sq", "sammlv": "samm-lv"}


@dataclass(frozen=True)
class Coded:
    """A row of a table: an expression, micro or macro. ``apex`` None where none lies within onset to offset.

    ``row``: where the table has it; ``fault``: why it cannot be used, else empty; ``notes``: what else is odd.
    """

    name: str
    kind: str
    onset: int
    apex: int | None
    offset: int
    emotion: str
    action_units: str
    row: str = ""
    fault: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LongVideo:
    """A folder of numbered images and the expressions in it, in order of onset; ``notes``: lines about both."""

    name: str
    subject: str
    fps: float
    folder: Path
    frames: tuple[tuple[int, Path], ...]
    coded: tuple[Coded, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LongVideos:
    """A database: its videos; (subject, expression) whose video is not here or whose row cannot be used; lines about
    those.
    """

    layout: str
    videos: tuple[LongVideo, ...]
    unusable: tuple[tuple[str, Coded], ...]
    notes: tuple[str, ...]


def open_long_videos(data: Path, layout: str | None = None) -> LongVideos:
    """The long videos in a folder. ``layout`` is a name of `LAYOUTS`; None finds out which it is.

    Raises InputError where there is no table, no folder of images, or the table is not as it should be.
    """
    if not data.is_dir():
        raise InputError(f"no such folder: {data}; give the one with the table and the images")
    if layout is not None and layout not in LAYOUTS:
        raise InputError(f"unknown layout {layout!r}: choose from {', '.join(LAYOUTS)}")
    chosen = layout or layout_of(data)
    found = _tables(data, chosen) if chosen else []
    if chosen is None or not found:
        wanted = [LAYOUTS[chosen][0]] if chosen else [pattern for pattern, _ in LAYOUTS.values()]
        old = old_table(data, 0)
        raise InputError(
            f"{data} holds no table of long videos: expected {' or '.join(wanted)}{'; ' * bool(old)}{old}"
        )
    database = LAYOUTS[chosen][1](data, found[-1])
    if not database.videos:
        raise InputError(f"{data} holds a table but no folder of images for it; see apexbench spot --help")
    return database


def layout_of(data: Path) -> str | None:
    """The layout whose table lies in a folder; None where there is none."""
    return next((name for name in LAYOUTS if _tables(data, name)), None)


def open_long_clips(folder: Path, errata: bool = True) -> tuple[VideoDatabase, ...]:
    """The expressions of the long videos in a folder as clips; none where it holds no such table."""
    layout = layout_of(folder)
    if layout is None:
        return ()
    database = open_long_videos(folder, layout)
    clips = [
        _clip(NAMES[layout], video.subject, video.fps, video.frames, coded)
        for video in database.videos
        for coded in video.coded
    ]
    fps = database.videos[0].fps
    clips += [_clip(NAMES[layout], subject, fps, (), coded) for subject, coded in database.unusable]
    clips, twice = once(clips, several=True)
    clips, mended = mend(clips) if errata else (clips, [])
    placed, faults, moved = settled(clips)
    kinds = [clip.kind for clip in clips]
    version = f"{kinds.count('macro')} macro and {kinds.count('micro')} micro rows"
    return (VideoDatabase(NAMES[layout], "long videos", version, placed, faults, (*twice, *mended, *moved)),)


def _clip(dataset: str, subject: str, fps: float, frames: tuple[tuple[int, Path], ...], coded: Coded) -> Clip:
    return Clip(
        dataset,
        subject,
        coded.name,
        frames,
        fps,
        coded.onset,
        coded.apex,
        coded.offset,
        coded.emotion,
        coded.action_units,
        coded.kind,
        coded.row,
        coded.fault,
        coded.notes,
    )


# -- tables ------------------------------------------------------------------------------------------------------------


def _tables(data: Path, layout: str) -> list[Path]:
    return [table for table in tables(data, 0) if table.match(LAYOUTS[layout][0])]


def _coded(name: str, row: Row) -> Coded | None:
    """An expression from a row's onset, apex, offset, type and emotion; None where it is of neither kind."""
    words = row.text("type").strip("'\"").lower()
    kind = "macro" if words.startswith("macro") else "micro" if words.startswith("micro") else None
    if kind is None:
        return None
    # An offset that nobody saw is written as 0, an apex as 0 or -1.
    unseen = row.text("offset") in ("", "/", "0", "0.0", "-1")
    marks = row.marks("/", offset="apex" if unseen else "offset")
    onset, apex, offset, fault = marks.onset, marks.apex, marks.offset, marks.fault
    if not fault and (onset < 0 or offset < onset):
        fault = f"{row.where}: onset {onset} comes after offset {offset}"
    inside = apex if apex is not None and not fault and onset <= apex <= offset else None
    aus = row.text("aus") or row.text("actionunits")
    told = (emotion_of(row.text("emotion")), aus, row.where, fault, marks.notes)
    return Coded(name, kind, onset, inside, offset, *told)


def _casme2long(data: Path, table: Path) -> LongVideos:
    """CAS(ME)^2: `rawpic/s15/15_0101disgustingteeth/img1.jpg`; a sheet each for rows, subjects and videos."""
    pages = sheets(table)
    coded = next((rows for name, rows in pages.items() if name.lower().endswith("code_final")), None)
    people = next((rows for name, rows in pages.items() if name.lower().endswith("rule1")), None)
    clips = next((rows for name, rows in pages.items() if name.lower().endswith("rule2")), None)
    if coded is None or people is None or clips is None:
        raise InputError(
            f"{table} has the sheets {', '.join(pages)}; needed are CASFEcode_final, naming rule1 and naming rule2"
        )
    subjects = {
        digits(row[2]): digits(row[1]) for row in people if len(row) > 2 and digits(row[1]) and digits(row[2])
    }
    codes = {str(row[1]).strip(): digits(row[0]) for row in clips if len(row) > 1 and digits(row[0])}
    rows_of: dict[tuple[int, int], list[Coded]] = {}
    unusable: list[tuple[str, Coded]] = []
    for at, cells in enumerate(coded, start=1):
        row = dict(zip(_CASME2_COLUMNS, cells, strict=False))
        if len(row) < 8:
            continue
        where = f"{table.name}, row {at}"
        expression = _coded(str(row["video"]).strip(), Row(row, where))
        if expression is None:
            continue
        subject = subjects.get(digits(row["subject"]))
        code = codes.get(str(row["video"]).rsplit("_", 1)[0].strip())
        if subject is None or code is None:
            why = f"{where}: the naming rules know no subject {row['subject']}, video {row['video']}"
            expression = replace(expression, fault=why)
        if expression.fault:
            unusable.append((f"s{subject or digits(row['subject'])}", expression))
        else:
            rows_of.setdefault((subject or 0, code or 0), []).append(expression)
    root = _folder(data, ("rawpic", "rawpic_crop", "cropped"))
    videos: list[LongVideo] = []
    for folder in sorted(root.glob("*/*")):
        parts = re.fullmatch(r"\w*?(\d+)_(\d{4}).*", folder.name)
        if not folder.is_dir() or parts is None:
            continue
        key = (int(parts[1]), int(parts[2]))
        _add(videos, unusable, f"s{key[0]}-{key[1]:04d}", f"s{key[0]}", 30.0, folder, rows_of.pop(key, []))
    absent = {(f"s{s}", f"s{s} {c:04d}"): rows for (s, c), rows in rows_of.items()}
    return _database("casme2long", videos, absent, unusable)


def _sammlv(data: Path, table: Path) -> LongVideos:
    """SAMM Long Videos: `SAMM_longvideos/006_1/006_1_0001.jpg`; one sheet, ten lines of words above its header."""
    rows = next(iter(sheets(table).values()))
    header = next(
        (i for i, row in enumerate(rows) if {"filename", "onset"} <= {_plain(cell) for cell in row}), None
    )
    if header is None:
        raise InputError(
            f"{table} has no header with Filename and Onset: it should be the long videos' table"
        )
    names = [_plain(cell) for cell in rows[header]]
    if missing := set(_SAMM_COLUMNS) - set(names):
        raise InputError(f"{table}: no column {', '.join(sorted(missing))} in row {header + 1}")
    rows_of: dict[str, list[Coded]] = {}
    unusable: list[tuple[str, Coded]] = []
    for at, cells in enumerate(rows[header + 1 :], start=header + 2):
        row = Row(dict(zip(names, cells, strict=False)), f"{table.name}, row {at}")
        name = row.text("filename")
        expression = _coded(name, row)
        if expression is not None and not name:
            expression = replace(expression, fault=row.nameless)
        if expression is not None and expression.fault:
            unusable.append((name.split("_")[0], expression))
        elif expression is not None:
            rows_of.setdefault("_".join(name.split("_")[:2]), []).append(expression)
    root = _folder(data, ("SAMM_longvideos", "SAMM_longvideos_cropped"))
    videos: list[LongVideo] = []
    for folder in sorted(root.iterdir()):
        if folder.is_dir() and re.fullmatch(r"\d+_\d+", folder.name):
            subject = folder.name.split("_")[0]
            _add(videos, unusable, folder.name, subject, 200.0, folder, rows_of.pop(folder.name, []))
    absent = {(name.split("_")[0], name): rows for name, rows in rows_of.items()}
    return _database("sammlv", videos, absent, unusable)


LAYOUTS = {
    "casme2long": ("CAS(ME)^2code_final*.xlsx", _casme2long),
    "sammlv": ("SAMM_LongVideos*.xlsx", _sammlv),
}


def _plain(cell: Any) -> str:
    """A header's cell: "Onset Frame" and "onset" are one."""
    return word(cell).removesuffix("frame")


def _database(
    layout: str,
    videos: list[LongVideo],
    absent: dict[tuple[str, str], list[Coded]],
    unusable: list[tuple[str, Coded]],
) -> LongVideos:
    """Raises InputError, with the first reason, where no row can be used."""
    without = [(subject, coded) for (subject, _), rows in absent.items() for coded in rows]
    if unusable and not without and not any(video.coded for video in videos):
        raise InputError(unusable[0][1].fault)
    notes = [f"{coded.fault}: left out" for _, coded in unusable]
    notes += [f"{note}" for video in videos for coded in video.coded for note in coded.notes]
    notes += [f"{video.name}: {note}" for video in videos for note in video.notes]
    notes += _left_over({name: rows for (_, name), rows in absent.items()})
    return LongVideos(layout, tuple(videos), (*without, *unusable), tuple(notes))


def _left_over(absent: dict[str, list[Coded]]) -> Iterator[str]:
    if absent:
        shown = ", ".join(sorted(absent)[:5]) + (" ..." if len(absent) > 5 else "")
        yield (
            f"{sum(map(len, absent.values()))} rows belong to {len(absent)} videos that are not here ({shown}); "
            "they are left out"
        )


# -- images ------------------------------------------------------------------------------------------------------------


def _folder(data: Path, names: tuple[str, ...]) -> Path:
    found = next((data / name for name in names if (data / name).is_dir()), None)
    if found is None:
        raise InputError(f"{data} has no folder {names[0]} with the images")
    return found


def _add(
    videos: list[LongVideo],
    unusable: list[tuple[str, Coded]],
    name: str,
    subject: str,
    fps: float,
    folder: Path,
    coded: list[Coded],
) -> None:
    """Adds a video with its rows, each once; to ``unusable`` where its images are not one series."""
    images = images_of(folder)
    if images.fault:
        unusable += [(subject, replace(one, fault=f"{one.row}: {images.fault}")) for one in coded]
    if not images.frames:
        return
    first: dict[tuple[int, int, str], Coded] = {}
    notes = list(images.notes)
    for one in sorted(coded, key=lambda expression: expression.onset):
        if (same := first.setdefault((one.onset, one.offset, one.kind), one)) is not one:
            second = one.row.rpartition(", ")[2]
            notes.append(f"listed twice ({same.row} and {second}): counted once")
    videos.append(LongVideo(name, subject, fps, folder, images.frames, tuple(first.values()), tuple(notes)))
