"""Early stopping on training people who are held out: nothing scored has any part in it."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from engines.errors import InputError

HELD_OUT: Final = 0.2  # of the training people


def hold_out(people: NDArray[Any] | None, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices that train, and those of a fifth of the people (at least one), drawn by ``seed``.

    Raises InputError for fewer than two people, and where it is not said who is seen.
    """
    if people is None or len(names := np.unique(people)) < 2:
        raise InputError(
            "early stopping holds training people out, and needs two of them here: give more data, or --recipe ours"
        )
    count = max(1, round(HELD_OUT * len(names)))
    held = np.isin(people, np.random.default_rng(seed).permutation(names)[:count])
    return np.flatnonzero(~held), np.flatnonzero(held)


class Held:
    """The held-out clips' loss after each epoch, and the weights of its least.

    ``loss`` gives a network's mean loss on them; ``patience``: epochs without a smaller one after which it is over.
    """

    def __init__(self, loss: Callable[[nn.Module], float], patience: int) -> None:
        self._loss, self._patience = loss, patience
        self._least, self._waited = float("inf"), 0
        self._best: dict[str, Any] = {}

    def after(self, network: nn.Module) -> bool:
        """Whether training is over after this epoch; the network is left in training mode."""
        network.eval()
        loss = self._loss(network)
        network.train()
        if loss < self._least or not self._best:
            self._least, self._waited, self._best = loss, 0, deepcopy(network.state_dict())
            return False
        self._waited += 1
        return self._waited >= self._patience

    def restore(self, network: nn.Module) -> None:
        """Give the network the weights that had the least loss."""
        network.load_state_dict(self._best)
