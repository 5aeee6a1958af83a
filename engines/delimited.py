"""Tables of separated values as spreadsheets write them: any separator, with or without a byte-order mark."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SEPARATORS: Final = (",", ";", "\t")
_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def rows_of(table: Path) -> list[tuple[int, list[str]]]:
    """The rows of a table with the numbers of their lines, from 1; lines without anything are passed over.

    UTF-8, or UTF-16 with its mark. The separator is what a first line ``sep=;`` names, else that of comma, semicolon
    and tab which gives the most rows of one length. Raises OSError, UnicodeDecodeError, csv.Error.
    """
    data = table.read_bytes()
    text = data.decode(_MARKS.get(data[:2], "utf-8-sig"))
    named = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    if named:
        return [(line, row) for line, row in _read(text, named[1]) if line > 1]
    return max((list(_read(text, separator)) for separator in SEPARATORS), key=_evenness)


def _read(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    for row in lines:
        if row:
            yield lines.line_num, row


def _evenness(rows: list[tuple[int, list[str]]]) -> tuple[int, int]:
    """How many rows have the commonest length above 1, and that length."""
    lengths = Counter(len(row) for _, row in rows if len(row) > 1)
    return max(((count, length) for length, count in lengths.items()), default=(0, 0))
