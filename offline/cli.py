"""apexbench: the benchmark. Every figure is scored at the last epoch and can be recomputed from what is
written.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engines.errors import InputError

if TYPE_CHECKING:
    from offline.datasets.samples import Samples

app = typer.Typer(
    help=__doc__,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

FlowMaps = Annotated[
    Path | None, typer.Option("--flowmaps", help="Folder of the released 28x28 flow maps and their table.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _load(flowmaps: Path | None) -> "Samples":
    if flowmaps is None:
        raise InputError("no data: give --flowmaps DIR, the folder of the released flow maps")
    from offline.datasets.flowmaps import load_flowmaps

    samples = load_flowmaps(flowmaps)
    for note in samples.notes:
        _say(f"note: {note}")
    return samples


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _seeds(text: str) -> tuple[int, ...]:
    try:
        seeds = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise InputError(f"--seeds {text!r} is not a list of whole numbers such as 0,1,2") from None
    if min(seeds) < 0:
        raise InputError(f"--seeds {text!r}: seeds start at 0")
    return seeds


@contextmanager
def _progress(title: str) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@app.command()
def run(
    protocol: Annotated[str, typer.Option(help="How the data is split, see apexbench list.")],
    model: Annotated[str, typer.Option(help="The recogniser, see apexbench list.")],
    out: Annotated[
        Path, typer.Option(help="Folder for the results; an interrupted run goes on from what is in it.")
    ],
    flowmaps: FlowMaps = None,
    seeds: Annotated[str, typer.Option(help="Seeds to train with, such as 0,1,2.")] = "0",
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs instead of the recipe's.")] = None,
    audit: Annotated[
        bool,
        typer.Option("--audit", help="Also say what choosing the epoch on test subjects would have claimed."),
    ] = False,
    jobs: Annotated[int, typer.Option(min=0, help="Folds at a time; 0 is one for each core.")] = 0,
    dask: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler whose workers run the folds.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    as_json: Json = False,
) -> None:
    """Train and score a recogniser under a protocol.

    Example: apexbench run --protocol cde --model ststnet --flowmaps flowmaps --out runs/ststnet --seeds 0,1,2
    """
    from offline.protocols import open_protocol
    from offline.recognisers import open_recogniser
    from offline.runs import Plan
    from offline.runs import run as run_plan

    chosen, entry, numbers = open_protocol(protocol), open_recogniser(model), _seeds(seeds)
    _check_device(device)
    samples = _load(flowmaps)
    plan = Plan(chosen, entry, numbers, epochs, audit, device, jobs or _cores(), dask)
    with _progress(f"{model} under {protocol}") as progress:
        report = run_plan(samples, plan, out, progress)
    from offline.report import write_report

    write_report(chosen.prepare(samples), plan, report, out)
    if as_json:
        print(json.dumps(report))
    else:
        from offline.tables import print_run

        print_run(report)
        _say(f"written: {out}/results.json, predictions.csv, report.html")


def _check_device(device: str) -> None:
    if device not in ("cpu", "cuda"):
        raise InputError(f"unknown device {device!r}: choose cpu or cuda")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError("no CUDA device here: leave --device out")


@app.command(name="list")
def list_all(as_json: Json = False) -> None:
    """The protocols and recognisers there are.

    Example: apexbench list
    """
    from offline.protocols import PROTOCOLS
    from offline.recognisers import RECOGNISERS

    rows: dict[str, list[dict[str, Any]]] = {
        "protocols": [
            {"name": p.name, "title": p.title, "source": p.source, "subject_independent": p.independent}
            for p in PROTOCOLS.values()
        ],
        "models": [
            {"name": e.name, "title": e.title, "source": e.source, "epochs": e.epochs}
            for e in RECOGNISERS.values()
        ],
    }
    if as_json:
        print(json.dumps(rows))
        return
    from offline.tables import print_rows

    print_rows("protocols", ("name", "title", "source"), rows["protocols"])
    print_rows("models", ("name", "title", "source", "epochs"), rows["models"])


def main() -> None:
    """Entry point: unusable input is one line on stderr and exit 2."""
    try:
        app()
    except InputError as error:
        _say(f"apexbench: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        _say("apexbench: stopped; finished folds are kept, the same command goes on from there")
        sys.exit(130)
