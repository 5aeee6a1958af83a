"""Any number of pairs of any size, by sessions that are kept."""

import threading

from engines.cuda.machine import TOGETHER, Floats, Machine
from engines.flow.backend import Solved
from engines.flow.cuda.session import Session
from engines.flow.presets import Preset

# Sessions that are kept, by image size and number of pairs; a pair of benchmark crops takes 2.5 MB.
_KEPT = 6


class Batches:
    """Solves any number of pairs; threads take turns."""

    def __init__(self, machine: Machine, preset: Preset, *, maps: bool = False):
        self._machine, self._preset, self._maps = machine, preset, maps
        self._sessions: dict[tuple[int, int, int], Session] = {}
        self.lock = threading.Lock()

    def __call__(self, onsets: Floats, apexes: Floats) -> list[Solved]:
        """The flows of pairs, float32 (N, H, W) in grey levels."""
        solved: list[Solved] = []
        with self.lock:
            session = self.session(*onsets.shape)
            for start in range(0, len(onsets), session.plan.pairs):
                end = start + session.plan.pairs
                solved += session.solve(onsets[start:end], apexes[start:end])
        return solved

    def session(self, count: int, height: int, width: int) -> Session:
        """The session for ``count`` pairs of this size: for one, or for many at a time."""
        kind = (1 if count == 1 else TOGETHER, height, width)
        if kind not in self._sessions:
            if len(self._sessions) == _KEPT:
                del self._sessions[next(iter(self._sessions))]
            pairs = kind[0]
            self._sessions[kind] = Session(self._machine, height, width, pairs, self._preset, maps=self._maps)
        return self._sessions[kind]
