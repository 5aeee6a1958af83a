"""The command ``apexcam``."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from engines.errors import InputError

app = typer.Typer(
    name="apexcam",
    help="Sees micro-expressions as they happen. Start with: apexcam live demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="YAML that names what differs from configs/live.yaml."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="One setting, for example source.fps=60; repeat it."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Unusable input is one line on stderr and exit status 2; Ctrl-C is 130, a closed pipe ends quietly."""
    try:
        yield
    except InputError as error:
        text = " ".join(str(error).split())
        print(f"apexcam: {text}", file=sys.stderr)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # Nobody reads any more; keep the interpreter from saying so at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise typer.Exit(0) from None


@app.command()
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
        typer.Option(metavar="FPS", help="Frames a second for a file, folder or demo; default its own."),
    ] = None,
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="No web page.")] = False,
    record: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the frames of each event here.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="F.json", help="Write what was measured at the end.")
    ] = None,
) -> None:
    """Recognise micro-expressions live, from a camera or anything else that has frames.

    Publishes events on the bus (see apexcam subscribe) until the source ends or Ctrl-C.

    Example: apexcam live 0 --set source.fps=120 --report run.json
    """
    with one_line_errors():
        from realtime import config as configuration
        from realtime import live as run
        from realtime.terminal import open_screen

        loaded = configuration.load(config, set_ or ())
        options = run.Options(
            sources=tuple(source),
            config=loaded,
            duration_s=duration,
            pace=pace,
            dashboard=not no_dashboard,
            record=record,
            report=report,
        )
        code = run.run(options, open_screen())
    raise typer.Exit(code)


@app.command()
def subscribe(
    endpoint: Annotated[str, typer.Option(help="Where the program publishes.")] = "tcp://127.0.0.1:5557",
    topic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="T", help="event, state, health, preview, or a whole topic; repeat it. Default: event."
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Stop after so many messages.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", help="Give up when no message came for so many seconds.")
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of all messages.")] = False,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="This client's secret CURVE certificate.")
    ] = None,
    server: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The server's public CURVE certificate.")
    ] = None,
) -> None:
    """Print what a running apexcam publishes: one JSON object a line, readable on a terminal.

    Example: apexcam subscribe --topic event --count 1
    """
    with one_line_errors():
        import msgspec

        from realtime.client import Subscriber, json_schema

        if schema:
            print(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode())
            return
        show = _pretty() if sys.stdout.isatty() else _line
        with Subscriber(
            endpoint, topic or ["event"], keys=keys, server=server, timeout_s=timeout
        ) as messages:
            try:
                for number, message in enumerate(messages, start=1):
                    show(message)
                    if number == count:
                        return
            except TimeoutError:
                raise InputError(
                    f"{endpoint}: no message within {timeout:g} s; is apexcam live running, and on this endpoint?"
                ) from None


def _line(message: Any) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
    sys.stdout.flush()


def _pretty() -> Callable[[Any], None]:
    from rich.console import Console

    from realtime import messages
    from realtime.terminal import event_line

    console = Console(highlight=False)

    def show(message: Any) -> None:
        match message:
            case messages.Event():
                wall = (message.apex.wall or "")[11:23]
                console.print(
                    f"{wall} {message.camera}  {event_line(message, None, rendered=False)}", markup=False
                )
            case messages.State():
                faces = ", ".join(f"{face.status} {face.phase}" for face in message.faces) or "no face"
                console.print(
                    f"{message.camera}  frame {message.at.frame}  {message.fps:.0f} fps  {faces}",
                    markup=False,
                )
            case messages.Health():
                console.print(
                    f"{message.camera}  {message.status}  {message.delivered_fps:g}/{message.requested_fps:g} fps  "
                    f"captured {message.captured}  lost {message.lost_driver}+{message.lost_ring}  "
                    f"events {message.events}",
                    markup=False,
                )
            case messages.Preview():
                about = f"  of {message.event_id}: {', '.join(message.pictures)}" if message.event_id else ""
                console.print(
                    f"{message.camera}  picture of frame {message.at.frame}, {len(message.jpeg)} bytes{about}",
                    markup=False,
                )

    return show


def main() -> None:
    """The console command."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
