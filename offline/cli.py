"""apexbench: the benchmark. Every figure is scored at the last epoch and can be recomputed from what is
written.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engines.command import Commands, begin
from engines.errors import InputError
from engines.files import check_file, check_folder
from engines.version import HELP_NAMES, common

if TYPE_CHECKING:
    from offline.datasets.samples import Samples

app = typer.Typer(
    name="apexbench",
    cls=Commands,
    help=__doc__,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=HELP_NAMES,
)
app.callback()(common)

FlowMaps = Annotated[
    Path | None, typer.Option("--flowmaps", help="Folder of the released 28x28 flow maps and their table.")
]
# What a base install does not have.
_TRAIN = (
    "torch",
    "safetensors",
    "sklearn",
    "joblib",
    "onnx",
    "onnxscript",
    "pandas",
    "openpyxl",
    "python_calamine",
    "matplotlib",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _load(flowmaps: Path | None) -> "Samples":
    if flowmaps is None:
        raise InputError(
            "no data: give --flowmaps DIR, the folder of the released flow maps, or, to run, --data DIR"
        )
    from offline.datasets.flowmaps import load_flowmaps

    samples = load_flowmaps(flowmaps)
    for note in samples.notes:
        _say(f"note: {note}")
    return samples


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _seeds(text: str, option: str = "--seeds") -> tuple[int, ...]:
    try:
        seeds = tuple(dict.fromkeys(seed for part in text.split(",") for seed in _span(part)))
    except ValueError:
        raise InputError(f"{option} {text!r} is not a list of whole numbers such as 0,1,2 or 3-7") from None
    if min(seeds) < 0:
        raise InputError(f"{option} {text!r}: seeds start at 0")
    return seeds


def _range(option: str, text: str) -> tuple[float, float]:
    """A number, or two such as 1-2.6: the least and the most."""
    least, dash, most = text.partition("-")
    try:
        return float(least), float(most if dash else least)
    except ValueError:
        raise InputError(f"{option} {text!r} is not a range such as 1-2.6") from None


def _span(part: str) -> range:
    """A seed, or a range of them such as 3-7."""
    first, _, last = part.strip().rpartition("-")
    span = range(int(first), int(last) + 1) if first else range(int(part), int(part) + 1)
    if not span:
        raise ValueError(part)
    return span


@contextmanager
def _progress(title: str, unit: str = "") -> Iterator[Any]:
    """A bar; with ``unit`` also how many of it a second."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f} {unit}/s" if unit and task.speed else "")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task(title, total=None)

    def show(done: int, total: int) -> None:
        bar.start()  # with the work: an error before it shows no bar
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()


