"""`apexbench cache`."""

import json
from typing import Annotated

import typer

from engines.errors import InputError
from engines.files import cache_folder
from offline.cli.options import Json


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove what is shown.")] = False,
    only: Annotated[
        str, typer.Option(help="One kind of files alone, such as clips; all of them by default.")
    ] = "",
    as_json: Json = False,
) -> None:
    """What is kept of earlier runs, and how much room it takes; APEXCAM_CACHE is another folder for all of it.

    Example: apexbench cache --clear --only clips
    """
    from offline import cached

    if only and only not in cached.KINDS:
        raise InputError(
            f"--only {only!r}: nothing is kept by that name: choose from {', '.join(cached.KINDS)}"
        )
    kept = [each for each in cached.kept() if only in ("", each.kind)]
    if clear:
        for each in kept:
            cached.clear(each)
    rows = [
        {"kind": e.kind, "what": e.what, "files": len(e.files), "MB": round(e.bytes / 1e6, 1)} for e in kept
    ]
    folder = cache_folder("")
    if as_json:
        print(json.dumps({"folder": str(folder), "cleared": clear, "kept": rows}))
        return
    from offline.tables import print_rows

    print_rows(f"{folder}{', removed' * clear}", ("kind", "what", "files", "MB"), rows)
