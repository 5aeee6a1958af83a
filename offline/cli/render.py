"""`apexbench render`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from engines.files import check_folder
from offline.cli.options import Json, cores
from offline.progress import progress_bar


def render(
    layout: Annotated[str, typer.Option(help="casme2, smic or samm.")],
    out: Annotated[Path, typer.Option(help="Folder for the database, empty or not there yet.")],
    subjects: Annotated[int, typer.Option(min=0, help="People; 0 is as many as the official database.")] = 0,
    clips: Annotated[int, typer.Option(min=0, help="Clips a person; 0 is about the official number.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is other people.")] = 0,
    images: Annotated[
        str, typer.Option(help="cropped or raw, as the official database has both; SAMM's are raw.")
    ] = "cropped",
    errata: Annotated[
        bool, typer.Option("--errata", help="With the known mistakes of the official table.")
    ] = False,
    intensity: Annotated[
        float, typer.Option(help="Times the displacement of micro-expressions; 4 is an ordinary expression.")
    ] = 1.0,
    jobs: Annotated[int, typer.Option(min=0, help="People at a time; 0 is one for each core.")] = 0,
    as_json: Json = False,
) -> None:
    """Render a database exactly in an official layout: folders, names, frame numbers and table.

    Example: apexbench render --layout casme2 --out rendered/casme2 --subjects 10 --clips 6
    """
    from offline.datasets.rendered import Rendering, open_layout
    from offline.datasets.rendered import render as render_database

    check_folder("--out", out)
    chosen = open_layout(layout)
    rendering = Rendering(
        chosen, subjects or chosen.subjects, clips or chosen.clips, seed, images, errata, intensity
    )
    with progress_bar("clips", "clips") as progress:
        counts = render_database(rendering, out, jobs or cores(), progress)
    if as_json:
        print(json.dumps({"layout": layout, "out": str(out), "seed": seed, "clips": sum(counts.values())}))
        return
    told = ", ".join(f"{camera or layout} {count}" for camera, count in counts.items())
    print(f"{out}: {sum(counts.values())} clips of {rendering.subjects} people ({told}), seed {seed}")
