"""``--sink websocket:PORT``: each event as JSON to every open web socket, for whoever may see the page.

With ``dashboard.token`` a client gives it, in ``Authorization: Bearer`` or, since a browser cannot set that, as
``?token=``. Without one only this machine's programs and pages are served, see `allowed`.
"""

import asyncio
import hmac
import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from engines.errors import InputError
from realtime import messages
from realtime.config import Config, Dashboard
from realtime.live.sinks import Published
from realtime.loopback import is_loopback_host

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

_QUEUE: Final = 64
_START_S: Final = 10.0


class WebSocketServer:
    """Serves ``ws://HOST:PORT/`` in a thread; a client that does not read loses its oldest events.

    ``where`` is PORT or HOST:PORT. Off loopback ``dashboard.token`` is needed, as for the page.
    """

    def __init__(self, where: str, config: Config) -> None:
        host, _, port = where.rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            raise InputError(f"--sink websocket:{where}: give a port, for example --sink websocket:8081")
        self._page = Dashboard(
            host=host.strip("[]") or "127.0.0.1", port=int(port), token=config.dashboard.token
        )
        self._where = where
        self._clients: set[asyncio.Queue[str]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Listens. Raises InputError where it cannot, or where that needs a token."""
        import uvicorn
        from starlette.applications import Starlette
        from starlette.routing import WebSocketRoute

        from realtime.dashboard import address

        try:
            listener = address.bind(self._page)
        except InputError as error:
            reason = str(error).replace("dashboard.port", "port").partition(", or give --set")[0]
            raise InputError(f"--sink websocket:{self._where}: {reason}") from None
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        app = Starlette(routes=[WebSocketRoute("/", self._serve)])
        self._server = uvicorn.Server(
            uvicorn.Config(
                app, log_config=None, access_log=False, timeout_graceful_shutdown=1, server_header=False
            )
        )
        ready = threading.Event()

        def run() -> None:
            async def serve() -> None:
                self._loop = asyncio.get_running_loop()
                ready.set()
                await self._server.serve(sockets=[listener])

            asyncio.run(serve())

        self._thread = threading.Thread(target=run, name="websocket", daemon=True)
        self._thread.start()
        ready.wait(_START_S)

    async def _serve(self, socket: "WebSocket") -> None:
        from starlette.websockets import WebSocketDisconnect

        if not allowed(socket.headers, socket.query_params, self._page.token):
            await socket.close(1008)
            return
        await socket.accept()
        waiting: asyncio.Queue[str] = asyncio.Queue(_QUEUE)
        self._clients.add(waiting)
        gone = asyncio.ensure_future(_until_gone(socket))
        try:
            while not gone.done():
                following = asyncio.ensure_future(waiting.get())
                await asyncio.wait({gone, following}, return_when=asyncio.FIRST_COMPLETED)
                if following.done():
                    await socket.send_text(following.result())
                else:
                    following.cancel()
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass
        finally:
            gone.cancel()
            self._clients.discard(waiting)

    def event(self, published: Published) -> None:
        """To every client that is there now."""
        self.early(published.event)

    def early(self, event: messages.Event) -> None:
        """Provisional and withdrawn events too: ``stage`` tells them apart."""
        text = msgspec.json.encode(event).decode()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._spread, text)

    def _spread(self, text: str) -> None:
        for waiting in self._clients:
            if waiting.full():
                waiting.get_nowait()
            waiting.put_nowait(text)

    def close(self) -> None:
        """Closes every connection and stops listening."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(2.0)


def allowed(headers: Mapping[str, str], query: Mapping[str, str], token: str | None) -> bool:
    """Whether a client may listen: with a ``token`` whoever has it; without, programs and pages of this machine alone.

    ``Host`` must name this machine, or a web site could reach it through a name that points here (DNS rebinding).
    """
    if token:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else query.get("token", "")
        return hmac.compare_digest(given.encode(), token.encode())
    origin = headers.get("origin")
    return is_loopback_host(_host(f"//{headers.get('host', '')}")) and (
        origin is None or is_loopback_host(_host(origin))
    )


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


async def _until_gone(socket: "WebSocket") -> None:
    """Reads and ignores whatever the client sends, until it leaves."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
