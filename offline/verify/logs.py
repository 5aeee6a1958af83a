"""Logs of predictions as the field's MATLAB code writes them: a line `dataset subject`, then `clip truth predicted`."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError

DATASETS = ("casme2", "smic", "samm")


@dataclass(frozen=True)
class Log:
    """``keys``: (dataset, subject as in the log, clip); ``truth`` and ``predicted`` int64 (N,)."""

    keys: tuple[tuple[str, str, str], ...]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]

    def of(self, dataset: str | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Truth and prediction of one database; of all where None."""
        mask = np.array([dataset in (None, key[0]) for key in self.keys])
        return self.truth[mask], self.predicted[mask]


def read_log(path: Path) -> Log:
    """Read a log. InputError for a line that is none of it."""
    keys: list[tuple[str, str, str]] = []
    values: list[tuple[int, int]] = []
    dataset = subject = ""
    for number, line in enumerate(text_of(path).splitlines(), start=1):
        cells: Any = line.split()
        if len(cells) == 2 and cells[0] in DATASETS:
            dataset, subject = cells
        elif (
            len(cells) == 3
            and dataset
            and re.fullmatch(r"[012]", cells[1])
            and re.fullmatch(r"[012]", cells[2])
        ):
            keys.append((dataset, subject, cells[0]))
            values.append((int(cells[1]), int(cells[2])))
        elif cells:
            raise InputError(
                f"{path}, line {number}: {line.strip()[:40]!r} is no line of a log; copy it again"
            )
    if not keys:
        raise InputError(f"{path} holds no predictions; copy it again")
    truth, predicted = np.array(values, np.int64).T
    return Log(tuple(keys), truth, predicted)


def text_of(path: Path) -> str:
    """A file's text. InputError where it cannot be read."""
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}; copy it again") from None
