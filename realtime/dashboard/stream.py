"""Picture and curves for one open page, over a web socket: what is new, when the page is ready for it.

The page answers every message once it has drawn it; the next one goes out after that and not before, so that a slow
phone, or a page nobody looks at, gets fewer messages and never old ones.
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
        """The camera chosen."""

    @property
    def held(self) -> bool:
        """Whether the page stands still."""

    def refresh(self) -> None:
        """Brings everything but picture and curves up to date; may decide to stand still from now on."""


async def serve(socket: WebSocket, viewer: Viewer | None, feed: Feed) -> None:
    """Streams until the page goes."""
    await socket.accept()
    if viewer is None:
        await socket.close(_GONE)
        return
    drawn = asyncio.Event()
    drawn.set()
    feed.watched(1)
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
        feed.watched(-1)


async def _send(socket: WebSocket, viewer: Viewer, feed: Feed, drawn: asyncio.Event) -> None:
    cursor = Cursor()
    while True:
        await asyncio.sleep(_EVERY_S)
        await drawn.wait()
        if viewer.held:
            # When it goes on, it begins with everything there is.
            cursor = Cursor()
            continue
        # The page's own update comes first: an event that stops the page is still drawn in the curves.
        viewer.refresh()
        update = feed.update(viewer.camera, cursor)
        if update is not None:
            drawn.clear()
            await socket.send_bytes(update)
