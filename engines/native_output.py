"""What libraries in C and C++ write to file descriptor 2, past `sys.stderr`."""

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

_alone = threading.RLock()  # the descriptor is one for the whole process


@contextmanager
def caught() -> Iterator[Callable[[], bytes]]:
    """Nothing written to descriptor 2 comes out meanwhile; gives a function that returns what was written so far."""
    with _alone:
        try:
            sys.stderr.flush()
            kept = os.dup(2)
        except (OSError, ValueError, AttributeError):  # a program without a stderr
            yield lambda: b""
            return
        with _in_memory() as file:
            os.dup2(file.fileno(), 2)
            try:
                yield lambda: file.read() if file.seek(0) == 0 else b""
            finally:
                os.dup2(kept, 2)
                os.close(kept)


def _in_memory() -> IO[bytes]:
    """A file without a name; on a disk only where the system has no other."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    return tempfile.TemporaryFile()
