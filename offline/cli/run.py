"""`apexbench run`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engines.errors import InputError
from engines.files import check_folder
from engines.networks.recipes import Recipe
from offline.cli.options import Cache, Data, FlowMaps, Json, cores, load_maps, seeds_of, with_training
from offline.cli.output import leave_unread, say
from offline.progress import progress_bar
from offline.training.options import DEFAULT, Training

if TYPE_CHECKING:
    from offline.preparation.settings import Preparation
    from offline.recognisers import Entry


@with_training("epochs", "device", "weights", "precision", "recipe")
def run(
    protocol: Annotated[str, typer.Option(help="How the data is split, see apexbench list.")],
    model: Annotated[str, typer.Option(help="The recogniser, see apexbench list.")],
    out: Annotated[
        Path, typer.Option(help="Folder for the results; an interrupted run goes on from what is in it.")
    ],
    flowmaps: FlowMaps = None,
    data: Data = None,
    seeds: Annotated[str, typer.Option(help="Seeds to train with, such as 0,1,2.")] = "0",
    training: Training = DEFAULT,
    audit: Annotated[
        bool,
        typer.Option("--audit", help="Also say what choosing the epoch on test subjects would have claimed."),
    ] = False,
    apex: Annotated[
        str | None,
        typer.Option(
            help="What finds an apex that no table has: motion, dcrois, interframe or middle; motion by default, with "
            "--recipe paper or authors theirs."
        ),
    ] = None,
    flow: Annotated[
        str | None,
        typer.Option(
            help="Preset of TV-L1: precise, or opencv, the papers' solver; precise by default, with --recipe paper or "
            "authors opencv."
        ),
    ] = None,
    magnification: Annotated[
        float | None,
        typer.Option(help="Alpha of the Eulerian magnification that MSCNN reads, 0 for none; 8 by default."),
    ] = None,
    errata: Annotated[
        bool, typer.Option("--errata/--no-errata", help="Mend the tables' known mistakes, and say which.")
    ] = True,
    cache: Cache = None,
    jobs: Annotated[int, typer.Option(min=0, help="Clips and folds at a time; 0 is one for each core.")] = 0,
    dask: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler whose workers run the folds.")
    ] = None,
    features: Annotated[
        bool,
        typer.Option(
            "--features/--no-features",
            help="Train once more for the report's picture of the features of people left out.",
        ),
    ] = True,
    as_json: Json = False,
) -> None:
    """Train and score a recogniser under a protocol.

    Example: apexbench run --protocol cde --model ststnet --flowmaps flowmaps --out runs/ststnet --seeds 0,1,2

    From video: apexbench run --protocol cde --model ststnet --data CASME2 --data SMIC --data SAMM --out runs/video

    Exit status 1: scored, but some clips could not be read; each is named.
    """
    from offline.protocols import open_protocol
    from offline.recognisers import open_recogniser
    from offline.runs import run as run_plan
    from offline.runs.plan import Plan

    check_folder("--out", out)
    if cache is not None:
        check_folder("--cache", cache)
    chosen, entry, numbers = open_protocol(protocol), open_recogniser(model), seeds_of(seeds)
    if training.weights is not None and not entry.takes_weights:
        raise InputError(f"{model} has no pretrained part: leave --weights out")
    if training.weights is None and entry.needs_weights:
        raise InputError(f"{model} is used as pretrained: give --weights F, a file of its published weights")
    plan = Plan(chosen, entry, numbers, _absolute(training), audit, jobs or cores(), dask)
    recipe = plan.recipe
    if recipe is not None and recipe.pretrained and training.weights is None:
        say(
            f"note: {recipe.source} begins on {recipe.pretrained}: without --weights no figure of the paper's"
        )
    how = _preparation(entry, plan.recipe, apex, flow, magnification, flowmaps is not None)
    unread: tuple[str, ...] = ()
    if data:
        if flowmaps is not None:
            raise InputError("give either --flowmaps or --data, not both")
        from offline.inputs.loading import load_videos

        with progress_bar("clips", "clips") as progress:
            videos = load_videos(
                data,
                chosen,
                entry,
                cache=cache,
                how=how,
                errata=errata,
                jobs=jobs or cores(),
                progress=progress,
                say=say,
            )
        samples, unread = videos.samples, videos.unread
    elif entry.input != "flow-map":
        raise InputError(f"{model} reads {entry.input}, not flow maps: give --data, the videos")
    else:
        samples = load_maps(flowmaps)
    with progress_bar(f"{model} under {protocol}") as progress:
        report = run_plan(samples, plan, out, progress)
    from offline.report import write_report

    write_report(chosen.prepare(samples), plan, report, out, features)
    if as_json:
        print(json.dumps(report))
    else:
        from offline.tables import print_run

        print_run(report)
        say(f"written: {out}/results.json, predictions.csv, report.html")
    leave_unread(unread)


def _absolute(training: Training) -> Training:
    """With a path of the weights that workers in other folders find."""
    return replace(training, weights=training.weights and training.weights.resolve())


def _preparation(
    entry: "Entry",
    recipe: Recipe | None,
    apex: str | None,
    flow: str | None,
    magnification: float | None,
    released: bool,
) -> "Preparation":
    """What the options say, where they are silent the recipe. InputError for an option without any effect."""
    from offline.inputs import INPUTS
    from offline.preparation.settings import DEFAULT, Preparation

    needs = INPUTS[entry.input].needs if entry.input in INPUTS else ()
    if flow is not None and (released or "flow" not in needs):
        what = "the released flow maps are as they are" if released else f"{entry.name} reads no flow"
        raise InputError(f"{what}: leave --flow out")
    if magnification is not None and "magnification" not in needs:
        raise InputError(f"{entry.name} reads nothing magnified: leave --magnification out")
    return Preparation(
        apex or (recipe.apex if recipe else DEFAULT.apex),
        flow or (recipe.flow if recipe else DEFAULT.flow),
        DEFAULT.magnification if magnification is None else magnification,
    ).check()
