"""`apexbench pretrain`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from engines.errors import InputError
from engines.files import check_folder
from offline.cli.options import Cache, Data, Json, cores, with_training
from offline.cli.output import leave_unread, say
from offline.progress import progress_bar
from offline.training.options import DEFAULT, Training


@with_training("weights", "epochs", "seed", "device", "precision")
def pretrain(
    model: Annotated[str, typer.Option(help="The network, see apexbench list; of MSCNN, one stream.")],
    out: Annotated[Path, typer.Option(help="The file for --weights to write, .safetensors.")],
    pictures: Annotated[
        list[Path] | None,
        typer.Option(
            "--pictures", help="A folder of pictures, in it a folder for each emotion; may be repeated."
        ),
    ] = None,
    data: Data = None,
    training: Training = DEFAULT,
    cache: Cache = None,
    jobs: Annotated[int, typer.Option(min=0, help="Clips at a time; 0 is one for each core.")] = 0,
    as_json: Json = False,
) -> None:
    """Train a network on ordinary expressions and write weights for run --weights to begin with.

    Example: apexbench pretrain --model atnet-spatial --pictures CK+ --pictures JAFFE --weights resnet18.pth
    --out ordinary.safetensors

    The file says whom it has seen in databases of videos: run refuses to score them.
    """
    from offline.datasets.class_maps import ORDINARY
    from offline.datasets.pictures import open_pictures
    from offline.inputs import SHOW_APEX
    from offline.inputs.loading import load, open_databases
    from offline.pretraining import network_of
    from offline.pretraining import pretrain as pretrain_network
    from offline.recognisers import open_recogniser

    entry = open_recogniser(model)
    chosen = network_of(entry, len(ORDINARY.classes), training)
    if out.suffix != ".safetensors":
        raise InputError(f"--out {out}: weights are written as .safetensors")
    check_folder("--out", out.parent)  # made where it is not there
    if cache is not None:
        check_folder("--cache", cache)
    if pictures and entry.input not in SHOW_APEX:
        raise InputError(f"{model} reads motion, which pictures do not have: give --data, videos")
    databases = open_databases(data or ()) + ([open_pictures(pictures)] if pictures else [])
    if not databases:
        raise InputError("nothing to learn from: give --pictures DIR or --data DIR")
    with progress_bar("clips", "clips") as progress:
        videos = load(
            databases,
            ORDINARY,
            entry,
            cache=cache,
            jobs=jobs or cores(),
            progress=progress,
            say=say,
        )
    for note in videos.samples.notes:
        say(f"note: {note}")
    with progress_bar(f"{model}, epochs") as progress:
        made = pretrain_network(videos.samples, chosen, out, progress)
    if as_json:
        print(json.dumps({"out": str(out), **vars(made)}))
    else:
        print(
            f"{out}: {model} after {made.epochs} epochs on {made.clips} clips, {made.accuracy:.0%} of them "
            "classified correctly in the last one; that says nothing of other clips"
        )
    leave_unread(videos.unread)
