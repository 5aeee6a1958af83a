"""Who may see the page: where it is served without a token, and what every request is asked for."""

import asyncio
import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from engines.errors import InputError
from realtime import config
from realtime.dashboard import address
from realtime.dashboard.guard import Guard

TOKEN = "correct horse bättery"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """What is guarded."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "the stream"})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the page"})


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str


@dataclass
class Visitor:
    """Somebody's browser at the guarded application."""

    token: str | None
    host: str
    cookie: str = ""
    guard: Guard = field(init=False)

    def __post_init__(self) -> None:
        self.guard = Guard(application, self.token)

    def ask(
        self, path: str, *, method: str = "GET", body: bytes = b"", query: str = "", **headers: str
    ) -> Answer:
        sent = self._visit({"type": "http", "method": method, "path": path}, query, headers, body)
        start = sent[0]
        got = {key.decode(): value.decode() for key, value in start["headers"]}
        if "set-cookie" in got:
            self.cookie = got["set-cookie"].partition(";")[0]
        return Answer(start["status"], got, b"".join(part.get("body", b"") for part in sent[1:]).decode())

    def stream(self, **headers: str) -> str:
        """What the web socket says; nothing where it is closed before it was accepted."""
        sent = self._visit({"type": "websocket", "path": "/stream"}, "", headers, b"")
        if sent[0]["type"] == "websocket.close":
            return ""
        return str(sent[1]["text"])

    def _visit(self, scope: Any, query: str, headers: dict[str, str], body: bytes) -> list[Any]:
        given = {"host": self.host, "cookie": self.cookie} | {
            k.replace("_", "-"): v for k, v in headers.items()
        }
        scope |= {
            "http_version": "1.1",
            "query_string": query.encode(),
            "headers": [(key.encode(), value.encode("utf-8")) for key, value in given.items()],
            "server": ("127.0.0.1", 8080),
            "scheme": "http",
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.guard(scope, receive, send))
        return sent


@pytest.fixture
def here() -> Visitor:
    """Loopback, no token."""
    return Visitor(None, "127.0.0.1:8080")


@pytest.fixture
def away() -> Visitor:
    """Reachable from elsewhere, with a token."""
    return Visitor(TOKEN, "desk.lab:8080")


# --- where it is served


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
@pytest.mark.parametrize("token", [None, ""])
def test_off_loopback_needs_a_token(host: str, token: str | None) -> None:
    with pytest.raises(InputError, match=r"set dashboard\.token"):
        address.bind(config.Dashboard(host=host, port=0, token=token))


def test_off_loopback_needs_more_than_a_short_token() -> None:
    with pytest.raises(InputError, match="at least 8"):
        address.bind(config.Dashboard(host="0.0.0.0", port=0, token="1234567"))


def test_off_loopback_with_a_token() -> None:
    with address.bind(config.Dashboard(host="0.0.0.0", port=0, token=TOKEN)) as listener:
        assert (
            address.url(listener, "0.0.0.0") == f"http://{socket.gethostname()}:{listener.getsockname()[1]}/"
        )


def test_port_0_is_a_free_one() -> None:
    with address.bind(config.Dashboard(port=0)) as listener:
        port = listener.getsockname()[1]
        assert port > 0
        assert address.url(listener, "127.0.0.1") == f"http://127.0.0.1:{port}/"


def test_port_in_use_is_one_line_that_says_what_to_do() -> None:
    with address.bind(config.Dashboard(port=0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(
            InputError, match=rf"dashboard\.port {port}: in use .* dashboard\.port=0"
        ) as error:
            address.check(config.Dashboard(port=port))
    assert "\n" not in str(error.value)
    address.check(config.Dashboard(port=port))


def test_unknown_host() -> None:
    with pytest.raises(InputError, match="no such address"):
        address.bind(config.Dashboard(host="no.such.host.invalid", port=0))


def test_no_browser_without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not address.open_browser("http://127.0.0.1:1/")
    assert opened == []


# --- loopback, no token


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:9", "[::1]:8080", "127.0.0.1"])
def test_this_machine_by_its_own_names(here: Visitor, host: str) -> None:
    assert here.ask("/", host=host).text == "the page"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "192.0.2.7:8080", "127.0.0.1.evil.example", "", "[:"]
)
def test_another_name_is_refused(here: Visitor, host: str) -> None:
    assert here.ask("/", host=host).status == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:9999", "null", "http://["])
def test_another_sites_page_is_refused(here: Visitor, origin: str) -> None:
    assert here.ask("/", origin=origin).status == 403
    assert here.stream(origin=origin) == ""


def test_the_page_itself_is_not_another_site(here: Visitor) -> None:
    assert here.ask("/", origin="http://127.0.0.1:8080").status == 200
    assert here.stream(origin="http://127.0.0.1:8080") == "the stream"


def test_pictures_inside_another_site_are_refused_but_links_work(here: Visitor) -> None:
    assert here.ask("/pictures/1", sec_fetch_site="cross-site", sec_fetch_mode="no-cors").status == 403
    assert here.ask("/", sec_fetch_site="cross-site", sec_fetch_mode="navigate").status == 200


def test_nothing_may_come_from_elsewhere(here: Visitor) -> None:
    policy = here.ask("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy


# --- with a token


@pytest.mark.parametrize("query", ["", "token=wrong", "token=", "token=correct"])
@pytest.mark.parametrize("path", ["/", "/pictures/1", "/_nicegui/anything"])
def test_without_the_token_there_is_only_the_form(away: Visitor, path: str, query: str) -> None:
    answer = away.ask(path, query=query)
    assert answer.status == 401
    assert "the page" not in answer.text
    assert TOKEN not in answer.text
    assert away.stream() == ""


def test_the_form_lets_in(away: Visitor) -> None:
    assert away.ask("/login", method="POST", body=b"token=wrong").status == 401
    answer = away.ask("/login", method="POST", body=urlencode({"token": TOKEN}).encode())
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "correct" not in cookie
    assert away.ask("/").text == "the page"
    assert away.stream() == "the stream"


def test_the_address_lets_in_and_is_cleaned(away: Visitor) -> None:
    answer = away.ask("/", query=f"token={quote(TOKEN)}&a=b")
    assert (answer.status, answer.headers["location"]) == (303, "/?a=b")
    assert away.ask("/").text == "the page"


def test_it_does_not_send_to_another_machine(away: Visitor) -> None:
    answer = away.ask("//evil.example/", query=f"token={quote(TOKEN)}")
    assert answer.headers["location"] == "/evil.example/"


def test_a_program_gives_it_in_a_header(away: Visitor) -> None:
    assert away.ask("/", authorization=f"Bearer {TOKEN}").text == "the page"
    assert away.ask("/", authorization="Bearer nonsense é").status == 401
    assert away.ask("/", authorization=TOKEN).status == 401


@pytest.mark.parametrize(
    "cookie", ["apexcam_session=", "apexcam_session=0", "apexcam_session=correct", ";;=", "é=é"]
)
def test_a_made_up_cookie_does_not_help(away: Visitor, cookie: str) -> None:
    assert away.ask("/", cookie=cookie).status == 401


def test_another_sites_page_is_refused_even_with_the_cookie(away: Visitor) -> None:
    away.ask("/login", method="POST", body=urlencode({"token": TOKEN}).encode())
    assert away.cookie
    assert away.ask("/", origin="https://evil.example").status == 403


def test_an_endless_form_is_cut_off(away: Visitor) -> None:
    assert away.ask("/login", method="POST", body=b"token=" + b"x" * 100_000).status == 401
