"""Output files of a run, written whole or not at all."""

from pathlib import Path
from typing import Any

import msgspec

from engines import files
from engines.errors import InputError


def write_json(path: Path, report: dict[str, Any]) -> None:
    """Writes indented JSON atomically. Raises InputError if the path cannot be written."""
    text = msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
    write_bytes(path, text)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file atomically. Raises InputError if the path cannot be written."""
    try:
        files.write_bytes(path, data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
