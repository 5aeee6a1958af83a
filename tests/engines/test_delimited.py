"""Tables of separated values as every spreadsheet writes them."""

import csv
import io

import pytest

from engines.delimited import rows_of

ROWS = [["Subject", "Name", "Note"], ["1", "EP01", "a, b; c"], ["2", "EP02", ""], ["3", "EP03", 'says "no"']]


def text(separator):
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(ROWS)
    return out.getvalue()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_separator_and_mark_is_the_same_table(tmp_path, separator, encoding):
    table = tmp_path / "t.csv"
    table.write_bytes(text(separator).encode(encoding))
    assert [cells for _, cells in rows_of(table)] == ROWS
    assert [line for line, _ in rows_of(table)] == [1, 2, 3, 4]


def test_the_first_line_may_name_the_separator(tmp_path):
    table = tmp_path / "t.csv"
    table.write_bytes(b"\xef\xbb\xbfsep=|\r\n" + text("|").encode())
    assert rows_of(table) == list(zip(range(2, 6), ROWS, strict=True))


def test_words_above_the_table_and_empty_lines_do_not_matter(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("About, this, table, and, its, commas\n\n" + text(";"))
    assert [cells for _, cells in rows_of(table)][1:] == ROWS
    assert rows_of(table)[1][0] == 3
    table.write_text("")
    assert rows_of(table) == []