@app.command()
def run(
    protocol: Annotated[str, typer.Option(help="How the data is split, see apexbench list.")],
    model: Annotated[str, typer.Option(help="The recogniser, see apexbench list.")],
    out: Annotated[
        Path, typer.Option(help="Folder for the results; an interrupted run goes on from what is in it.")
    ],
    flowmaps: FlowMaps = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            help="A video database as unpacked, DIR or NAME=DIR such as casme2=DIR; give it once for each.",
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds to train with, such as 0,1,2.")] = "0",
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs instead of the recipe's.")] = None,
    audit: Annotated[
        bool,
        typer.Option("--audit", help="Also say what choosing the epoch on test subjects would have claimed."),
    ] = False,
    apex: Annotated[
        str,
        typer.Option(help="What finds an apex that no table has: motion, dcrois, interframe or middle."),
    ] = "motion",
    errata: Annotated[
        bool, typer.Option("--errata/--no-errata", help="Mend the tables' known mistakes, and say which.")
    ] = True,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of prepared clips; the user's cache by default.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Clips and folds at a time; 0 is one for each core.")] = 0,
    dask: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler whose workers run the folds.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    weights: Annotated[
        Path | None,
        typer.Option(help="Pretrained weights to begin with, such as ImageNet's: .pth or .safetensors."),
    ] = None,
    features: Annotated[
        bool,
        typer.Option(
            "--features/--no-features",
            help="Train once more for the report's picture of the features of people left out.",
        ),
    ] = True,
    precision: Annotated[
        str,
        typer.Option(
            help="float32, or bfloat16: large networks train about twice as fast; scored in float32."
        ),
    ] = "float32",
    as_json: Json = False,
) -> None:
    """Train and score a recogniser under a protocol.

    Example: apexbench run --protocol cde --model ststnet --flowmaps flowmaps --out runs/ststnet --seeds 0,1,2

    From video: apexbench run --protocol cde --model ststnet --data CASME2 --data SMIC --data SAMM --out runs/video

    Exit status 1: scored, but some clips could not be read; each is named.
    """
    from offline.protocols import open_protocol
    from offline.recognisers import open_recogniser
    from offline.runs import Plan
    from offline.runs import run as run_plan

    check_folder("--out", out)
    if cache is not None:
        check_folder("--cache", cache)
    chosen, entry, numbers = open_protocol(protocol), open_recogniser(model), _seeds(seeds)
    _check_device(device)
    _check_precision(precision)
    if weights is not None and not entry.takes_weights:
        raise InputError(f"{model} has no pretrained part: leave --weights out")
    if weights is None and entry.needs_weights:
        raise InputError(f"{model} is used as pretrained: give --weights F, a file of its published weights")
    unread: tuple[str, ...] = ()
    if data:
        if flowmaps is not None:
            raise InputError("give either --flowmaps or --data, not both")
        from offline.preparation.command import load_videos

        with _progress("clips", "clips") as progress:
            videos = load_videos(
                data,
                chosen,
                entry,
                cache=cache,
                apex=apex,
                errata=errata,
                jobs=jobs or _cores(),
                progress=progress,
                say=_say,
            )
        samples, unread = videos.samples, videos.unread
    elif entry.input != "flow-map":
        raise InputError(f"{model} reads {entry.input}, not flow maps: give --data, the videos")
    else:
        samples = _load(flowmaps)
    plan = Plan(
        chosen,
        entry,
        numbers,
        epochs,
        audit,
        device,
        jobs or _cores(),
        dask,
        weights and weights.resolve(),
        precision,
    )
    with _progress(f"{model} under {protocol}") as progress:
        report = run_plan(samples, plan, out, progress)
    from offline.report import write_report

    write_report(chosen.prepare(samples), plan, report, out, features)
    if as_json:
        print(json.dumps(report))
    else:
        from offline.tables import print_run

        print_run(report)
        _say(f"written: {out}/results.json, predictions.csv, report.html")
    _leave_unread(unread)


def _leave_unread(unread: Sequence[str]) -> None:
    """Say how many clips could not be read and leave with exit status 1; go on where there are none."""
    if unread:
        clips = f"{len(unread)} clip{'s were' if len(unread) > 1 else ' was'} left out"
        _say(f"apexbench: {clips}, named above, as unreadable")
        raise typer.Exit(1)


