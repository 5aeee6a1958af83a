"""Options that several commands have, and their values read and checked."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engines.errors import InputError
from offline.cli.output import say

if TYPE_CHECKING:
    from offline.datasets.samples import Samples


FlowMaps = Annotated[
    Path | None, typer.Option("--flowmaps", help="Folder of the released 28x28 flow maps and their table.")
]


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def load_maps(flowmaps: Path | None) -> "Samples":
    """The samples of ``--flowmaps``; what is odd about the release goes to stderr. InputError without a folder."""
    if flowmaps is None:
        raise InputError(
            "no data: give --flowmaps DIR, the folder of the released flow maps, or, to run, --data DIR"
        )
    from offline.datasets.flowmaps import load_flowmaps

    samples = load_flowmaps(flowmaps)
    for note in samples.notes:
        say(f"note: {note}")
    return samples


def cores() -> int:
    """How many cores this process may use: what ``--jobs 0`` means."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def seeds_of(text: str, option: str = "--seeds") -> tuple[int, ...]:
    """The seeds of a list such as 0,1,2 or 3-7, each once. InputError for anything else."""
    try:
        seeds = tuple(dict.fromkeys(seed for part in text.split(",") for seed in _span(part)))
    except ValueError:
        raise InputError(f"{option} {text!r} is not a list of whole numbers such as 0,1,2 or 3-7") from None
    if min(seeds) < 0:
        raise InputError(f"{option} {text!r}: seeds start at 0")
    return seeds


def range_of(option: str, text: str) -> tuple[float, float]:
    """A number, or two such as 1-2.6: the least and the most."""
    least, dash, most = text.partition("-")
    try:
        return float(least), float(most if dash else least)
    except ValueError:
        raise InputError(f"{option} {text!r} is not a range such as 1-2.6") from None


def _span(part: str) -> range:
    """A seed, or a range of them such as 3-7."""
    first, _, last = part.strip().rpartition("-")
    span = range(int(first), int(last) + 1) if first else range(int(part), int(part) + 1)
    if not span:
        raise ValueError(part)
    return span


def check_precision(precision: str) -> None:
    """Raises InputError for an unknown precision."""
    from offline.recipes import PRECISIONS

    if precision not in PRECISIONS:
        raise InputError(f"unknown precision {precision!r}: choose {' or '.join(PRECISIONS)}")


def check_device(device: str) -> None:
    """Raises InputError for a device that is unknown or not there."""
    if device not in ("cpu", "cuda"):
        raise InputError(f"unknown device {device!r}: choose cpu or cuda")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError("no CUDA device here: leave --device out")
