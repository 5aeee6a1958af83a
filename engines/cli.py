"""The command ``apexengine``: measure one pair of crops, time the engines, see what this machine has."""

import json
from pathlib import Path
from typing import Annotated

import typer

from engines.command import Commands, begin
from engines.version import HELP_NAMES, common

app = typer.Typer(
    name="apexengine",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The compute stages of apexcam, one at a time.",
    context_settings=HELP_NAMES,
)
app.callback()(common)
bench = typer.Typer(no_args_is_help=True, help="Time an engine on this machine against its peers.")
app.add_typer(bench, name="bench")

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("list")
def list_engines(as_json: Json = False) -> None:
    """Show the backends, presets and runtimes that work on this machine, and what can be compiled for.

    Example: apexengine list --json
    """
    from engines.flow import PRESETS, registry
    from engines.inference import RUNTIMES, every_runtime
    from engines.inference.tensorrt.command import installed_library
    from engines.inference.tensorrt.compiling import targets

    backends = {name: registry.missing(name) for name in registry.names()}
    runtimes = every_runtime()
    library = installed_library()
    rows = {
        "flow": {
            "backends": _working(backends),
            "missing": _missing(backends),
            "presets": list(PRESETS),
        },
        "classify": {
            "runtimes": _working(runtimes),
            "missing": _missing(runtimes),
            "targets": [] if library is None else targets(library),
        },
    }
    if as_json:
        print(json.dumps(rows))
        return
    for name, reason in backends.items():
        print(_line("flow", name, reason or registry.backend(name).title, here=not reason))
    for name, reason in runtimes.items():
        print(_line("classify", name, reason or RUNTIMES[name].title, here=not reason))
    print(f"presets of flow: {', '.join(PRESETS)}")
    print(f"targets of classify: {', '.join(rows['classify']['targets']) or 'none'}")


def _working(reasons: dict[str, str]) -> list[str]:
    return [name for name, reason in reasons.items() if not reason]


def _missing(reasons: dict[str, str]) -> list[str]:
    return [f"{name} ({reason})" for name, reason in reasons.items() if reason]


def _line(engine: str, name: str, what: str, *, here: bool) -> str:
    return f"{engine:<9} {name:<17} {'' if here else 'not here: '}{what}"


@app.command()
def flow(
    onset: Annotated[Path, typer.Argument(help="Image of the face at rest.")],
    apex: Annotated[Path, typer.Argument(help="Image at the peak of the movement, of the same size.")],
    out: Annotated[Path, typer.Option(help="F.npz for u, v and strain; F.png for a picture.")],
    backend: Annotated[
        str, typer.Option(help="One of `apexengine list`; auto takes the best of them.")
    ] = "auto",
    preset: Annotated[str, typer.Option(help="precise, or opencv for the solver of the papers.")] = "precise",
) -> None:
    """Measure the optical flow from ONSET to APEX.

    Example: apexengine flow onset.png apex.png --out flow.png
    """
    from engines.flow.file import measure

    print(measure(onset, apex, out, backend, preset))


@app.command()
def build(
    model: Annotated[Path, typer.Argument(help="ONNX file made by apexbench train.")],
    target: Annotated[
        str, typer.Option(help="sm_75, sm_80, sm_86, sm_89, sm_120; current: this GPU.")
    ] = "current",
    precision: Annotated[str, typer.Option(help="fp32 or fp16.")] = "fp32",
    batch: Annotated[int, typer.Option(help="Maps at a time, for a target by name.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="File for the engine of a target by name; default: in the cache.")
    ] = None,
) -> None:
    """Compile MODEL with TensorRT, for this GPU or, which needs none, for another; into the cache unless --out says.

    Example: apexengine build model.onnx --target sm_89 --precision fp16
    """
    from engines.inference.tensorrt.command import build as compile_model

    print(compile_model(model, target, precision, batch, out))


@app.command()
def prove(
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON into this file too.")] = None,
    quick: Annotated[bool, typer.Option(help="Few repeats: whether it works, not how fast.")] = False,
) -> None:
    """Prove everything about the GPU, or break it, in five minutes; what cannot be done here is skipped.

    Exits with 1 when a check failed.

    Example: apexengine prove --out proof.json
    """
    from engines.proof import prove as run

    raise typer.Exit(run(as_json=as_json, out=out, quick=quick))


@bench.command("classify")
def bench_classify(
    as_json: Json = False,
    quick: Annotated[bool, typer.Option(help="The shipped network and STSTNet, few repeats.")] = False,
    model: Annotated[
        list[str] | None, typer.Option(help="A network of `apexbench list`, or shipped; may be repeated.")
    ] = None,
) -> None:
    """Time every runtime here on every network against PyTorch (where installed) and ONNX Runtime on the CPU.

    Example: apexengine bench classify --model shipped --json
    """
    from engines.inference.benchmark import report

    report(as_json=as_json, quick=quick, models=model or [])


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
    """The console command."""
    begin()
    app()