@app.command()
def pretrain(
    model: Annotated[str, typer.Option(help="The network, see apexbench list; of MSCNN, one stream.")],
    out: Annotated[Path, typer.Option(help="The file for --weights to write, .safetensors.")],
    pictures: Annotated[
        list[Path] | None,
        typer.Option(
            "--pictures", help="A folder of pictures, in it a folder for each emotion; may be repeated."
        ),
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option("--data", help="A video database as for run; may be repeated.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Pretrained weights to begin with, such as ImageNet's.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs instead of the recipe's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of prepared clips; the user's cache by default.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Clips at a time; 0 is one for each core.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    precision: Annotated[str, typer.Option(help="float32 or bfloat16, as for run.")] = "float32",
    as_json: Json = False,
) -> None:
    """Train a network on ordinary expressions and write weights for run --weights to begin with.

    Example: apexbench pretrain --model atnet-spatial --pictures CK+ --pictures JAFFE --weights resnet18.pth
    --out ordinary.safetensors

    The file says whom it has seen in databases of videos: run refuses to score them.
    """
    from offline.datasets.class_maps import ORDINARY
    from offline.datasets.pictures import open_pictures
    from offline.preparation.command import load, open_databases
    from offline.preparation.inputs import SHOW_APEX
    from offline.preparation.prepare import DEFAULT_APEX
    from offline.pretraining import network_of
    from offline.pretraining import pretrain as pretrain_network
    from offline.recognisers import Settings, open_recogniser

    entry = open_recogniser(model)
    _check_device(device)
    _check_precision(precision)
    settings = Settings(len(ORDINARY.classes), epochs, seed, device, weights, precision)
    chosen = network_of(entry, settings)
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
    with _progress("clips", "clips") as progress:
        videos = load(
            databases,
            ORDINARY,
            entry,
            cache=cache,
            apex=DEFAULT_APEX,
            jobs=jobs or _cores(),
            progress=progress,
            say=_say,
        )
    for note in videos.samples.notes:
        _say(f"note: {note}")
    with _progress(f"{model}, epochs") as progress:
        made = pretrain_network(videos.samples, chosen, out, progress)
    if as_json:
        print(json.dumps({"out": str(out), **vars(made)}))
    else:
        print(
            f"{out}: {model} after {made.epochs} epochs on {made.clips} clips, {made.accuracy:.0%} of them named "
            "rightly in the last one; that says nothing of others"
        )
    _leave_unread(videos.unread)


def _check_precision(precision: str) -> None:
    from offline.recipes import PRECISIONS

    if precision not in PRECISIONS:
        raise InputError(f"unknown precision {precision!r}: choose {' or '.join(PRECISIONS)}")


def _check_device(device: str) -> None:
    if device not in ("cpu", "cuda"):
        raise InputError(f"unknown device {device!r}: choose cpu or cuda")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError("no CUDA device here: leave --device out")


@app.command()
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
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs instead of the recipe's.")] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Folds at a time; 0 is one for each core.")] = 0,
    as_json: Json = False,
) -> None:
    """Train on everything and write an ONNX file that the live side opens, with its model card.

    Example: apexbench train --model ststnet-live --flowmaps flowmaps --out mine.onnx
    """
    from offline.protocols import open_protocol
    from offline.recognisers import open_recogniser
    from offline.runs import Plan

    check_file("--out", out)
    if work is not None:
        check_folder("--work", work)
    chosen, entry = open_protocol(protocol), open_recogniser(model)
    text = _read(notes) if notes else ""
    samples = _load(flowmaps)
    from offline.release import release

    plan = Plan(chosen, entry, (seed,), epochs, jobs=jobs or _cores())
    with _progress(f"{model}: cross-validation") as progress:
        made = release(
            samples,
            plan,
            out,
            name=name,
            validate=validate,
            work=work,
            notes=text,
            progress=progress,
            say=_say,
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


@app.command()
def spot(
    out: Annotated[
        Path, typer.Option(help="Folder for the results; an interrupted run goes on from what is in it.")
    ],
    data: Annotated[
        Path | None, typer.Option(help="A database of long videos: its table and its folders of images.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option(help="casme2long or sammlv; found out from the table's name by default.")
    ] = None,
    rendered: Annotated[
        bool, typer.Option("--rendered", help="Render faces instead, and half as many neutral videos.")
    ] = False,
    real: Annotated[
        Path | None,
        typer.Option(help="Real videos without annotation: a folder of video files, or one of them."),
    ] = None,
    implant: Annotated[
        bool,
        typer.Option(
            "--implant", help="Also put known micro-expressions into the real videos, by moving skin."
        ),
    ] = False,
    size: Annotated[str, typer.Option(help="Implants, px at a face 200 px wide: least-most.")] = "1-2.6",
    length: Annotated[str, typer.Option(help="Implants, seconds: shortest-longest.")] = "0.26-0.48",
    course: Annotated[
        str, typer.Option(help="How implants rise and fall: raised-cosine or minimum-jerk.")
    ] = "raised-cosine",
    expressions: Annotated[
        str, typer.Option(help="Implants: all that are known, or the common AU 6+12, 1+2+26, 4+15, 9+15.")
    ] = "all",
    implant_seeds: Annotated[str, typer.Option(help="Each seed is other implants in every video.")] = "1",
    keep: Annotated[
        Path | None,
        typer.Option(help="Folder for the implanted videos, lossless at a constant rate, and truth.csv."),
    ] = None,
    intervals: Annotated[
        Path | None,
        typer.Option(
            help="Score these intervals instead: a folder in a format of the MEGC; --data has the labels, or the log."
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="motion, interframe or dcrois.")] = "motion",
    network: Annotated[
        Path | None, typer.Option(help="A network made by spot-train instead of the shipped one.")
    ] = None,
    left_out: Annotated[
        Path | None,
        typer.Option(
            help="Networks of spot-train --keep-folds: each real video by one that has not seen the person."
        ),
    ] = None,
    people: Annotated[
        Path | None, typer.Option(help="Who is in which real video, for intervals: a CSV file,person.")
    ] = None,
    alarms: Annotated[
        float | None, typer.Option(help="False alarms a minute to put up with; .5 by default.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Rendered faces; tuning used those below 101.")] = "101-106",
    seconds: Annotated[float, typer.Option(help="Length of a rendered video.")] = 60.0,
    fps: Annotated[str, typer.Option(help="Frame rates to render at, such as 200,100,30.")] = "200",
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep",
            help="Also curves over displacement, noise, sway and frame rate: 21 more videos a face.",
        ),
    ] = False,
    lively: Annotated[
        bool, typer.Option("--lively", help="Rendered faces move, speak and laugh as real people did.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=0, help="Videos at a time; 0 is one for each core.")] = 0,
    as_json: Json = False,
) -> None:
    """Score the spotter on long videos: intervals, apexes, false alarms, classes.

    Examples: apexbench spot --rendered --seeds 101-106 --out runs/spot
              apexbench spot --data CASME_sq --out runs/spot-casme
              apexbench spot --real videos --implant --out runs/spot-real
              apexbench spot --intervals theirs --data CASME_sq --out runs/theirs
    """
    from offline.spotting import command, real_command
    from offline.spotting.real import Implants

    if intervals is not None:
        if rendered or real is not None:
            raise InputError(
                "--intervals are scored against --data DIR, or the labels in their own log, alone"
            )
        _intervals(intervals, data, layout, out, as_json)
        return
    if sum((rendered, data is not None, real is not None)) != 1:
        raise InputError(
            "give either --data DIR, a database of long videos, or --rendered, or --real DIR, videos as they are"
        )
    if real is None and (implant or keep is not None):
        raise InputError("--implant and --keep go with --real DIR, a folder of real videos")
    if real is None and (left_out is not None or people is not None):
        raise InputError("--left-out and --people go with --real DIR, a folder of real videos")
    if left_out is not None and network is not None:
        raise InputError("give either --network or --left-out, which has a network for each video")
    check_folder("--out", out)
    if keep is not None:
        check_folder("--keep", keep)
    setup, numbers = command.setup_of(method, network, alarms), _seeds(seeds)
    try:
        rates = tuple(dict.fromkeys(float(part) for part in fps.split(",")))
    except ValueError:
        raise InputError(f"--fps {fps!r} is not a list of frame rates such as 200,100,30") from None
    with _progress("frames") as progress:
        if data is not None:
            results = command.spot_recorded(data, layout, setup, out, jobs or _cores(), progress)
        elif real is not None:
            implants = None
            if implant:
                spans = _range("--size", size), _range("--length", length)
                implants = Implants(*spans, course, expressions)  # type: ignore[arg-type]  # checked there
            rounds = _seeds(implant_seeds, "--implant-seeds")
            plan = real_command.Plan(real, implants, rounds, keep, people, left_out)
            results = real_command.spot_real(plan, setup, out, jobs or _cores(), progress)
        else:
            rendering = command.Rendering(numbers, seconds, rates, sweep, lively)
            results = command.spot_rendered(rendering, setup, out, jobs or _cores(), progress)
    if as_json:
        print(json.dumps(results))
        return
    from offline.tables import print_rows

    said = command if real is None else real_command
    rows = said.lines(results)
    if rows:
        print_rows(f"{results['method']} on {results['source']} videos", tuple(rows[0]), rows)
    for line in said.sentences(results):
        print(line)
    _say(f"written: {out}/results.json, events.csv, report.html")


def _intervals(intervals: Path, data: Path | None, layout: str | None, out: Path, as_json: bool) -> None:
    from offline.spotting import handed_in

    check_folder("--out", out)
    results = handed_in.score_intervals(intervals, data, layout, out)
    if as_json:
        print(json.dumps(results))
        return
    from offline.tables import print_rows

    rows = handed_in.lines(results)
    print_rows(f"{results['videos']} videos, labels: {results['source']}", tuple(rows[0]), rows)
    for note in results["notes"]:
        print(f"note: {note}")
    _say(f"written: {out}/results.json, megc.csv, LOG_micro.txt, LOG_macro.txt")


@app.command(name="spot-train")
def spot_train(
    real: Annotated[Path, typer.Option(help="Videos of real people, without annotation: a folder of files.")],
    out: Annotated[Path, typer.Option(help="The ONNX file to write; its card is written beside it.")],
    rendered: Annotated[
        str, typer.Option(help="Seeds of rendered faces to train on as well, below 101; none where empty.")
    ] = "1-24",
    people: Annotated[
        Path | None,
        typer.Option(
            help="Who is in which video: a CSV file,person; without it each video is somebody else."
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
        typer.Option(help="Folder for the networks that have not seen somebody, for spot --left-out."),
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

    numbers = _seeds(seeds)
    plan = command.Plan(
        real=real,
        out=out,
        rendered=_seeds(rendered, "--rendered") if rendered else (),
        people=people,
        epochs=epochs or EPOCHS,
        seeds=numbers,
        folds=folds,
        cache=cache,
        about=about,
        keep_folds=keep_folds,
    )
    _say(f"seeds {', '.join(map(str, numbers))}, rendered {rendered or 'none'}; kept in {plan.folder}")

    def show(scored: Any) -> None:
        if not as_json:
            from offline.tables import print_rows

            rows = lines(scored)
            print_rows("people left out: recall of implants (alarms)", tuple(rows[0]), rows)

    made = command.spot_train(plan, jobs or _cores(), _progress, show)
    if as_json:
        print(json.dumps(made.results()))
        return
    print(f"{out}: {made.told.size} bytes, at most {made.told.difference:.1e} from PyTorch; seeds {seeds}")
    _say(f"written: {out}, {out.with_suffix('.md')}")


@app.command()
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
    with _progress("clips", "clips") as progress:
        counts = render_database(rendering, out, jobs or _cores(), progress)
    if as_json:
        print(json.dumps({"layout": layout, "out": str(out), "seed": seed, "clips": sum(counts.values())}))
        return
    told = ", ".join(f"{camera or layout} {count}" for camera, count in counts.items())
    print(f"{out}: {sum(counts.values())} clips of {rendering.subjects} people ({told}), seed {seed}")


@app.command()
def table(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Folders of finished runs; with --paper also folders of them.")
    ] = None,
    paper: Annotated[
        str | None, typer.Option(help="A paper's tables, ours beside theirs: 000, 001, 002, 003 or 004.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Add the papers' rows that were not run here.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    page: Annotated[
        Path | None, typer.Option("--html", help="Also write the paper's tables as an HTML page.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Merge runs into the papers' table, with paired tests of every two; or fill a paper's own tables.

    Example: apexbench table runs/ststnet runs/off-apexnet runs/fr --markdown
    A paper's: apexbench table --paper 002 runs
    """
    from offline import tables

    if paper is not None:
        _paper(paper, runs or [], markdown, page, as_json)
        return
    if not runs or page is not None:
        raise InputError("give the folders of finished runs, or --paper 000 to 004 (which --html needs)")
    folders = [tables.load_run(path) for path in runs]
    rows, tests = tables.merge(folders, published), tables.comparisons(folders)
    if as_json:
        print(json.dumps({"rows": rows, "comparisons": tests}))
    elif markdown:
        print(tables.markdown(rows, tests), end="")
    else:
        tables.print_merged(rows, tests)


def _paper(number: str, runs: list[Path], markdown: bool, page: Path | None, as_json: bool) -> None:
    from offline import paper_tables

    if page is not None:
        check_file("--html", page)
    filled = paper_tables.fill(number, paper_tables.find_runs(runs))
    if page is not None:
        from offline.report import STYLE
        from offline.runs import write_text

        try:
            write_text(page, paper_tables.page(filled, STYLE))
        except OSError as error:
            raise InputError(f"cannot write {page}: {error.strerror or error}") from None
        _say(f"written: {page}")
    if as_json:
        print(json.dumps(filled))
    elif markdown:
        print(paper_tables.markdown(filled), end="")
    else:
        paper_tables.print_paper(filled)


@app.command()
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

    with _progress("checks") as progress:
        checks = recompute(folder, flowmaps, progress)
    if as_json:
        print(json.dumps([check.row() for check in checks]))
    else:
        print_checks(checks)
    if any(check.ok is False for check in checks):
        raise typer.Exit(1)


@app.command()
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

    row = measure(_load(flowmaps), epochs, folds)
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


@app.command(name="list")
def list_all(as_json: Json = False) -> None:
    """The protocols and recognisers there are.

    Example: apexbench list
    """
    from offline.protocols import PROTOCOLS
    from offline.recognisers import RECOGNISERS

    rows: dict[str, list[dict[str, Any]]] = {
        "protocols": [
            {"name": p.name, "title": p.title, "source": p.source, "subject_independent": p.independent}
            for p in PROTOCOLS.values()
        ],
        "models": [
            {"name": e.name, "title": e.title, "source": e.source, "epochs": e.epochs}
            for e in RECOGNISERS.values()
        ],
    }
    if as_json:
        print(json.dumps(rows))
        return
    from offline.tables import print_rows

    print_rows("protocols", ("name", "title", "source"), rows["protocols"])
    print_rows("models", ("name", "title", "source", "epochs"), rows["models"])


def main() -> None:
    """The console command."""
    begin()
    try:
        app()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _TRAIN:
            raise
        _say(f"apexbench: {error.name} is not installed: pip install 'apexcam[train]'")
        sys.exit(2)


if __name__ == "__main__":
    main()
