"""What is to be run."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engines.networks.recipes import Recipe
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

    @property
    def recipe(self) -> Recipe | None:
        """What it is trained with under this protocol; None where nothing is trained by a recipe. InputError for a
        recipe that the recogniser does not have.
        """
        return self.entry.recipe(replace(self.training, protocol=self.protocol.name))

    @property
    def epochs(self) -> int | None:
        """How many epochs, at most where training may end early."""
        recipe = self.recipe
        return self.training.epochs_of(self.entry.epochs if recipe is None else recipe.epochs)

    def identity(self) -> dict[str, Any]:
        """What run.json says: folds of a plan with another identity are of another run."""
        return {
            "protocol": self.protocol.name,
            "model": self.entry.name,
            **self.training.identity(self.epochs),
        }

    def trained(self) -> dict[str, Any]:
        """All that the training follows from, for results.json: each setting, whose they are, which are assumed."""
        recipe, identity = self.recipe, self.training.identity(self.epochs)
        if recipe is None:
            return identity
        whose = {"source": recipe.source, "assumed": list(recipe.assumed), "differs": list(recipe.differs)}
        return {**recipe.settings(), **identity, "recipe": self.training.recipe, **whose}


@dataclass(frozen=True)
class Task:
    """One fold with one seed, and the file that its result is kept in."""

    seed: int
    split: Split
    file: Path
