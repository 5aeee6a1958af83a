"""Tables as the databases' owners wrote them: .xlsx, .xls or .csv, header anywhere, columns by name."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from engines.delimited import rows_of
from engines.errors import InputError
from engines.native_output import caught
from engines.series import copied_name
from offline.datasets.images import folders

Rows = list[tuple[Any, ...]]
SUFFIXES = {".xlsx", ".xls", ".csv"}
_MOST_BYTES = 1 << 27  # of a table; the databases' are a hundred times smaller
_MOST_CELLS = 1 << 22


@dataclass(frozen=True)
class Marks:
    """The frames of an expression as a row has them.

    ``fault``: why the row cannot be used, else empty: onset and offset are 0 then. ``notes``: what else is odd.
    ``ends``: whether the table has offsets at all; ``offset`` is the apex where it has none.
    """

    onset: int
    apex: int | None
    offset: int
    fault: str = ""
    notes: tuple[str, ...] = ()
    ends: bool = True


@dataclass(frozen=True)
class Row:
    """A row's cells by field, and where it stands, for messages."""

    cells: Mapping[str, Any]
    where: str

    def text(self, field: str) -> str:
        """A cell as text, "" where it is empty or its column is not there."""
        value = self.cells.get(field)
        return "" if value is None else str(value).strip()

    @property
    def nameless(self) -> str:
        """What to say of a row without a clip's name: where it stands and what it begins with."""
        first = next((self.text(field) for field in self.cells if self.text(field)), "")
        return f"{self.where}: no file name: {first[:40]!r}"

    def number(self, field: str) -> int | None:
        """The whole number in a cell such as 15, 15.0, "15" or "sub15"; None where there is none."""
        return digits(self.cells.get(field))

    def frame(self, field: str) -> int:
        """A frame number. InputError for anything else."""
        return whole(self.cells.get(field), self.where)

    def marks(self, *no_apex: str, onset: str = "onset", offset: str = "offset") -> Marks:
        """Its frames; ``no_apex`` are the words that stand for none, as an empty cell does."""
        ends = offset in self.cells
        try:
            first, last = self.frame(onset), self.frame(offset if ends else "apex")
        except InputError as error:
            return Marks(0, None, 0, str(error))
        if self.text("apex") in ("", *no_apex):
            return Marks(first, None, last)
        try:
            return Marks(first, self.frame("apex"), last, ends=ends)
        except InputError as error:
            return Marks(first, None, last, notes=(f"{error}: its apex is spotted",))


def sheets(table: Path) -> dict[str, Rows]:
    """Rows of values of every sheet of a table, from row 1 on; a .csv file is one sheet. InputError where it cannot be
    read.

    Merged cells all have the value of the first of a column; a formula that was never calculated stands as its text.
    """
    if table.suffix.lower() == ".xls" and not _is_newer(table):
        return _old_sheets(table)
    if table.suffix.lower() == ".csv":
        try:
            lines = rows_of(table)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"cannot read {table}: {error}; it should be a .csv file in UTF-8") from None
        rows: Rows = [()] * (lines[-1][0] if lines else 0)
        for number, cells in lines:
            rows[number - 1] = tuple(cell or None for cell in cells)
        return {table.stem: rows}
    try:
        with ZipFile(table) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
            if unpacked > _MOST_BYTES:
                raise ValueError(f"it unpacks to {unpacked >> 20} MiB")
            pages = b"".join(
                packed.read(name) for name in packed.namelist() if name.startswith("xl/worksheets/")
            )
        found = _values(table, merged=b"<mergeCell" in pages, formulas=bool(re.search(rb"<f[ >/]", pages)))
        if not found:
            raise ValueError("it has no sheet")
    except Exception as error:  # openpyxl lets through whatever its readers raise on a damaged file
        raise InputError(f"cannot read {table}: {error}; it should be an .xlsx file") from None
    return found


def _values(table: Path, *, merged: bool, formulas: bool) -> dict[str, Rows]:
    from openpyxl import load_workbook

    packed = io.BytesIO(table.read_bytes())  # the name may end in .xls, which openpyxl goes by
    book = load_workbook(packed, read_only=not merged, data_only=True)
    found = {sheet.title: _cells(sheet, merged) for sheet in book.worksheets}
    book.close()
    if formulas:
        book = load_workbook(packed, read_only=True)
        for sheet in book.worksheets:
            written = sheet.iter_rows(values_only=True)
            found[sheet.title] = [
                tuple(_formula(f) if v is None else v for v, f in zip(values, texts, strict=False))
                for values, texts in zip(found[sheet.title], written, strict=False)
            ]
        book.close()
    return found


def _cells(sheet: Any, merged: bool) -> Rows:
    if merged and sheet.max_row * sheet.max_column > _MOST_CELLS:
        raise ValueError(f"its sheet {sheet.title} has {sheet.max_row} rows of {sheet.max_column} cells")
    rows = list(sheet.iter_rows(values_only=True))
    if not merged:
        return rows
    filled = [list(cells) for cells in rows]
    for block in sheet.merged_cells.ranges:
        for number in range(block.min_row, min(block.max_row, len(filled))):
            filled[number][block.min_col - 1] = filled[block.min_row - 1][block.min_col - 1]
    return [tuple(cells) for cells in filled]


