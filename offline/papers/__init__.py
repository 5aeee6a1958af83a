"""The tables of the five papers as data: what they state, and which run here stands beside it."""

from dataclasses import dataclass
from importlib import import_module
from typing import Final

from engines.errors import InputError
from offline.preparation.settings import Preparation


@dataclass(frozen=True)
class Column:
    """A column of scores.

    ``metric`` is "acc", "f1", "wf1" (weighted by the clips a class), "uf1" or "uar" of the clips ``of`` ("full" or a
    database) in a run under ``protocol``; "confusion" is the share of the row's class taken for the class ``of``.
    "mean" as the protocol is the row's mean over the columns before it with the same metric. ``clips``: how many the
    paper scored.
    """

    heading: str
    protocol: str
    metric: str
    of: str = "full"
    clips: int | None = None


@dataclass(frozen=True)
class Row:
    """A method by the name the paper gives it, its scores in 0..1 (None where it states none), the recogniser here
    that stands for it ("" for none) and, where it matters, the epochs it was trained.
    """

    title: str
    model: str
    values: tuple[float | None, ...]
    epochs: int | None = None


@dataclass(frozen=True)
class Table:
    """A table by its number, what it shows, and what to know when reading it."""

    number: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


PAPERS: Final = {
    "000": "OFF-ApexNet on micro-expression recognition system (Liong et al.)",
    "001": "A novel apex-time network for cross-dataset micro-expression recognition (Peng et al.)",
    "002": "Feature refinement: an expression-specific feature learning and fusion method (Zhou et al.)",
    "003": "Micro-expression recognition by optical flow, MobileNetV2 and SVM",
    "004": "Micro-expression recognition by EVM, optical flow and a multi-stream network",
}


# How each paper's clips are measured, where a recogniser has no recipe that says so. Papers 003 and 004 do not say what
# finds an apex; 004 takes the flow of Liu et al., for which its solver stands.
MEASURED: Final = {
    "000": Preparation("dcrois", "opencv"),
    "001": Preparation("middle", "opencv"),
    "002": Preparation("interframe", "opencv"),
    "003": Preparation("motion", "opencv"),
    "004": Preparation("motion", "opencv"),
}


def open_paper(number: str) -> tuple[Table, ...]:
    """The tables of a paper. InputError for a number that is none of the five."""
    if number not in PAPERS:
        raise InputError(f"unknown paper {number!r}: choose one of {', '.join(PAPERS)}")
    tables: tuple[Table, ...] = import_module(f"offline.papers.paper_{number}").TABLES
    return tables


def percent(*values: float | None) -> tuple[float | None, ...]:
    """Accuracies printed in percent, and F-measures as they are, in turn, all in 0..1."""
    return tuple(
        value if value is None or place % 2 else round(value / 100, 4) for place, value in enumerate(values)
    )
