"""Plans with their memory, ready to be run again and again: for one number of pairs of one size, and for any."""

import threading
from collections.abc import Callable

import numpy as np

from engines.cuda.machine import TOGETHER, Floats, Machine, Memory, Step
from engines.flow.backend import Solved
from engines.flow.cuda.plan import Plan
from engines.flow.presets import Preset

# Sessions that are kept, by image size and number of pairs; a pair of benchmark crops takes 2.5 MB.
_KEPT = 6
# What else a recording does once the maps are made: steps, and copies to the host.
Tail = tuple[list[Step], list[tuple[Floats, int]]]


class Session:
    """Solves ``pairs`` pairs of one size at a time. For one thread at a time.

    With ``maps`` the flow stays on the device beside the flow maps. ``tail`` is asked, with the memory laid
    out, for what else belongs to the recording; the flow is then fetched too.
    """

    def __init__(
        self,
        machine: Machine,
        height: int,
        width: int,
        pairs: int,
        preset: Preset,
        *,
        maps: bool = False,
        tail: "Callable[[Session], Tail] | None" = None,
    ):
        plan = Plan(height, width, pairs, preset, maps=maps)
        self.plan = plan
        self.arena = machine.reserve(plan.floats)
        for name, values in plan.constants.items():
            here = machine.reserve_here(values.size)
            here[:] = values.ravel()
            machine.record([(self.address(name), here)], [], [])()
        area = height * width
        self._pictures = machine.reserve_here(2 * pairs * area)
        self._flow = machine.reserve_here(2 * pairs * area)
        self._quality = machine.reserve_here(2 * pairs * area)
        self._done = machine.reserve_here(pairs)
        results = [("flow", self._flow), ("quality", self._quality), ("done", self._done)]
        downloads = [(here, self.address(name)) for name, here in results]
        steps, more = ([], []) if tail is None else tail(self)
        self._run = machine.record(
            [(self.address("pictures"), self._pictures)],
            [*plan.launches(self.arena.address), *steps],
            [] if maps and tail is None else [*downloads, *more],
        )

    def address(self, name: str) -> int:
        """Where a buffer of the plan lies."""
        return self.arena.address + self.plan.offset(name) * np.dtype(np.float32).itemsize

    def memory(self, name: str) -> Memory:
        """A buffer of the plan; the arena lives as long as it is held."""
        return Memory(self.address(name), self.arena.owner)

    def run(self, onsets: Floats, apexes: Floats) -> None:
        """Solve up to ``pairs`` pairs, float32 (N, H, W) in grey levels; results stay where they are."""
        pictures = self._pictures.reshape(2, self.plan.pairs, self.plan.height, self.plan.width)
        pictures[0, : len(onsets)], pictures[1, : len(apexes)] = onsets, apexes
        self._run()

    def solve(self, onsets: Floats, apexes: Floats) -> list[Solved]:
        """Solve up to ``pairs`` pairs and fetch the results."""
        self.run(onsets, apexes)
        shape = (self.plan.pairs, 2, self.plan.height, self.plan.width)
        flow, quality = self._flow.reshape(shape), self._quality.reshape(shape)
        done = self._done.view(np.int32)
        return [
            Solved(
                flow[k, 0].copy(), flow[k, 1].copy(), quality[k, 0].copy(), quality[k, 1].copy(), int(done[k])
            )
            for k in range(len(onsets))
        ]


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