def _formula(written: Any) -> str | None:
    """The text of a formula; None for any other cell."""
    text = getattr(written, "text", written)
    return f"={str(text).lstrip('=')}" if isinstance(text, str) and text.startswith("=") else None


def _is_newer(table: Path) -> bool:
    """Whether a file under the old name is an .xlsx, as some are."""
    try:
        with table.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def _old_sheets(table: Path) -> dict[str, Rows]:
    """Sheets of an .xls file, cells without anything None. InputError where it cannot be read."""
    try:
        from python_calamine import CalamineWorkbook
    except ModuleNotFoundError:
        why = "python-calamine is not installed: pip install 'apexcam[train]', or save it as .xlsx"
        raise InputError(f"cannot read {table}: {why}") from None
    try:
        if table.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it has {table.stat().st_size >> 20} MiB")
        with caught():  # a panic writes to stderr before it is raised
            book = CalamineWorkbook.from_filelike(io.BytesIO(table.read_bytes()))
            found = {name: _old_cells(book.get_sheet_by_name(name)) for name in book.sheet_names}
        if not found:
            raise ValueError("it has no sheet")
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the reader panics on some damaged files, which is no Exception
        reason = str(error).partition("\n")[0]
        raise InputError(f"cannot read {table}: {reason}; it should be an .xls file") from None
    return found


def _old_cells(sheet: Any) -> Rows:
    if sheet.total_height * sheet.total_width > _MOST_CELLS:
        raise ValueError(f"its sheet {sheet.name} has {sheet.total_height} rows of {sheet.total_width} cells")
    return [
        tuple(None if cell == "" else cell for cell in cells)
        for cells in sheet.to_python(skip_empty_area=False)
    ]


def tables(folder: Path, depth: int = 1) -> Iterator[Path]:
    """The tables in a folder and ``depth`` levels below, without copies and the locks of open ones."""
    for place in folders(folder, depth):
        there = sorted(path for path in place.iterdir() if path.suffix.lower() in SUFFIXES)
        stems = {path.stem for path in there}
        for path in there:
            left = path.name.startswith(("~", ".")) or copied_name(path.stem) in stems
            if path.is_file() and not left:
                yield path


def records(
    table: Path,
    columns: Mapping[str, tuple[str, ...]],
    optional: tuple[str, ...] = (),
    pages: Mapping[str, Rows] | None = None,
) -> list[Row]:
    """The rows of the first sheet that has a header with the columns.

    ``columns``: for each field the headers it may have, as `word` writes them. Fields in ``optional`` may be absent.
    ``pages``: the sheets to look at, where they are read already.
    Raises InputError where no sheet has the others, naming those of the best row.
    """
    best: tuple[int, list[str]] = (0, sorted(set(columns) - set(optional)))
    for rows in (sheets(table) if pages is None else pages).values():
        for at, header in enumerate(rows[:40]):
            places = _places([word(cell) for cell in header], columns)
            absent = [field for field in columns if field not in places and field not in optional]
            if not absent:
                return [
                    Row(
                        {field: cells[i] if i < len(cells) else None for field, i in places.items()},
                        f"{table.name}, row {number}",
                    )
                    for number, cells in enumerate(rows[at + 1 :], start=at + 2)
                    if any(cell is not None for cell in cells)
                ]
            best = max(best, (len(places), absent), key=lambda found: found[0])
    raise InputError(f"{table}: no column {', '.join(columns[field][0] for field in best[1])}")


def told_by(table: Path, headers: tuple[str, ...]) -> bool:
    """Whether a table has all these headers in one row; not where it cannot be read."""
    try:
        return bool(records(table, {header: (header,) for header in headers}))
    except InputError:
        return False


def _places(header: list[str], columns: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    found = {}
    for field, names in columns.items():
        place = next((header.index(name) for name in names if name in header), None)
        if place is not None:
            found[field] = place
    return found


def word(cell: Any) -> str:
    """A header's cell without its decoration: "Onset Frame" and "OnsetFrame" are one."""
    return re.sub(r"[^a-z0-9]", "", str(cell or "").lower())


def whole(value: Any, where: str) -> int:
    """A frame number, in whatever digits: 15, 15.0 or "15". InputError for anything else."""
    text = str(value).strip()
    if re.fullmatch(r"-?\d{1,18}(\.0+)?", text):
        return int(text.partition(".")[0])
    why = ", a formula that was never calculated: open the table and save it" if text.startswith("=") else ""
    what = "an empty cell" if value is None else repr(text)
    raise InputError(f"{where}: {what} is not a frame number{why}")


def nearest(value: Any, where: str) -> int:
    """A frame number that may be a fraction, rounded as SAMM's owners rounded theirs. InputError for anything else."""
    if isinstance(value, str):
        text = value.strip().replace(",", ".")
        value = float(text) if re.fullmatch(r"-?\d{1,15}\.\d+", text) else text
    if isinstance(value, float) and abs(value) < 1e15 and value != int(value):
        return int(value + 0.5) if value > 0 else whole(value, where)
    return whole(value, where)


def digits(value: Any) -> int | None:
    """The number in a cell such as 15, "15", "s15" or "0101"; None where there is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    found = re.search(r"\d{1,18}", str(value)) if value is not None else None
    return int(found[0]) if found else None
