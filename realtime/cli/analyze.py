"""``apexcam analyze``."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from engines.errors import InputError
from engines.files import check_folder
from engines.installation import check_opencv
from realtime.cli.app import AsJson, ConfigFile, Settings, check_finite, print_json


def analyze(
    video: Annotated[str, typer.Argument(help="A video, or a folder of images.")],
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where events.jsonl, events.csv, events.eaf and report.html go."),
    ],
    config: ConfigFile = None,
    set_: Settings = None,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="FPS",
            min=0.1,
            help="What it was filmed at, where it does not say so (images) or says it wrongly.",
        ),
    ] = None,
    frames: Annotated[int | None, typer.Option(metavar="N", min=1, help="Stop after so many frames.")] = None,
    pictures: Annotated[
        bool,
        typer.Option("--pictures/--no-pictures", help="Whether report.html shows faces, as small pictures."),
    ] = True,
    markers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="When stimuli were shown: a table with columns s (or ms) and text."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find and name the micro-expressions of a recording: every frame, as fast as it can.

    A truncated or damaged video is analysed as far as it can be read, then said, with exit status 2. The folder of an
    event made by apexcam live --record is recognised again under its recorded settings (or those given here) and
    compared.

    Example: apexcam analyze interview.mp4 --out interview
    """
    check_opencv()
    from realtime import config as configuration
    from realtime.analysis import analyze as analysis
    from realtime.analysis import stimuli
    from realtime.sources import check_requests

    check_finite(fps=fps)
    check_requests([video], set_ or ())
    loaded = configuration.load(config, set_ or ())
    check_folder("--out", out)
    shown = stimuli.read(markers) if markers is not None else []
    own = config is not None or bool(set_)
    made = analysis.analyse_path(video, loaded, own_settings=own, fps=fps, frames=frames, watching=_progress)
    if shown:
        stimuli.apply(made, shown)
    written = analysis.write(made, out, pictures=pictures)
    found = made.summary()
    if as_json:
        print_json(found)
    else:
        events = ", ".join(f"{count} {kind}" for kind, count in found["events"].items())
        print(
            f"{found['frames']} frames ({found['seconds']:.2f} s) in {found['took_s']:.1f} s: {events}; "
            f"{', '.join(str(path) for path in written)}"
        )
        for line in filter(None, (made.seen.problem(), *made.again, made.info.advice)):
            print(line)
    if made.problem:
        raise InputError(made.problem)


@contextlib.contextmanager
def _progress(total: int | None) -> Iterator[Callable[[int, float], None]]:
    """A progress bar on stderr if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, at_s: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("analyze"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("frames", total=total)

        def step(done: int, at_s: float) -> None:
            if done % 8 == 0:
                progress.update(task, completed=done)

        yield step
