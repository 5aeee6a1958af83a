"""Picture and curves for one open page over a web socket, as fast as the page can draw them.

The page acknowledges every message once it is drawn, and only then gets the next one, so that a slow phone or a page
in the background gets fewer messages, but never old ones.
"""

import asyncio
import contextlib
from typing import Final, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from realtime.dashboard.feed import Feed
from realtime.dashboard.update import Cursor

_EVERY_S: Final = 1 / 12.5
_GONE: Final = 4404


class Viewer(Protocol):
    """The page behind a stream."""

    @property
    def camera(self) -> str:
        """The camera to show."""

    @property
    def held(self) -> bool:
        """Whether the page is paused."""

    def refresh(self) -> None:
        """Updates everything but picture and curves; may pause the page."""


async def serve(socket: WebSocket, viewer: Viewer | None, feed: Feed) -> None:
    """Streams until the page is closed."""
    await socket.accept()
    if viewer is None:
        await socket.close(_GONE)
        return
    drawn = asyncio.Event()
    drawn.set()
    feed.count_viewers(1)
    sender = asyncio.create_task(_send(socket, viewer, feed, drawn))
    try:
        while True:
            await socket.receive_text()
            drawn.set()
    except (WebSocketDisconnect, RuntimeError, KeyError):
        pass
    finally:
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
            await sender
        feed.count_viewers(-1)


async def _send(socket: WebSocket, viewer: Viewer, feed: Feed, drawn: asyncio.Event) -> None:
    cursor = Cursor()
    while True:
        await asyncio.sleep(_EVERY_S)
        await drawn.wait()
        if viewer.held:
            # After the pause it starts with everything.
            cursor = Cursor()
            continue
        # The page is updated first, so that an event that pauses it is still drawn in the curves.
        viewer.refresh()
        update = feed.update(viewer.camera, cursor)
        if update is not None:
            drawn.clear()
            await socket.send_bytes(update)
