"""The disk a recording is written to: a quota, room left for others, and one line when it is over."""

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engines.errors import InputError
from realtime.config import Record

_LOOK_S: Final = 0.25


class Disk:
    """Counts what a run writes under ``root``. Any thread. InputError is the one line with which recording stops."""

    def __init__(self, root: Path, limits: Record) -> None:
        self.root = root
        self.written = 0
        self._limits = limits
        self._lock = threading.Lock()
        self._next_look = 0.0

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Errors of the disk become that line."""
        try:
            yield
        except OSError as error:
            raise InputError(
                f"recording stopped: {self.root}: {error.strerror or error}; recognition goes on"
            ) from error

    def write(self, file: Path, data: bytes) -> None:
        """Writes a file if quota and disk allow."""
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
            if now < self._next_look:
                return
            self._next_look = now + _LOOK_S
            if shutil.disk_usage(self.root).free < self._limits.keep_free_mb * 2**20:
                raise InputError(
                    f"recording stopped: less than {self._limits.keep_free_mb:g} MB left on the disk of "
                    f"{self.root} (record.keep_free_mb); recognition goes on"
                )
