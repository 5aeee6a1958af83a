"""``--sink csv:FILE``: the rows of events.csv, each written as its event is published."""

from pathlib import Path
from typing import IO

from engines.errors import InputError
from realtime import event_table
from realtime.live.sinks import Published


class CsvFile:
    """A file that grows; one that is there already is continued where its columns are the same."""

    def __init__(self, path: str) -> None:
        if not path:
            raise InputError("--sink csv: give the file, for example --sink csv:events.csv")
        self._path = Path(path).expanduser()
        self._file: IO[str] | None = None

    def open(self) -> None:
        """Writes the head of a new file. Raises InputError where it cannot be written, or is another table."""
        head = event_table.lines([event_table.COLUMNS])
        try:
            self._file = self._path.open("a+", encoding="utf-8", newline="")
            self._file.seek(0)
            first = self._file.readline()
            if not first:
                self._file.write(head)
                self._file.flush()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is no table"
            raise InputError(f"--sink csv:{self._path}: {reason}; give another file") from None
        if first not in ("", head):
            self._file.close()
            raise InputError(f"--sink csv:{self._path}: holds another table; give another file")

    def event(self, published: Published) -> None:
        """One row."""
        assert self._file is not None
        self._file.write(event_table.lines([event_table.row(published.event)]))
        self._file.flush()

    def close(self) -> None:
        """Lets the file go."""
        if self._file is not None:
            self._file.close()
