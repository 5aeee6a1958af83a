"""What is to be run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline.protocols import Protocol, Split
from offline.recognisers import Entry
from offline.training.options import DEFAULT, Training


@dataclass(frozen=True)
class Plan:
    """What is to be run: a recogniser under a protocol, trained as ``training`` says from each of ``seeds``.

    ``jobs`` processes on this machine, or a Dask scheduler's address in ``dask``. ``audit``: also note what each epoch
    says of the scored clips.
    """

    protocol: Protocol
    entry: Entry
    seeds: tuple[int, ...] = (0,)
    training: Training = DEFAULT
    audit: bool = False
    jobs: int = 1
    dask: str | None = None

    def identity(self) -> dict[str, Any]:
        """What run.json says: folds of a plan with another identity are of another run."""
        return {
            "protocol": self.protocol.name,
            "model": self.entry.name,
            **self.training.identity(self.entry.epochs),
        }


@dataclass(frozen=True)
class Task:
    """One fold with one seed, and the file that its result is kept in."""

    seed: int
    split: Split
    file: Path
