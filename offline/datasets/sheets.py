"""Tables as the databases' owners wrote them: .xlsx or .csv, header anywhere, columns by name."""

import csv
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.errors import InputError
from offline.datasets.images import folders

Rows = list[tuple[Any, ...]]
SUFFIXES = {".xlsx", ".csv"}
_OLD = {".xls"}
_MOST_BYTES = 1 << 27  # of a table; the databases' are a hundred times smaller


@dataclass(frozen=True)
class Row:
    """A row's cells by field, and where it stands, for messages."""

    cells: Mapping[str, Any]
    where: str

    def text(self, field: str) -> str:
        """A cell as text, "" where it is empty or its column is not there."""
        value = self.cells.get(field)
        return "" if value is None else str(value).strip()

    def number(self, field: str) -> int | None:
        """The whole number in a cell such as 15, 15.0, "15" or "sub15"; None where there is none."""
        return digits(self.cells.get(field))

    def frame(self, field: str) -> int:
        """A frame number. InputError for anything else."""
        return whole(self.cells.get(field), self.where)


def sheets(table: Path) -> dict[str, Rows]:
    """Rows of values of every sheet of a table; a .csv file is one sheet. InputError where it cannot be read."""
    if table.suffix.lower() == ".csv":
        try:
            with table.open(newline="", encoding="utf-8-sig") as lines:
                return {table.stem: [tuple(cell or None for cell in row) for row in csv.reader(lines)]}
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"cannot read {table}: {error}; it should be a .csv file in UTF-8") from None
    from zipfile import ZipFile

    from openpyxl import load_workbook

    try:
        with ZipFile(table) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > _MOST_BYTES:
            raise ValueError(f"it unpacks to {unpacked >> 20} MiB")
        book = load_workbook(table, read_only=True, data_only=True)
        found = {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}
        book.close()
        if not found:
            raise ValueError("it has no sheet")
    except Exception as error:  # openpyxl lets through whatever its readers raise on a damaged file
        raise InputError(f"cannot read {table}: {error}; it should be an .xlsx file") from None
    return found


def old_table(folder: Path, depth: int = 1) -> str:
    """What to do about the first .xls file in a folder and ``depth`` levels below; "" where there is none."""
    path = next(tables(folder, depth, _OLD), None)
    return f"{path} is an old Excel file, which is not read: save it as .xlsx or .csv" if path else ""


def tables(folder: Path, depth: int = 1, suffixes: AbstractSet[str] = SUFFIXES) -> Iterator[Path]:
    """The .xlsx and .csv files in a folder and ``depth`` levels below, without the locks of open ones."""
    for place in folders(folder, depth):
        for path in sorted(place.iterdir()):
            if path.suffix.lower() in suffixes and path.is_file() and not path.name.startswith(("~", ".")):
                yield path


def records(table: Path, columns: Mapping[str, tuple[str, ...]], optional: tuple[str, ...] = ()) -> list[Row]:
    """The rows of the first sheet that has a header with the columns.

    ``columns``: for each field the headers it may have, as `word` writes them. Fields in ``optional`` may be absent.
    Raises InputError where no sheet has the others, naming those of the best row.
    """
    best: tuple[int, list[str]] = (0, sorted(set(columns) - set(optional)))
    for rows in sheets(table).values():
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
    """A frame number. InputError for anything else."""
    try:
        return int(float(str(value).strip()))
    except (ValueError, OverflowError):
        raise InputError(f"{where}: {value!r} is not a frame number") from None


def digits(value: Any) -> int | None:
    """The number in a cell such as 15, "15", "s15" or "0101"; None where there is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    found = re.search(r"\d{1,18}", str(value)) if value is not None else None
    return int(found[0]) if found else None
