"""`apexbench verify`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from offline.cli.options import FlowMaps, Json
from offline.progress import progress_bar


def verify(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", help="Folder of the published files; without it only what needs none."
        ),
    ] = None,
    flowmaps: FlowMaps = None,
    as_json: Json = False,
) -> None:
    """Recompute published results from published files: expected, ours, and whether they are equal.

    Example: apexbench verify published --flowmaps flowmaps

    The flow maps are also found in the folder or beside it. What is not there is skipped by name. Exit status 1:
    something differs.
    """
    from offline.verify import verify as recompute
    from offline.verify.report import print_checks

    with progress_bar("checks") as progress:
        checks = recompute(folder, flowmaps, progress)
    if as_json:
        print(json.dumps([check.row() for check in checks]))
    else:
        print_checks(checks)
    if any(check.ok is False for check in checks):
        raise typer.Exit(1)
