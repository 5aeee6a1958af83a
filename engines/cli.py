"""The command ``apexengine``: measure one pair of crops, time the engines, see what this machine has."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from engines.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The compute stages of apexcam, one at a time.",
)
bench = typer.Typer(no_args_is_help=True, help="Time an engine on this machine against its peers.")
app.add_typer(bench, name="bench")

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("list")
def list_engines(as_json: Json = False) -> None:
    """Show the backends and presets that work on this machine.

    Example: apexengine list --json
    """
    from engines.flow import PRESETS, backends

    rows = {"flow": {"backends": backends(), "presets": list(PRESETS)}}
    if as_json:
        print(json.dumps(rows))
        return
    for engine, kinds in rows.items():
        for kind, names in kinds.items():
            print(f"{engine} {kind}: {', '.join(names)}")


@app.command()
def flow(
    onset: Annotated[Path, typer.Argument(help="Image of the face at rest.")],
    apex: Annotated[Path, typer.Argument(help="Image at the peak of the movement, of the same size.")],
    out: Annotated[Path, typer.Option(help="F.npz for u, v and strain; F.png for a picture.")],
    backend: Annotated[str, typer.Option(help="cuda, cpu, opencv; auto takes the best present.")] = "auto",
    preset: Annotated[str, typer.Option(help="precise, or opencv for the solver of the papers.")] = "precise",
) -> None:
    """Measure the optical flow from ONSET to APEX.

    Example: apexengine flow onset.png apex.png --out flow.png
    """
    from engines.flow.file import measure

    print(measure(onset, apex, out, backend, preset))


@bench.command("flow")
def bench_flow(
    as_json: Json = False,
    quick: Annotated[bool, typer.Option(help="One size, one amplitude, few repeats.")] = False,
) -> None:
    """Time and score every flow solver here against OpenCV's and scikit-image's.

    Example: apexengine bench flow --json > flow.json
    """
    from engines.flow.benchmark import report

    report(as_json=as_json, quick=quick)


def main() -> None:
    """Run the command; unusable input is one line on stderr and exit code 2."""
    try:
        app()
    except InputError as error:
        print(f"apexengine: {error}", file=sys.stderr)
        sys.exit(2)
