"""Access control: every request and every web socket passes here first.

Without a token (on loopback only), ``Host`` must name this machine; otherwise a web site could reach the page through
a name that resolves to it (DNS rebinding). Requests from another site's page are always refused. With a token, every
request needs it: once in a form or ``?token=``, afterwards as a cookie that does not reveal it, or in
``Authorization: Bearer``.
"""

import asyncio
import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from realtime.loopback import is_loopback_host

_COOKIE: Final = "apexcam_session"
_LOGIN: Final = "/login"
_MAX_FORM_BYTES: Final = 4096
_ELSEWHERE: Final = (
    "This page is for this machine only: open it as http://127.0.0.1. "
    "To put it behind a proxy, set dashboard.token; see docs/proxy.md."
)
_FOREIGN: Final = (
    "Not from another site's page. A proxy before this one must pass on the headers Host and Origin as the browser "
    "sends them (nginx: proxy_set_header Host $http_host;); see docs/proxy.md."
)
# NiceGUI compiles templates in the browser, which needs eval; nothing may come from or go to another machine.
_HEADERS: Final = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'",
    "cross-origin-resource-policy": "same-origin",
    # Not "no-referrer", which would hide the form's own origin from the check of Origin.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Guard:
    """An application behind a check of host, origin and token."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app = app
        self._token = token or None
        self._session = ""
        if self._token:
            self._session = hmac.new(self._token.encode(), b"apexcam dashboard", hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, or one web socket until it closes."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        objection = self._objection(headers)
        if objection:
            await _refuse(scope, receive, send, PlainTextResponse(objection, 403))
        elif self._token and not self._is_authenticated(headers):
            await self._log_in(scope, receive, send)
        else:
            await self.app(scope, receive, _with_headers(send) if scope["type"] == "http" else send)

    def _objection(self, headers: dict[str, str]) -> str:
        host = headers.get("host", "")
        if self._token is None and not is_loopback_host(_without_port(host)):
            return _ELSEWHERE
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return _FOREIGN
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if foreign and headers.get("sec-fetch-mode") != "navigate":
            return _FOREIGN
        return ""

    def _is_authenticated(self, headers: dict[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(given.strip().encode("latin-1")):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(_COOKIE)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), self._session.encode())

    def _is_token(self, given: bytes) -> bool:
        return hmac.compare_digest(given, (self._token or "").encode())

    async def _log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes the token from the address or the form, or else shows the form."""
        if scope["type"] == "websocket":
            await _refuse(scope, receive, send, PlainTextResponse("token needed", 401))
            return
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        given = dict(query).get("token")
        rest = [(key, value) for key, value in query if key != "token"]
        target = scope["path"] if scope["path"] != _LOGIN else "/"
        if scope["method"] == "POST" and scope["path"] == _LOGIN:
            given = await _form_token(Request(scope, receive))
        if given is not None and self._is_token(given.encode()):
            # A single slash: two would redirect to another host.
            answer: Response = RedirectResponse(
                "/" + target.lstrip("/") + (f"?{urlencode(rest)}" if rest else ""), 303
            )
            answer.set_cookie(
                _COOKIE,
                self._session,
                max_age=30 * 86400,
                httponly=True,
                samesite="strict",
                secure=scope.get("scheme") == "https",
            )
        else:
            if given is not None:
                await asyncio.sleep(0.5)
            answer = HTMLResponse(_form(wrong=given is not None), 401)
        await answer(scope, receive, _with_headers(send))


def _without_port(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


async def _form_token(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            return ""
    return dict(parse_qsl(body.decode("utf-8", "replace"))).get("token", "")


async def _refuse(scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
    if scope["type"] == "http":
        await answer(scope, receive, _with_headers(send))
        return
    await receive()
    # The server turns a close before the accept into status 403.
    await send({"type": "websocket.close", "code": 1008})


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {key for key, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *((k.encode(), v.encode()) for k, v in _HEADERS.items() if k.encode() not in given),
            ]
        await send(message)

    return sending


def _form(*, wrong: bool) -> str:
    note = "That is not the token." if wrong else "The token is in the settings, under dashboard.token."
    return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>apexcam</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 90vh; margin: 0 }}
form {{ display: grid; gap: 12px; width: min(320px, 85vw) }}
h1 {{ font-size: 22px; margin: 0 }} p {{ margin: 0; opacity: .7 }}
input, button {{ font: inherit; padding: 10px 12px; border-radius: 8px; border: 1px solid #8886 }}
button {{ background: #2563eb; color: #fff; border: 0; cursor: pointer }}
</style>
<form method="post" action="{_LOGIN}"><h1>apexcam</h1>
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" autofocus required>
<button>Open</button><p>{note}</p></form></html>"""
