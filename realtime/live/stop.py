"""Ctrl-C, SIGTERM and a closed terminal: an orderly end, a second Ctrl-C an end at once."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any


@dataclass(eq=False)
class Stop:
    """What the signal handlers leave for the loop: why to stop, and whether at once."""

    why: str | None = None
    at_once: bool = False

    def ask(self, why: str) -> None:
        """An orderly end; asked a second time from the keyboard, an end at once."""
        self.at_once = self.at_once or (self.why == why == "Ctrl-C")
        self.why = self.why or why


@contextlib.contextmanager
def on_signals(stop: Stop) -> Iterator[None]:
    """Signals go to ``stop`` while this lasts; the handlers before it come back."""
    words = {"SIGINT": "Ctrl-C", "SIGTERM": "SIGTERM", "SIGHUP": "terminal closed"}
    before: dict[int, Any] = {}

    def handler(word: str) -> Callable[[int, FrameType | None], None]:
        return lambda number, frame: stop.ask(word)

    for name, word in words.items():
        number = getattr(signal, name, None)
        if number is not None:
            before[number] = signal.signal(number, handler(word))
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
