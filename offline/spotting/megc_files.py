"""The files in which participants of the MEGC challenges hand in intervals, read and written.

2022 and later: a table `vid,pred_onset,pred_offset,type`, type me or mae. 2021: a log for each kind, its lines
`video onset offset pred_onset pred_offset TP|FP|FN` with `__` for what is not there. Also a file a video with
`onset offset` a line, in a folder that names the kind, as the baseline of 2020 wrote them.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engines.delimited import rows_of
from engines.errors import InputError
from engines.files import write_bytes
from offline.datasets.sheets import whole, word
from offline.spotting.megc import KINDS, Outcome, Spans, outcomes
from offline.spotting.truth import Interval

TABLE: Final = "megc.csv"
_TYPES: Final = {"me": "micro", "mae": "macro", "micro": "micro", "macro": "macro"}
_WORDS: Final = ("TP", "FP", "FN")
_COLUMNS: Final = {
    "video": ("vid", "video"),
    "onset": ("predonset", "onset"),
    "offset": ("predoffset", "offset"),
    "type": ("type", "kind"),
}


@dataclass
class Intervals:
    """What files of intervals hold: ``predictions`` and, of logs, ``labels`` by video, and the outcomes as written.

    Videos are called as `video_key` has it.
    """

    predictions: dict[str, list[Interval]] = field(default_factory=dict)
    labels: dict[str, list[Interval]] = field(default_factory=dict)
    written: dict[str, list[Outcome]] = field(default_factory=dict)

    def add(self, video: str, prediction: Interval) -> None:
        """Note a prediction."""
        self.predictions.setdefault(video, []).append(prediction)

    def add_line(self, video: str, outcome: Outcome) -> None:
        """Note a line of a log, which repeats a prediction that finds several labels."""
        for spans, one in ((self.predictions, outcome.prediction), (self.labels, outcome.label)):
            known = spans.setdefault(video, [])
            if one is not None and one not in known:
                known.append(one)
        self.written.setdefault(video, []).append(outcome)


def video_key(name: str) -> str:
    """The name under which the same video is known everywhere: "s15/15_0102*", "15_0102disgust" and "s15-0102" are
    "15_102", "006_1" is "6_1".
    """
    last = name.replace("\\", "/").rstrip("*").rpartition("/")[2]
    numbers = re.findall(r"\d+", last)
    return "_".join(str(int(number)) for number in numbers[:2]) if len(numbers) > 1 else last.lower()


def read_intervals(source: Path) -> Intervals:
    """Every interval in a file, or in the files of a folder and below. Raises InputError where there is none, and for
    a line that cannot be read.
    """
    if not source.exists():
        raise InputError(f"no such folder: {source}; give the one with the intervals")
    files = [source] if source.is_file() else sorted(source.rglob("*"))
    files = [path for path in files if path.is_file() and path.suffix.lower() in (".csv", ".txt")]
    found = Intervals()
    for path in files:
        if path.name.startswith((".", "~")):
            continue
        if path.suffix.lower() == ".csv":
            _read_table(path, found)
        else:
            _read_text(path, found)
    if found.written and any(path.suffix.lower() == ".csv" for path in files):
        raise InputError(f"{source} holds logs and tables, which may tell the same twice: give one of them")
    if not found.written and not any(found.predictions.values()):
        raise InputError(
            f"{source} holds no intervals: expected .csv with vid, pred_onset, pred_offset, type, a log of MEGC 2021, "
            "or a .txt a video with onset and offset in each line"
        )
    return found


def _read_table(path: Path, found: Intervals) -> None:
    try:
        lines = rows_of(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path}: {error}; it should be a .csv file in UTF-8") from None
    header = [word(cell) for cell in lines[0][1]] if lines else []
    places = {
        name: next((header.index(title) for title in titles if title in header), None)
        for name, titles in _COLUMNS.items()
    }
    if absent := [_COLUMNS[name][0] for name, at in places.items() if at is None]:
        raise InputError(
            f"{path}: no column {', '.join(absent)}; it needs vid, pred_onset, pred_offset, type"
        )
    for number, cells in lines[1:]:
        where = f"{path}, line {number}"
        one = {
            name: cells[at].strip() if at is not None and at < len(cells) else ""
            for name, at in places.items()
        }
        kind = _TYPES.get(one["type"].lower())
        if kind is None:
            raise InputError(f"{where}: type {one['type']!r} is neither me nor mae")
        found.add(video_key(one["video"]), _span(kind, one["onset"], one["offset"], where))


def _read_text(path: Path, found: Intervals) -> None:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1)]
    if any(cells and cells[-1] in _WORDS for _, cells in lines):
        _read_log(path, lines, found)
        return
    video = video_key(path.stem)
    for number, cells in lines:
        if not cells:
            continue
        if len(cells) < 2:
            raise InputError(f"{path}, line {number}: {' '.join(cells)!r} is not an onset and an offset")
        found.add(video, _span(_kind_of(path), cells[0], cells[1], f"{path}, line {number}"))


def _read_log(path: Path, lines: list[tuple[int, list[str]]], found: Intervals) -> None:
    kind = _kind_of(path)
    for number, cells in lines:
        where = f"{path}, line {number}"
        if len(cells) < 6:
            if cells and number > 1:  # the first may name the database
                raise InputError(f"{where}: {' '.join(cells)!r} is no line of a log; it needs six columns")
            continue
        label = None if cells[1] == "__" else _span(kind, cells[1], cells[2], where)
        prediction = None if cells[3] == "__" else _span(kind, cells[3], cells[4], where)
        outcome = Outcome(label, prediction)
        if (label is None and prediction is None) or outcome.word != cells[5]:
            raise InputError(f"{where}: {cells[5]} does not fit {' '.join(cells[1:5])}")
        found.add_line(video_key(cells[0]), outcome)


def _kind_of(path: Path) -> str:
    for part in (path.stem, *(folder.name for folder in path.parents)):
        kinds = [kind for kind in KINDS if kind in part.lower()]
        if len(kinds) == 1:
            return kinds[0]
    raise InputError(f"{path}: name the file or its folder after its kind, micro or macro")


def _span(kind: str, onset: str, offset: str, where: str) -> Interval:
    first, last = whole(onset, where), whole(offset, where)
    if last < first:
        raise InputError(f"{where}: offset {last} comes before onset {first}")
    return Interval(kind, first, None, last)


def write_intervals(labels: Spans, predictions: Spans, out: Path) -> list[Path]:
    """Write `megc.csv`, which is handed in, and a log for each kind, LOG_micro.txt and LOG_macro.txt: their paths."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("vid", "pred_onset", "pred_offset", "type"))
    short = {"micro": "me", "macro": "mae"}
    for video, told in predictions.items():
        for one in told:
            if one.kind in KINDS:
                writer.writerow((video, one.onset, one.offset, short[one.kind]))
    written = {out / TABLE: table.getvalue()}
    for kind in KINDS:
        written[out / f"LOG_{kind}.txt"] = "\n" + "".join(_log(labels, predictions, kind))
    for path, text in written.items():
        write_bytes(path, text.encode())
    return list(written)


def _log(labels: Spans, predictions: Spans, kind: str) -> Iterator[str]:
    for video in dict.fromkeys((*labels, *predictions)):
        true = [one for one in labels.get(video, ()) if one.kind == kind]
        told = [one for one in predictions.get(video, ()) if one.kind == kind]
        for line in outcomes(true, told, strict=False):
            cells = [f"{one.onset} {one.offset}" if one else "__ __" for one in (line.label, line.prediction)]
            yield f"{video} {cells[0]} {cells[1]} {line.word}\n"
