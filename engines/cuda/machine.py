"""What the engines ask of a GPU. `gpu.py` answers it with CUDA, the tests with the host."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
# Pairs or maps that go together when there are many.
TOGETHER: Final = 16


@dataclass(frozen=True)
class Memory:
    """Where some memory begins, and the object that frees it when nobody holds it any more."""

    address: int
    owner: object


@dataclass(frozen=True)
class Launch:
    """One kernel launch: its name, blocks along x, y and z, and arguments as numpy scalars."""

    kernel: str
    grid: tuple[int, int, int]
    arguments: tuple[np.generic, ...]


# A kernel of ours, or a function that puts its own work on the stream whose handle it is given.
Step = Launch | Callable[[int], None]


class Machine(Protocol):
    """A GPU, or in the tests the host."""

    @property
    def identity(self) -> dict[str, str]:
        """What a compiled network depends on: ``gpu`` (its name), ``capability`` ("8.9"), ``driver`` ("13.0")."""
        ...

    def reserve(self, floats: int) -> Memory:
        """Room for so many float32 where the kernels run."""
        ...

    def reserve_here(self, floats: int) -> Floats:
        """Room for so many float32 on the host, from which and to which copies are fast."""
        ...

    def record(
        self,
        uploads: list[tuple[int, Floats]],
        steps: Sequence[Step],
        downloads: list[tuple[Floats, int]],
    ) -> Callable[[], None]:
        """Make one thing of copies to addresses, steps, and copies from addresses. Calling it runs it to the end."""
        ...
