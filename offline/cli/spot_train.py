"""`apexbench spot-train`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from offline.cli.options import Json, cores, seeds_of
from offline.cli.output import say
from offline.progress import progress_bar


def spot_train(
    real: Annotated[Path, typer.Option(help="Videos of real people, without annotation: a folder of files.")],
    out: Annotated[Path, typer.Option(help="The ONNX file to write; its card is written beside it.")],
    rendered: Annotated[
        str, typer.Option(help="Seeds of rendered faces to train on as well, below 101; none where empty.")
    ] = "1-24",
    people: Annotated[
        Path | None,
        typer.Option(
            help="Who is in which video: a CSV file,person; without it each video is of another person."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs instead of the usual 120.")] = None,
    seeds: Annotated[
        str, typer.Option(help="One network for each; the file answers with their mean.")
    ] = "0,1",
    folds: Annotated[
        int, typer.Option(min=0, help="Groups of people left out in turn; 0 leaves out one person at a time.")
    ] = 6,
    about: Annotated[
        str, typer.Option(help="What the card may say of the real videos, such as: openly licensed.")
    ] = "",
    keep_folds: Annotated[
        Path | None,
        typer.Option(help="Folder for the networks trained with people left out, for spot --left-out."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder of recordings and finished trainings; the user's cache by default."),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=0, help="Videos and trainings at a time; 0 is one for each core.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Train the spotter's network on faces without annotation, and say how it does on people left out.

    Example: apexbench spot-train --real videos --people people.csv --out spotter.onnx

    Micro-expressions are implanted into what was recorded of each face; an interrupted run goes on from there.
    """
    from offline.spotting.learning import command
    from offline.spotting.learning.card import lines
    from offline.spotting.learning.training import EPOCHS

    numbers = seeds_of(seeds)
    plan = command.Plan(
        real=real,
        out=out,
        rendered=seeds_of(rendered, "--rendered") if rendered else (),
        people=people,
        epochs=epochs or EPOCHS,
        seeds=numbers,
        folds=folds,
        cache=cache,
        about=about,
        keep_folds=keep_folds,
    )
    say(f"seeds {', '.join(map(str, numbers))}, rendered {rendered or 'none'}; kept in {plan.folder}")

    def show(scored: Any) -> None:
        if not as_json:
            from offline.tables import print_rows

            rows = lines(scored)
            print_rows("people left out: recall of implants (alarms)", tuple(rows[0]), rows)

    made = command.spot_train(plan, jobs or cores(), progress_bar, show)
    if as_json:
        print(json.dumps(made.results()))
        return
    print(f"{out}: {made.facts.size} bytes, at most {made.facts.difference:.1e} from PyTorch; seeds {seeds}")
    say(f"written: {out}, {out.with_suffix('.md')}")
