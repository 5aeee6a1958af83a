"""Candidates from the moment they are spotted until they are answered: none is lost, none is published twice."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from realtime.live.camera_run import CameraRun
from realtime.processes import wire

ATTEMPTS: Final = 5


@dataclass(eq=False)
class Pending:
    """A candidate that is not answered yet, and how often it was handed out."""

    camera: CameraRun
    spotted: wire.Spotted
    attempts: int = 0


class CandidateQueue:
    """``send`` hands one to the recognise process; ``reject`` is told why one will not be answered."""

    def __init__(
        self, send: Callable[[wire.Recognise], None], reject: Callable[[str], None], together: int
    ) -> None:
        self.rejected = 0
        self._send = send
        self._reject = reject
        self._together = together
        self._pending: OrderedDict[int, Pending] = OrderedDict()
        self._at_work: set[int] = set()
        self._next_number = 0

    def __len__(self) -> int:
        """How many wait for an answer."""
        return len(self._pending)

    def add(self, camera: CameraRun, spotted: wire.Spotted) -> None:
        """Takes one on."""
        self._pending[self._next_number] = Pending(camera, spotted)
        self._next_number += 1

    def hand_out(self) -> None:
        """Those that wait, together; what was at work when a process died goes alone, so that a deadly one shows."""
        for number, pending in list(self._pending.items()):
            if number not in self._at_work:
                if len(self._at_work) >= self._together or (pending.attempts and self._at_work):
                    return
                pending.attempts += 1
                if pending.attempts > ATTEMPTS:
                    self.reject(number, f"the recognise process died {ATTEMPTS} times at it")
                    continue
                self._at_work.add(number)
                self._send(wire.Recognise(number, pending.spotted.candidate))
            if pending.attempts > 1:
                return

    def answered(self, number: int) -> Pending | None:
        """Takes the candidate of an answer out; None where it was answered before."""
        self._at_work.discard(number)
        return self._pending.pop(number, None)

    def reject(self, number: int, why: str) -> None:
        """It will not be answered."""
        if self.answered(number) is not None:
            self.rejected += 1
            self._reject(why)

    def reject_all(self, why: str) -> None:
        """None of them will be answered."""
        for number in list(self._pending):
            self.reject(number, why)

    def worker_lost(self) -> None:
        """The recognise process died: what was at work waits again."""
        self._at_work.clear()
