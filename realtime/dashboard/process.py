"""The dashboard process: one thread reads the bus, one serves the page, the main thread talks to the supervisor."""

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

# Previews continue for a moment after the last page was closed: it may be reloading.
_LINGER_S: Final = 10.0
_LEAVE_S: Final = 1.5


def run(link: Link, spec: Spec) -> None:
    """Serves the page until main ends the process. Raises InputError if it cannot be served."""
    settings = spec.config.dashboard
    listener = address.bind(settings)
    page = address.url(listener, settings.host)
    feed = Feed()
    server = Server(feed, listener, settings.token)
    reader = BusReader(feed, spec.config.bus, spec.endpoint)
    link.send(wire.Ready())
    # After a restart, open pages reconnect by themselves.
    if spec.generation == 0:
        link.send(wire.Note(f"dashboard {page}"))
        if settings.open:
            address.open_browser(page)
    try:
        while server.is_alive() and reader.is_alive():
            link.receive(0.25)
            link.beat()
        raise RuntimeError("the page's server or its reader of the bus stopped")
    finally:
        reader.leave()
        server.leave()


class Server(threading.Thread):
    """The thread that serves the page; there is only one in a process."""

    def __init__(self, feed: Feed, listener: socket.socket, token: str | None) -> None:
        super().__init__(name="page", daemon=True)
        # FastAPI would export traces if the environment names a collector.
        os.environ["OTEL_SDK_DISABLED"] = "true"
        from realtime.dashboard.application import application

        # A page closed in the middle of an update is not worth a warning.
        logging.getLogger("nicegui").setLevel(logging.ERROR)
        self._listener = listener
        self._server = uvicorn.Server(
            uvicorn.Config(
                Guard(application(feed), token),
                log_config=None,
                log_level=logging.ERROR,
                access_log=False,
                # The pictures are compressed already.
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=1,
                server_header=False,
            )
        )
        self.start()

    def run(self) -> None:
        """Serves until `leave`."""
        self._server.run(sockets=[self._listener])

    def leave(self) -> None:
        """Closes the connections of all pages and stops."""
        self._server.should_exit = True
        self.join(_LEAVE_S)


class BusReader(threading.Thread):
    """The thread that stores the messages of the bus in the feed; it subscribes to previews while a page is open."""

    def __init__(self, feed: Feed, settings: Bus, endpoint: str) -> None:
        super().__init__(name="bus", daemon=True)
        self._feed = feed
        self._keys = settings.keys
        self._endpoint = reachable(endpoint)
        self._leave = threading.Event()
        self.start()

    def run(self) -> None:
        """Reads until `leave`, also across restarts of the program."""
        topics = ["event", "early", "state", "health", "preview"]
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
    """The endpoint to connect to for one that may be bound to all interfaces."""
    return endpoint.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:")
