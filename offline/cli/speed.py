"""`apexbench speed`."""

import json
from typing import Annotated

import typer

from offline.cli.options import FlowMaps, Json, load_maps


def speed(
    flowmaps: FlowMaps = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs to time.")] = 10,
    folds: Annotated[int, typer.Option(min=1, help="Folds to time.")] = 3,
    as_json: Json = False,
) -> None:
    """Time STSTNet's training against the plain three-branch loop, one fold after another on one thread, and compare
    what both say of the people left out.

    Example: apexbench speed --flowmaps flowmaps --epochs 100 --folds 40
    """
    from offline.speed import measure

    row = measure(load_maps(flowmaps), epochs, folds)
    low, high = row["uf1_difference_ci95"]
    if as_json:
        print(json.dumps(row))
    else:
        print(
            f"{row['plain_ms_per_epoch']:.1f} ms an epoch in three branches, {row['ms_per_epoch']:.1f} ms shrunk: "
            f"{row['ratio']:.2f} times as fast ({row['ratio_low']:.2f} to {row['ratio_high']:.2f} over folds)\n"
            f"UF1 of these folds after {row['epochs']} epochs: {row['plain_uf1']:.3f} in three branches, "
            f"{row['uf1']:.3f} shrunk; 95 % interval of the difference {low:+.3f} to {high:+.3f}"
        )
