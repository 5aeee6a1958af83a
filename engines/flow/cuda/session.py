"""A plan with its memory, ready to be run again and again."""

from collections.abc import Callable

import numpy as np

from engines.cuda.machine import Floats, Machine, Memory, Step
from engines.flow.backend import Solved
from engines.flow.cuda.plan import Plan
from engines.flow.presets import Preset

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
