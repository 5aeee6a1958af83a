"""Options that several commands have, and their values read and checked."""

import os
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from engines.errors import InputError
from offline.cli.output import say
from offline.training.options import Training

if TYPE_CHECKING:
    from offline.datasets.samples import Samples


FlowMaps = Annotated[
    Path | None, typer.Option("--flowmaps", help="Folder of the released 28x28 flow maps and their table.")
]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        help="A video database as unpacked, DIR or NAME=DIR such as casme2=DIR; give it once for each.",
    ),
]
Cache = Annotated[Path | None, typer.Option(help="Folder of prepared clips; the user's cache by default.")]
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


def with_training(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose parameter ``training`` becomes an option for each of these fields of `Training`."""
    wanted = {field.name: field for field in fields(Training) if field.name in names}
    types = get_type_hints(Training)

    def option(name: str) -> Parameter:
        field = wanted[name]
        default = typer.Option(field.default, **dict(field.metadata))
        return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=types[name])

    def expanded(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(command, include_extras=True)
        parameters: list[Parameter] = []
        for each in signature(command).parameters.values():
            if each.name == "training":
                parameters += map(option, wanted)
            else:
                parameters.append(each.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[each.name]))

        @wraps(command)
        def call(**given: Any) -> None:
            training = Training(**{name: given.pop(name) for name in wanted})
            training.check()
            command(**given, training=training)

        call.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
        vars(call)["__signature__"] = Signature(parameters)
        return call

    return expanded
