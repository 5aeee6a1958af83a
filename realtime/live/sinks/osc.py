"""``--sink osc:HOST:PORT``: Open Sound Control, for TouchDesigner, Unity, Max and stage programs.

Each event is one bundle of two messages over UDP, in this order:

``/apexcam/event``          event_id, camera, kind, label, probability, intensity_px, duration_ms, ms since the apex
``/apexcam/<camera>/<kind>``  probability of the label, or the confidence where there is none
``/apexcam/early``          event_id, camera, stage, label, probability, confirmation: of events not yet final

Texts are strings, numbers floats; ``label`` is empty where the event is not named.
"""

import contextlib
import re
import time
from typing import Any

from engines.errors import InputError
from realtime import messages
from realtime.live.sinks import Published


class Osc:
    """A client; UDP tells nobody whether somebody receives."""

    def __init__(self, where: str) -> None:
        host, _, port = where.rpartition(":")
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise InputError(f"--sink osc:{where}: give host and port, for example --sink osc:127.0.0.1:9000")
        self._host, self._port = host.strip("[]") or "127.0.0.1", int(port)
        self._client: Any = None

    def open(self) -> None:
        """Raises InputError without python-osc, or for a host that does not exist."""
        try:
            from pythonosc.udp_client import SimpleUDPClient
        except ImportError:
            raise InputError("--sink osc: python-osc is not installed; pip install 'apexcam[osc]'") from None
        try:
            self._client = SimpleUDPClient(self._host, self._port)
        except OSError as error:
            raise InputError(f"--sink osc:{self._host}:{self._port}: {error.strerror or error}") from None

    def event(self, published: Published) -> None:
        """One bundle."""
        from pythonosc import osc_bundle_builder, osc_message_builder

        event = published.event
        since_apex_ms = (time.monotonic_ns() - published.apex_host_ns) / 1e6
        bundle = osc_bundle_builder.OscBundleBuilder(osc_bundle_builder.IMMEDIATELY)
        for address, values in addressed(event, since_apex_ms):
            message = osc_message_builder.OscMessageBuilder(address)
            for value in values:
                message.add_arg(value, "s" if isinstance(value, str) else "f")
            bundle.add_content(message.build())
        # Where nobody listens now, somebody may later.
        with contextlib.suppress(ConnectionRefusedError):
            self._client.send(bundle.build())

    def early(self, event: messages.Event) -> None:
        """``/apexcam/early``: event_id, camera, stage, label, probability, confirmation."""
        from pythonosc import osc_message_builder

        message = osc_message_builder.OscMessageBuilder("/apexcam/early")
        for text in (event.event_id, event.camera, event.stage, event.label or ""):
            message.add_arg(text, "s")
        for number in (event.probabilities.get(event.label or "", 0.0), event.confirmation or 0.0):
            message.add_arg(number, "f")
        with contextlib.suppress(ConnectionRefusedError):
            self._client.send(message.build())

    def close(self) -> None:
        """Lets the socket go."""
        self._client = None


def addressed(event: messages.Event, since_apex_ms: float) -> list[tuple[str, list[str | float]]]:
    """The messages of one event: address and values."""
    probability = event.probabilities.get(event.label or "", 0.0)
    duration_ms = (event.offset.t_ns - event.onset.t_ns) / 1e6
    camera = re.sub(r"[^A-Za-z0-9_-]", "_", event.camera)
    return [
        (
            "/apexcam/event",
            [
                *(event.event_id, event.camera, event.kind, event.label or ""),
                *(probability, event.intensity_px, duration_ms, since_apex_ms),
            ],
        ),
        (f"/apexcam/{camera}/{event.kind}", [probability or event.confidence]),
    ]
