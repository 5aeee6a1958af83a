"""The tables of the long-video databases: CAS(ME)^2 (30 fps) and SAMM Long Videos (200 fps), an interval a row."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from engines.errors import InputError
from offline.datasets.clips import emotion_of
from offline.datasets.sheets import Row, Rows, digits, nearest, sheets, tables, word

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


@dataclass
class Labels:
    """A table: the expressions of each video, by its name, ``subjects`` by the same names; (subject, expression) of
    rows that cannot be used; which ``version`` it is, in words; lines about it.
    """

    layout: str
    rows: dict[str, list[Coded]] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    unusable: list[tuple[str, Coded]] = field(default_factory=list)
    version: str = ""
    notes: list[str] = field(default_factory=list)

    def add(self, video: str, subject: str, coded: Coded) -> None:
        """Note an expression of a video."""
        self.rows.setdefault(video, []).append(coded)
        self.subjects[video] = subject

    def coded(self) -> Iterator[Coded]:
        """Every expression that can be used."""
        for rows in self.rows.values():
            yield from rows


def open_labels(data: Path, layout: str | None = None) -> Labels:
    """The table in a folder, whose images are not needed. ``layout`` as for `open_long_videos`.

    Raises InputError where there is no table, or it is not as it should be.
    """
    if not data.is_dir():
        raise InputError(f"no such folder: {data}; give the one with the table and the images")
    if layout is not None and layout not in LAYOUTS:
        raise InputError(f"unknown layout {layout!r}: choose from {', '.join(LAYOUTS)}")
    chosen = layout or layout_of(data)
    found = _tables(data, chosen) if chosen else []
    if chosen is None or not found:
        wanted = [LAYOUTS[chosen].table] if chosen else [each.table for each in LAYOUTS.values()]
        raise InputError(f"{data} holds no table of long videos: expected {' or '.join(wanted)}")
    return labels_of(found[-1], chosen)


def labels_of(table: Path, layout: str) -> Labels:
    """A table of a layout. InputError where it is not as it should be."""
    return LAYOUTS[layout].read(table)


def layout_of(data: Path) -> str | None:
    """The layout whose table lies in a folder; None where there is none."""
    return next((name for name in LAYOUTS if _tables(data, name)), None)


def _tables(data: Path, layout: str) -> list[Path]:
    """The layout's tables in a folder: those of the owners' name, else those that hold its columns."""
    there = list(tables(data, 0))
    return [table for table in there if table.match(LAYOUTS[layout].table)] or [
        table for table in there if layout_of_table(table) == layout
    ]


def layout_of_table(table: Path) -> str | None:
    """The layout of a table, by its sheets and columns; None where it is none, or cannot be read."""
    try:
        pages = sheets(table)
    except InputError:
        return None
    if _page(pages, "code_final") is not None:
        return "casme2long"
    return "sammlv" if any(_samm_header(rows) is not None for rows in pages.values()) else None


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


def _version(labels: Labels, words: str) -> str:
    """Its rows, whether they are as many as published (a part of a table is not told so), and ``words`` of what else
    tells versions apart.
    """
    kinds = [coded.kind for coded in (*labels.coded(), *(coded for _, coded in labels.unusable))]
    counts = kinds.count("macro"), kinds.count("micro")
    whole = LAYOUTS[labels.layout].counts
    more = (
        f", published are {whole[0]} and {whole[1]}"
        if counts != whole and 2 * len(kinds) > sum(whole)
        else ""
    )
    return f"{counts[0]} macro and {counts[1]} micro rows{more}{', ' * bool(words)}{words}"


def _page(pages: dict[str, Rows], ending: str) -> Rows | None:
    return next((rows for name, rows in pages.items() if name.lower().strip().endswith(ending)), None)


def _casme2long(table: Path) -> Labels:
    """CAS(ME)^2: `rawpic/s15/15_0101disgustingteeth/img1.jpg`; a sheet each for rows, subjects and videos.

    A row of hash signs above, and numbers below the rows, are passed over as no expression.
    """
    pages = sheets(table)
    coded, people, clips = (_page(pages, ending) for ending in ("code_final", "rule1", "rule2"))
    if coded is None or people is None or clips is None:
        raise InputError(
            f"{table} has the sheets {', '.join(pages)}; needed are CASFEcode_final, naming rule1 and naming rule2"
        )
    subjects = {
        digits(row[2]): digits(row[1]) for row in people if len(row) > 2 and digits(row[1]) and digits(row[2])
    }
    codes = {str(row[1]).strip(): digits(row[0]) for row in clips if len(row) > 1 and digits(row[0])}
    labels = Labels("casme2long")
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
            labels.unusable.append((f"s{subject or digits(row['subject'])}", expression))
        else:
            labels.add(f"s{subject}-{code:04d}", f"s{subject}", expression)
    units = {(coded.name, coded.onset): coded.action_units for coded in labels.coded()}
    known = [words for words, witness in _CASME2_UNITS.items() if witness.items() <= units.items()]
    labels.version = _version(labels, known[0] if known else "")
    return labels


# 216 cells differ between the two; these tell them apart.
_CASME2_UNITS: Final = {
    "action units of version A (anger1_1: 4+10+14+15)": {
        ("anger1_1", 557): "4+10+14+15",
        ("anger2_1", 2155): "NULL",
    },
    "action units of version B (anger1_1: 4+10+14)": {("anger1_1", 557): "4+10+14", ("anger2_1", 2155): "4"},
}


def _samm_header(rows: Rows) -> int | None:
    wanted = {"filename", "onset", "offset", "type"}
    return next((i for i, row in enumerate(rows[:40]) if wanted <= {_plain(cell) for cell in row}), None)


def _sammlv(table: Path) -> Labels:
    """SAMM Long Videos: `SAMM_longvideos/006_1/006_1_0001.jpg`; one sheet, its header in row 1 or below lines of words.

    Copies circulate with fractions of frames; they are rounded, as the owners did for their release of whole frames.
    """
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
    labels, fractions = Labels("sammlv"), 0
    for at, cells in enumerate(rows[header + 1 :], start=header + 2):
        where = f"{table.name}, row {at}"
        held = dict(zip(names, cells, strict=False))
        rounded = held | {mark: _rounded(held.get(mark), where) for mark in ("onset", "apex", "offset")}
        row = Row(rounded, where)
        name = row.text("filename")
        expression = _coded(name, row)
        if expression is None:
            continue
        fractions += any(rounded[mark] != held.get(mark) for mark in ("onset", "apex", "offset"))
        if not name:
            expression = replace(expression, fault=row.nameless)
        if expression.fault:
            labels.unusable.append((name.split("_")[0], expression))
        else:
            labels.add("_".join(name.split("_")[:2]), name.split("_")[0], expression)
    words = f"fractions of frames in {fractions}, rounded as its owners did" if fractions else ""
    labels.version = _version(labels, words)
    return labels


def _rounded(value: Any, where: str) -> Any:
    """A cell, a fraction of a frame rounded; anything else as it is."""
    try:
        return nearest(value, where)
    except InputError:
        return value


@dataclass(frozen=True)
class _Layout:
    """How one database is handed out: the name of its ``table`` and what reads it, macro and micro rows as published,
    the folders that may hold its videos, where they lie ``below``, and the name of the video in a folder.
    """

    table: str
    read: Callable[[Path], Labels]
    counts: tuple[int, int]
    fps: float
    folders: tuple[str, ...]
    below: str
    video_of: Callable[[str], str | None]
    separator: str


def _casme2_video(folder: str) -> str | None:
    parts = re.fullmatch(r"\w*?(\d+)_(\d{4}).*", folder)
    return f"s{int(parts[1])}-{int(parts[2]):04d}" if parts else None


def _samm_video(folder: str) -> str | None:
    return folder if re.fullmatch(r"\d+_\d+", folder) else None


LAYOUTS: Final = {
    "casme2long": _Layout(
        "CAS(ME)^2code_final*.xlsx",
        _casme2long,
        (300, 57),
        30.0,
        ("rawpic", "rawpic_crop", "cropped"),
        "*/*",
        _casme2_video,
        "-",
    ),
    "sammlv": _Layout(
        "SAMM_LongVideos*.xlsx",
        _sammlv,
        (343, 159),
        200.0,
        ("SAMM_longvideos", "SAMM_longvideos_cropped"),
        "*",
        _samm_video,
        "_",
    ),
}


def _plain(cell: Any) -> str:
    """A header's cell: "Onset Frame" and "onset" are one."""
    return word(cell).removesuffix("frame")
