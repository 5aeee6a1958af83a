"""The disk a recording is written to: its quota, and the space left free for others."""

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engines.errors import InputError
from realtime.config import Record

_CHECK_S: Final = 0.25


class Disk:
    """Writes files under ``root`` within the limits. Thread-safe; raises InputError when recording must stop."""

    def __init__(self, root: Path, limits: Record) -> None:
        self.root = root
        self.written = 0
        self._limits = limits
        self._lock = threading.Lock()
        self._next_check = 0.0

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Turns an OSError into that InputError."""
        try:
            yield
        except OSError as error:
            raise InputError(
                f"recording stopped: {self.root}: {error.strerror or error}; recognition goes on"
            ) from error

    def write(self, file: Path, data: bytes) -> None:
        """Writes a file. Raises InputError if the quota or the disk is full, or the disk fails."""
        with self.guarded():
            self._allow(len(data))
            file.write_bytes(data)

    def _allow(self, size: int) -> None:
        with self._lock:
            self.written += size
            if self.written > self._limits.max_gb * 1e9:
                raise InputError(
                    f"recording stopped: {self._limits.max_gb:g} GB are written to {self.root} "
                    "(record.max_gb); recognition goes on"
                )
            now = time.monotonic()
            if now < self._next_check:
                return
            self._next_check = now + _CHECK_S
            if shutil.disk_usage(self.root).free < self._limits.keep_free_mb * 2**20:
                raise InputError(
                    f"recording stopped: less than {self._limits.keep_free_mb:g} MB left on the disk of "
                    f"{self.root} (record.keep_free_mb); recognition goes on"
                )
