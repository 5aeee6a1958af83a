"""The dashboard process: one thread listens to the bus, one serves the page, this one speaks with main."""

import logging
import os
import socket
import threading
from pathlib import Path
from typing import Final

import uvicorn

from realtime.client import Subscriber
from realtime.config import Bus
from realtime.dashboard import address
from realtime.dashboard.feed import Feed
from realtime.dashboard.guard import Guard
from realtime.processes import wire
from realtime.processes.child import Link
from realtime.processes.spec import Spec

# Previews go on for a moment after the last page left: it may be loading again.
_LINGER_S: Final = 10.0
_LEAVE_S: Final = 1.5


def run(link: Link, spec: Spec) -> None:
    """Serves until main says bye. Raises InputError where the page cannot be served."""
    settings = spec.config.dashboard
    listener = address.bind(settings)
    page = address.url(listener, settings.host)
    feed = Feed()
    server = Server(feed, listener, settings.token)
    listening = Listening(feed, spec.config.bus, spec.endpoint)
    link.send(wire.Ready())
    # After a restart the pages that are open find back by themselves.
    if spec.generation == 0:
        link.send(wire.Note(f"dashboard {page}"))
        if settings.open:
            address.open_browser(page)
    try:
        while server.is_alive() and listening.is_alive():
            link.receive(0.25)
            link.beat()
        raise RuntimeError("the page's server or its listener stopped")
    finally:
        listening.leave()
        server.leave()


class Server(threading.Thread):
    """Serves the page; the first and only one of its process."""

    def __init__(self, feed: Feed, listener: socket.socket, token: str | None) -> None:
        super().__init__(name="page", daemon=True)
        # FastAPI exports what it serves where the machine's settings name a collector.
        os.environ["OTEL_SDK_DISABLED"] = "true"
        from realtime.dashboard.application import application

        # A page that is closed in the middle of something is no news.
        logging.getLogger("nicegui").setLevel(logging.ERROR)
        self._listener = listener
        self._server = uvicorn.Server(
            uvicorn.Config(
                Guard(application(feed), token),
                log_config=None,
                log_level=logging.ERROR,
                access_log=False,
                # Pictures are compressed already.
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=1,
                server_header=False,
            )
        )
        self.start()

    def run(self) -> None:
        """Until `leave`."""
        self._server.run(sockets=[self._listener])

    def leave(self) -> None:
        """Closes every page's connection and stops."""
        self._server.should_exit = True
        self.join(_LEAVE_S)


class Listening(threading.Thread):
    """Takes everything from the bus into the feed; asks for previews while a page is open."""

    def __init__(self, feed: Feed, settings: Bus, endpoint: str) -> None:
        super().__init__(name="bus", daemon=True)
        self._feed = feed
        self._keys = settings.keys
        self._endpoint = reachable(endpoint)
        self._leave = threading.Event()
        self.start()

    def run(self) -> None:
        """Until `leave`. A program that was started again is found again."""
        topics = ["event", "state", "health", "preview"]
        own = None if self._keys is None else Path(self._keys)
        with Subscriber(self._endpoint, topics, keys=own, server=own) as subscriber:
            while not self._leave.is_set():
                subscriber.want_previews(self._feed.wanted(_LINGER_S))
                message = subscriber.receive(0.25)
                if message is not None:
                    self._feed.take(message)

    def leave(self) -> None:
        """Disconnects and stops."""
        self._leave.set()
        self.join(_LEAVE_S)


def reachable(endpoint: str) -> str:
    """The endpoint to connect to, of one that may be bound to every interface."""
    return endpoint.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:")
