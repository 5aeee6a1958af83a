"""The long-video databases as their owners hand them out: CAS(ME)^2 (30 fps) and SAMM Long Videos (200 fps).

A table with an interval a row, and a folder of numbered images a video. Frame numbers are those of the files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.labels import CLASSES
from offline.spotting.truth import Interval

_MOST_BYTES = 1 << 27  # of a table; the databases' are a hundred times smaller
_IMAGES = {".jpg", ".jpeg", ".png", ".bmp"}
# CAS(ME)^2's first sheet has no header: its columns in order.
_CASME2_COLUMNS = ("subject", "video", "onset", "apex", "offset", "au", "emotion", "type", "selfreport")
_SAMM_COLUMNS = ("filename", "onset", "apex", "offset", "type")


@dataclass(frozen=True)
class RecordedVideo:
    """A folder of numbered images. See `Video`."""

    name: str
    subject: str
    fps: float
    folder: Path
    first: int
    count: int
    intervals: tuple[Interval, ...]
    neutral: bool = False

    def identity(self) -> str:
        """See `Video.identity`: the table's rows, and name, size and time of the images."""
        digest = sha256(msgspec.json.encode(self.intervals))
        for number, path in _numbered(self.folder):
            stat = path.stat()
            digest.update(f"{number} {path.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        return f"{self.name} {self.fps:g} {digest.hexdigest()}"

    def performed(self) -> list[Interval]:
        """See `Video.performed`."""
        return list(self.intervals)

    def frames(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """See `Video.frames`."""
        for number, path in _numbered(self.folder):
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None:
                raise InputError(
                    f"{path} is not a readable image: replace it, or take its video's folder away"
                )
            yield number, np.asarray(image, dtype=np.uint8)

    def head_px(self, first: int, last: int) -> float | None:
        """See `Video.head_px`: unknown."""
        return None


@dataclass(frozen=True)
class Database:
    """Its videos, and lines for people about what does not fit together."""

    layout: str
    videos: tuple[RecordedVideo, ...]
    notes: tuple[str, ...]


def load_database(data: Path, layout: str | None = None) -> Database:
    """The long videos in a folder. ``layout`` is a name of `LAYOUTS`; None finds out which it is.

    Raises InputError where there is no table, no folder of images, or the table is not as it should be.
    """
    if not data.is_dir():
        raise InputError(f"no such folder: {data}; give the one with the table and the images")
    if layout is not None and layout not in LAYOUTS:
        raise InputError(f"unknown layout {layout!r}: choose from {', '.join(LAYOUTS)}")
    tables = {name: sorted(data.glob(pattern)) for name, (pattern, _) in LAYOUTS.items()}
    tables = {name: [t for t in found if not t.name.startswith("~")] for name, found in tables.items()}
    chosen = layout or next((name for name, found in tables.items() if found), None)
    if chosen is None or not tables[chosen]:
        wanted = [LAYOUTS[chosen][0]] if chosen else [pattern for pattern, _ in LAYOUTS.values()]
        raise InputError(f"{data} holds no table of long videos: expected {' or '.join(wanted)}")
    database = LAYOUTS[chosen][1](data, tables[chosen][-1])
    if not database.videos:
        raise InputError(f"{data} holds a table but no folder of images for it; see apexbench spot --help")
    return database


# -- tables ------------------------------------------------------------------------------------------------------------


def _sheets(table: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of values of every sheet of an .xlsx file."""
    from zipfile import ZipFile

    from openpyxl import load_workbook

    try:
        with ZipFile(table) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > _MOST_BYTES:
            raise ValueError(f"it unpacks to {unpacked >> 20} MiB")
        book = load_workbook(table, read_only=True, data_only=True)
        sheets = {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}
        book.close()
    except (
        Exception
    ) as error:  # openpyxl lets through whatever its zip and XML readers raise on a damaged file
        raise InputError(f"cannot read {table}: {error}; it should be an .xlsx file") from None
    return sheets


def _whole(value: Any, where: str) -> int:
    try:
        return int(float(str(value).strip()))
    except (ValueError, OverflowError):
        raise InputError(f"{where}: {value!r} is not a frame number") from None


def _interval(row: dict[str, Any], where: str) -> Interval | None:
    """An interval from a row's onset, apex, offset, type and emotion; None where it is of neither kind."""
    words = str(row["type"] or "").strip().strip("'\"").lower()
    kind = "macro" if words.startswith("macro") else "micro" if words.startswith("micro") else None
    if kind is None:
        return None
    onset = _whole(row["onset"], where)
    apex = _whole(row["apex"], where) if row["apex"] not in (None, "", "/") else 0
    offset = _whole(row["offset"], where) if row["offset"] not in (None, "", "/") else 0
    # An offset that nobody saw is written as 0, an apex as 0 or -1.
    offset = offset if offset > 0 else apex
    if onset < 0 or offset < onset:
        raise InputError(f"{where}: onset {onset} comes after offset {offset}")
    emotion = str(row.get("emotion") or "").strip().lower()
    label = emotion if emotion in CLASSES else None
    inside = apex if onset <= apex <= offset else None
    return Interval(kind, onset, inside, offset, label)


def _casme2long(data: Path, table: Path) -> Database:
    """CAS(ME)^2: `rawpic/s15/15_0101disgustingteeth/img1.jpg`; a sheet each for rows, subjects and videos."""
    sheets = _sheets(table)
    coded = next((rows for name, rows in sheets.items() if name.lower().endswith("code_final")), None)
    people = next((rows for name, rows in sheets.items() if name.lower().endswith("rule1")), None)
    clips = next((rows for name, rows in sheets.items() if name.lower().endswith("rule2")), None)
    if coded is None or people is None or clips is None:
        raise InputError(
            f"{table} has the sheets {', '.join(sheets)}; needed are CASFEcode_final, naming rule1 and naming rule2"
        )
    subjects = {_digits(row[2]): _digits(row[1]) for row in people if len(row) > 2 and _digits(row[1])}
    codes = {str(row[1]).strip(): _digits(row[0]) for row in clips if len(row) > 1 and _digits(row[0])}
    truths: dict[tuple[int, int], list[Interval]] = {}
    for at, cells in enumerate(coded, start=1):
        row = dict(zip(_CASME2_COLUMNS, cells, strict=False))
        if len(row) < 8 or _digits(row["subject"]) is None or _digits(row["onset"]) is None:
            continue
        where = f"{table.name}, row {at}"
        subject = subjects.get(_digits(row["subject"]))
        code = codes.get(str(row["video"]).rsplit("_", 1)[0].strip())
        if subject is None or code is None:
            raise InputError(
                f"{where}: the naming rules know no subject {row['subject']}, video {row['video']}"
            )
        interval = _interval(row, where)
        if interval is not None:
            truths.setdefault((subject, code), []).append(interval)
    root = _folder(data, ("rawpic", "rawpic_crop", "cropped"))
    videos = []
    for folder in sorted(root.glob("*/*")):
        parts = re.fullmatch(r"\w*?(\d+)_(\d{4}).*", folder.name)
        if not folder.is_dir() or parts is None:
            continue
        key = (int(parts[1]), int(parts[2]))
        video = _recorded(f"s{key[0]}-{key[1]:04d}", f"s{key[0]}", 30.0, folder, truths.pop(key, []))
        if video is not None:
            videos.append(video)
    notes = tuple(_left_over({f"s{s} {c:04d}": rows for (s, c), rows in truths.items()}))
    return Database("casme2long", tuple(videos), notes)


def _sammlv(data: Path, table: Path) -> Database:
    """SAMM Long Videos: `SAMM_longvideos/006_1/006_1_0001.jpg`; one sheet, ten lines of words above its header."""
    rows = next(iter(_sheets(table).values()))
    header = next(
        (i for i, row in enumerate(rows) if {"filename", "onset"} <= {_word(cell) for cell in row}), None
    )
    if header is None:
        raise InputError(
            f"{table} has no header with Filename and Onset: it should be the long videos' table"
        )
    names = [_word(cell) for cell in rows[header]]
    if missing := set(_SAMM_COLUMNS) - set(names):
        raise InputError(f"{table}: no column {', '.join(sorted(missing))} in row {header + 1}")
    truths: dict[str, list[Interval]] = {}
    for at, cells in enumerate(rows[header + 1 :], start=header + 2):
        row = dict(zip(names, cells, strict=False))
        if not row["filename"]:
            continue
        interval = _interval(row, f"{table.name}, row {at}")
        if interval is not None:
            truths.setdefault("_".join(str(row["filename"]).split("_")[:2]), []).append(interval)
    root = _folder(data, ("SAMM_longvideos", "SAMM_longvideos_cropped"))
    videos = []
    for folder in sorted(root.iterdir()):
        if folder.is_dir() and re.fullmatch(r"\d+_\d+", folder.name):
            subject = folder.name.split("_")[0]
            video = _recorded(folder.name, subject, 200.0, folder, truths.pop(folder.name, []))
            if video is not None:
                videos.append(video)
    return Database("sammlv", tuple(videos), tuple(_left_over(truths)))


LAYOUTS = {
    "casme2long": ("CAS(ME)^2code_final*.xlsx", _casme2long),
    "sammlv": ("SAMM_LongVideos*.xlsx", _sammlv),
}


def _digits(value: Any) -> int | None:
    """The number in a cell such as 15, "15", "s15" or "0101"; None where there is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    found = re.search(r"\d{1,18}", str(value)) if value is not None else None
    return int(found[0]) if found else None


def _word(cell: Any) -> str:
    """A header's cell without its decoration: "Onset Frame" and "onset" are one."""
    return re.sub(r"\s+", " ", str(cell or "")).strip().lower().removesuffix(" frame")


def _left_over(truths: dict[str, list[Interval]]) -> Iterator[str]:
    if truths:
        shown = ", ".join(sorted(truths)[:5]) + (" ..." if len(truths) > 5 else "")
        yield (
            f"{sum(map(len, truths.values()))} rows belong to {len(truths)} videos that are not here ({shown}); "
            "they are left out"
        )


# -- images ------------------------------------------------------------------------------------------------------------


def _folder(data: Path, names: tuple[str, ...]) -> Path:
    found = next((data / name for name in names if (data / name).is_dir()), None)
    if found is None:
        raise InputError(f"{data} has no folder {names[0]} with the images")
    return found


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    """Images by the last number in their names, which some copies pad with zeros and others do not."""
    found = []
    for path in folder.iterdir():
        if path.suffix.lower() in _IMAGES and (numbers := re.findall(r"\d+", path.stem)):
            found.append((int(numbers[-1]), path))
    return sorted(found)


def _recorded(
    name: str, subject: str, fps: float, folder: Path, intervals: list[Interval]
) -> RecordedVideo | None:
    images = _numbered(folder)
    if not images:
        return None
    ordered = tuple(sorted(intervals, key=lambda interval: interval.onset))
    return RecordedVideo(name, subject, fps, folder, images[0][0], len(images), ordered)
