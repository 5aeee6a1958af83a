"""Several ways to do one thing, the best first: the first that works does it, and the next when it fails."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from engines.errors import InputError, first_line
from engines.notices import OnNotice, notify

T = TypeVar("T")
R = TypeVar("R")
# A name, why it cannot work here (empty when it can), and what opens it.
Way = tuple[str, Callable[[], str], Callable[[], T]]


class Fallback(Generic[T]):
    """The first of ``ways`` that opens. Any error but InputError while it is used goes over to the next, for good.

    ``steps`` are the reasons why better ways are not used, one line each; ``failures`` those that are a
    surprise, each a line to ``on_notice``: what is simply not here is none. For several threads at once.
    Raises what the last way raises.
    """

    def __init__(self, what: str, ways: Sequence[Way[T]], on_notice: OnNotice = notify) -> None:
        self._what, self._on_notice = what, on_notice
        self._ways = list(ways)
        self._turn = threading.Lock()
        self.steps: list[str] = []
        self.failures: list[str] = []
        self._using = self._open()

    @property
    def name(self) -> str:
        """Of the way in use."""
        return self._using[0]

    def run(self, use: Callable[[str, T], R]) -> R:
        """What ``use`` makes of a way's name and the way: of the one in use, or of the next that does not fail."""
        while True:
            using = self._using
            try:
                return use(*using)
            except InputError:
                raise
            except Exception as error:
                with self._turn:
                    if using is self._using:
                        if not self._ways:
                            raise
                        self._fell(using[0], f"failed ({first_line(error)})")
                        self._using = self._open()

    def _open(self) -> tuple[str, T]:
        while True:
            name, missing, make = self._ways.pop(0)
            if self._ways and (reason := missing()):
                self.steps.append(f"{name}: {reason}")
                continue
            try:
                return name, make()
            except Exception as error:
                if not self._ways:
                    raise
                self._fell(name, f"does not start ({first_line(error)})")

    def _fell(self, name: str, reason: str) -> None:
        self.steps.append(f"{name}: {reason}")
        self.failures.append(f"{name}: {reason}")
        self._on_notice(f"{self._what} {name} {reason}; trying {self._ways[0][0]}")
