"""What FFmpeg would print is kept instead: nothing reaches the terminal, and errors become facts."""

import logging
from collections import deque
from typing import Final

import av.logging

_NAME: Final = "libav"


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: deque[tuple[str, str]] = deque(maxlen=1000)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.name.removeprefix(f"{_NAME}."), record.getMessage()))


_keeper: Final = _Keeper()
_logger = logging.getLogger(_NAME)
_logger.addHandler(_keeper)
_logger.propagate = False
av.logging.set_level(av.logging.ERROR)
# Two frames may be damaged in the same words.
av.logging.set_skip_repeated(False)


def take_errors() -> list[tuple[str, str]]:
    """The errors since the last call: which part of FFmpeg (``h264``, ``matroska,webm``) and its words."""
    lines = list(_keeper.lines)
    _keeper.lines.clear()
    return lines
