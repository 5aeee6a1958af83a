"""A plan with its memory, ready to be run again and again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.flow.cuda.plan import Launch, Plan
from engines.flow.presets import Preset
from engines.flow.solver import Solved

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Memory:
    """Where some memory begins, and the object that frees it when nobody holds it any more."""

    address: int
    owner: object


class Machine(Protocol):
    """Where a plan runs: a GPU, or in the tests the host."""

    def reserve(self, floats: int) -> Memory:
        """Room for so many float32 where the kernels run."""
        ...

    def reserve_here(self, floats: int) -> Floats:
        """Room for so many float32 on the host, from which and to which copies are fast."""
        ...

    def record(
        self,
        uploads: list[tuple[int, Floats]],
        launches: list[Launch],
        downloads: list[tuple[Floats, int]],
    ) -> Callable[[], None]:
        """Make one thing of copies to addresses, launches, and copies from addresses. Calling it runs it to
        the end.
        """
        ...


class Session:
    """Solves ``pairs`` pairs of one size at a time. For one thread at a time."""

    def __init__(
        self, machine: Machine, height: int, width: int, pairs: int, preset: Preset, *, maps: bool = False
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
        self._run = machine.record(
            [(self.address("pictures"), self._pictures)],
            plan.launches(self.arena.address),
            [] if maps else [(here, self.address(name)) for name, here in results],
        )

    def address(self, name: str) -> int:
        """Where a buffer of the plan lies."""
        return self.arena.address + self.plan.offset(name) * np.dtype(np.float32).itemsize

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
            (flow[k, 0].copy(), flow[k, 1].copy(), quality[k, 0].copy(), quality[k, 1].copy(), int(done[k]))
            for k in range(len(onsets))
        ]
