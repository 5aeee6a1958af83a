"""``apexcam mark``."""

import time
from typing import Annotated

import typer

from realtime.cli.app import ClientKeys, Endpoint, ServerKey


def mark(
    text: Annotated[str, typer.Argument(help="What was shown, for example: disgust 3.")],
    endpoint: Endpoint = "tcp://127.0.0.1:5557",
    keys: ClientKeys = None,
    server: ServerKey = None,
) -> None:
    """Mark a stimulus in a running apexcam, at the time of this command: events then say how long after it they came.

    For times to the millisecond keep a realtime.client.Marker open, or use --markers lsl.

    Example: apexcam mark "picture 17"
    """
    now = time.time_ns()
    from realtime.client import Marker

    with Marker(endpoint, keys=keys, server=server) as marker:
        marker.mark(text, wall_ns=now)
