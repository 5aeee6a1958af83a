"""``apexcam subscribe``."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from engines.errors import InputError
from realtime.cli.app import ClientKeys, Endpoint, ServerKey, check_finite, print_json


def subscribe(
    endpoint: Endpoint = "tcp://127.0.0.1:5557",
    topic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="T",
            help="event, early, state, health, preview, or a whole topic; repeat it. Default: event.",
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Stop after so many messages.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", help="Give up when no message came for so many seconds.")
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of all messages.")] = False,
    keys: ClientKeys = None,
    server: ServerKey = None,
) -> None:
    """Print what a running apexcam publishes: one JSON object a line, readable on a terminal.

    Example: apexcam subscribe --topic event --count 1
    """
    from realtime.client import Subscriber, json_schema

    check_finite(timeout=timeout)
    if schema:
        print_json(json_schema())
        return
    show = pretty() if sys.stdout.isatty() else _line
    with Subscriber(endpoint, topic or ["event"], keys=keys, server=server, timeout_s=timeout) as messages:
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


def pretty() -> Callable[[Any], None]:
    """Shows a message in one line a person can read."""
    from rich.console import Console

    from realtime import messages
    from realtime.live.screen import event_line

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
