"""The web application without its guard: pages, their streams, pictures of events, static files."""

from typing import Final

from fastapi import FastAPI, Request, Response, WebSocket
from nicegui import Client, ui

from realtime.dashboard import preferences, stream
from realtime.dashboard.feed import Feed
from realtime.dashboard.page import FAVICON, STATIC, TITLE, Page

# NiceGUI keeps a page that is requested but never opened for a minute; a burst of requests must not fill the memory.
_WAITING: Final = 32


def application(feed: Feed) -> FastAPI:
    """The application that shows ``feed``, without its guard."""
    from fastapi.staticfiles import StaticFiles

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    pages: dict[str, Page] = {}
    waiting: dict[str, Client] = {}

    @app.websocket("/stream/{client_id}")
    async def stream_of(socket: WebSocket, client_id: str) -> None:
        await stream.serve(socket, pages.get(client_id), feed)

    @app.get("/pictures/{number}/{name}")
    async def picture(number: int, name: str) -> Response:
        found = feed.picture(number, name)
        if found is None:
            return Response(status_code=404)
        kind = "image/png" if found[:4] == b"\x89PNG" else "image/jpeg"
        return Response(found, media_type=kind, headers={"cache-control": "no-store"})

    app.mount("/look", StaticFiles(directory=STATIC))

    def root(request: Request) -> None:
        client = ui.context.client
        chosen = preferences.read(request.cookies.get(preferences.COOKIE))
        ui.add_head_html('<link rel="stylesheet" href="/look/dashboard.css">')
        pages[client.id] = Page(feed, client, chosen)
        waiting[client.id] = client
        client.on_connect(lambda: waiting.pop(client.id, None))
        client.on_delete(lambda: (pages.pop(client.id, None), waiting.pop(client.id, None)))
        while len(waiting) > _WAITING:
            next(iter(waiting.values())).delete()

    ui.page("/", title=TITLE)(root)
    ui.run_with(
        app,
        title=TITLE,
        favicon=FAVICON,
        dark=None,
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=10.0,
        message_history_length=100,
        gzip_middleware_factory=None,
        show_welcome_message=False,
    )
    return app
