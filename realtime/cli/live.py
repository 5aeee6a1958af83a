"""``apexcam live``."""

from pathlib import Path
from typing import Annotated

import typer

from engines.installation import check_opencv
from realtime.cli.app import ConfigFile, Settings, check_finite


def live(
    source: Annotated[
        list[str],
        typer.Argument(
            help="Camera index or device, URL, video file, image folder, or demo; several run side by side."
        ),
    ],
    config: ConfigFile = None,
    set_: Settings = None,
    duration: Annotated[float | None, typer.Option(metavar="S", help="Stop after so many seconds.")] = None,
    pace: Annotated[
        float | None,
        typer.Option(metavar="FPS", help="Play a recording or the demo this fast; default its own."),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="FPS", help="What a recording was filmed at, where it does not say so or says it wrongly."
        ),
    ] = None,
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="No web page.")] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the frames of each event here; with --set record.session=true every frame.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="F.json", help="Write what was measured at the end.")
    ] = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:WHERE]",
            help="Where else events go: csv:FILE, osc:HOST:PORT, websocket:PORT, lsl, lsl-motion, or a plugin; "
            "repeat it.",
        ),
    ] = None,
    markers: Annotated[
        str | None,
        typer.Option(metavar="lsl[:NAME]", help="Stimulus markers from the Lab Streaming Layer too."),
    ] = None,
    lsl: Annotated[
        bool, typer.Option("--lsl", help="The same as --sink lsl: the Lab Streaming Layer (apexcam[lsl]).")
    ] = False,
) -> None:
    """Recognise micro-expressions live, from a camera or anything else that has frames.

    Publishes events on the bus (see apexcam subscribe) until the source ends or Ctrl-C.

    Example: apexcam live 0 --set source.fps=120 --report run.json
    """
    check_opencv()
    from realtime import config as configuration
    from realtime.live.coordinator import run
    from realtime.live.options import Options
    from realtime.live.screen import open_screen
    from realtime.sources import check_requests

    check_finite(duration=duration, pace=pace, fps=fps)
    check_requests(source, set_ or (), pace=pace, rate=fps)
    loaded = configuration.load(config, set_ or ())
    options = Options(
        sources=tuple(source),
        config=loaded,
        duration_s=duration,
        pace=pace,
        rate=fps,
        dashboard=not no_dashboard,
        record=record,
        report=report,
        sinks=(*(sink or ()), *("lsl",) * lsl),
        markers=markers,
    )
    code = run(options, open_screen(len(source)))
    raise typer.Exit(code)
