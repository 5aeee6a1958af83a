"""`apexbench train`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from engines.errors import InputError
from engines.files import check_file, check_folder
from offline.cli.options import FlowMaps, Json, cores, load_maps, with_training
from offline.cli.output import say
from offline.progress import progress_bar
from offline.training.options import DEFAULT, Training


@with_training("seed", "epochs")
def train(
    model: Annotated[
        str, typer.Option(help="The recogniser, see apexbench list; ststnet-live is what ships.")
    ],
    out: Annotated[Path, typer.Option(help="The ONNX file to write; its card is written beside it.")],
    flowmaps: FlowMaps = None,
    protocol: Annotated[str, typer.Option(help="The protocol whose figures go into the card.")] = "cde",
    validate: Annotated[bool, typer.Option(help="Cross-validate first; without it the card says so.")] = True,
    work: Annotated[
        Path | None, typer.Option(help="Folder to keep the cross-validation in, and to go on from.")
    ] = None,
    notes: Annotated[Path | None, typer.Option(help="Markdown to append to the card.")] = None,
    name: Annotated[
        str | None, typer.Option(help="The network's name in predictions; the file's by default.")
    ] = None,
    training: Training = DEFAULT,
    jobs: Annotated[int, typer.Option(min=0, help="Folds at a time; 0 is one for each core.")] = 0,
    as_json: Json = False,
) -> None:
    """Train on everything and write an ONNX file that the live side opens, with its model card.

    Example: apexbench train --model ststnet-live --flowmaps flowmaps --out mine.onnx
    """
    from offline.protocols import open_protocol
    from offline.recognisers import open_recogniser
    from offline.runs.plan import Plan

    check_file("--out", out)
    if work is not None:
        check_folder("--work", work)
    chosen, entry = open_protocol(protocol), open_recogniser(model)
    text = _read(notes) if notes else ""
    samples = load_maps(flowmaps)
    from offline.release import release

    plan = Plan(chosen, entry, (training.seed,), training, jobs=jobs or cores())
    with progress_bar(f"{model}: cross-validation") as progress:
        made = release(
            samples,
            plan,
            out,
            name=name,
            validate=validate,
            work=work,
            notes=text,
            progress=progress,
            say=say,
        )
    scores = made.validation.report["metrics"]["full"] if made.validation else None
    if as_json:
        keys = ("acc", "uf1", "uar", "uf1_ci95")
        print(
            json.dumps(
                {
                    "out": str(out),
                    "sha256": made.exported.sha256,
                    "bytes": made.exported.size,
                    "max_abs_diff": made.exported.max_abs_diff,
                    "metrics": {key: scores[key] for key in keys} if scores else None,
                }
            )
        )
        return
    print(
        f"{out}: {made.exported.size} bytes, at most {made.exported.max_abs_diff:.1e} from PyTorch; {made.card}"
    )
    if scores:
        low, high = scores["uf1_ci95"]
        print(f"held-out people: UF1 {scores['uf1']:.4f} ({low:.3f} to {high:.3f}), UAR {scores['uar']:.4f}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
