"""Files a run writes: whole or not at all, and one line where that cannot be."""

from pathlib import Path
from typing import Any

import msgspec

from engines import files
from engines.errors import InputError


def write_json(path: Path, report: dict[str, Any]) -> None:
    """Writes indented JSON, whole or not at all. Raises InputError if the place cannot be written."""
    text = msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
    write_bytes(path, text)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file, whole or not at all. Raises InputError if the place cannot be written."""
    try:
        files.write_bytes(path, data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
