"""The page behind a TLS proxy: the blocks that docs/proxy.md shows, run by nginx and by Caddy."""

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

ROOT = Path(__file__).parents[2]
TOKEN = "correct-horse"
INSTALL = {"nginx": "apt install nginx-light", "caddy": "apt install caddy", "openssl": "for a certificate"}


def need(*programs: str) -> None:
    for name in programs:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed: {INSTALL[name]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Proxy:
    """A proxy on ``port``; ``page`` is the process it stands before."""

    port: int
    page: psutil.Process

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"

    def ask(self, path: str, method: str = "GET", body: str = "", **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=20, context=_trusting())
        connection.request(
            method, path, body, {key.replace("_", "-"): value for key, value in headers.items()}
        )
        return connection.getresponse()


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def documented(proxy: str, changes: dict[str, str]) -> str:
    """The configuration that the document shows below a proxy's heading, each text changed as named."""
    section = (ROOT / "docs" / "proxy.md").read_text().partition(f"## {proxy}\n")[2]
    found = re.search(r"```\w*\n(.*?)```", section, re.DOTALL)
    assert found
    shown = found[1]
    for old, new in changes.items():
        assert old in shown
        shown = shown.replace(old, new)
    return shown


def nginx(folder: Path, port: int, behind: int, *, headers: bool = True) -> list[str]:
    """The command that runs the documented block, or what nginx does without the headers in it."""
    need("nginx", "openssl")
    new = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    files = ("-keyout", str(folder / "k.pem"), "-out", str(folder / "c.pem"))
    subprocess.run([*new, *files], check=True, capture_output=True)
    block = documented(
        "nginx",
        {
            "listen 443": f"listen 127.0.0.1:{port}",
            "127.0.0.1:8080": f"127.0.0.1:{behind}",
            "/etc/ssl/certs/lab.example.pem": str(folder / "c.pem"),
            "/etc/ssl/private/lab.example.key": str(folder / "k.pem"),
        },
    )
    if not headers:
        block = re.sub(r".*(proxy_set_header|proxy_http_version).*\n", "", block)
    places = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {places}\n{block} }}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int, behind: int) -> list[str]:
    """The command that runs the documented block, with a certificate of Caddy's own as the document says."""
    need("caddy")
    site = f"https://localhost:{port}"
    block = documented(
        "Caddy", {"lab.example {": f"{site} {{\ntls internal", "127.0.0.1:8080": f"127.0.0.1:{behind}"}
    )
    alone = f"admin off\nauto_https disable_redirects\nskip_install_trust\nstorage file_system {folder}\n"
    (folder / "Caddyfile").write_text(f"{{\n{alone}}}\n{block}")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


PROXIES: dict[str, Callable[[Path, int, int], list[str]]] = {
    "nginx": nginx,
    "caddy": caddy,
    "nginx by default": partial(nginx, headers=False),
}


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    port, behind = free_port(), free_port()
    command = PROXIES[request.param](folder, port, behind)
    serve = [sys.executable, str(ROOT / "tests" / "realtime" / "serve_dashboard.py"), "tcp://127.0.0.1:1"]
    page = subprocess.Popen([*serve, str(behind), TOKEN], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    log = folder / "log"
    with log.open("wb") as out:
        before = subprocess.Popen(command, stderr=out, env={**os.environ, "HOME": str(folder)})
    try:
        assert page.stdout is not None
        assert page.stdout.readline().startswith("http")
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                assert before.poll() is None, log.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield Proxy(port, psutil.Process(page.pid))
    finally:
        before.terminate()
        page.kill()
        before.wait(10)
        page.wait(10)


@pytest.mark.parametrize("proxy", ["nginx", "caddy"], indirect=True)
def test_the_documented_proxy_shows_the_page_to_who_has_the_token(proxy: Proxy) -> None:
    from websockets.sync.client import connect

    stranger = proxy.ask("/")
    assert stranger.status == 401
    assert "Token" in stranger.read().decode()
    entered = proxy.ask(
        "/login",
        "POST",
        urlencode({"token": TOKEN}),
        Origin=proxy.origin,
        Content_Type="application/x-www-form-urlencoded",
        Sec_Fetch_Site="same-origin",
    )
    assert entered.status == 303
    cookie = entered.headers["set-cookie"]
    assert "Secure" in cookie
    page = proxy.ask("/", Cookie=cookie.partition(";")[0])
    assert page.status == 200
    assert "apexcam" in page.read().decode()
    # Nobody's page: let in by the guard, then told that it is unknown.
    headers = {"Cookie": cookie.partition(";")[0]}
    address = f"wss://localhost:{proxy.port}/stream/nobody"
    opened = connect(address, ssl=_trusting(), origin=proxy.origin, additional_headers=headers)  # type: ignore[arg-type]
    with opened as stream, pytest.raises(Exception, match="4404"):
        stream.recv(timeout=20)


@pytest.mark.parametrize("proxy", ["nginx by default"], indirect=True)
def test_a_proxy_that_changes_the_host_is_told_which_headers_to_pass(proxy: Proxy) -> None:
    refused = proxy.ask("/", Authorization=f"Bearer {TOKEN}", Origin=proxy.origin)
    assert refused.status == 403
    said = refused.read().decode()
    assert "Host and Origin" in said
    assert "proxy_set_header Host $http_host;" in said


@pytest.mark.parametrize("proxy", ["nginx"], indirect=True)
def test_a_burst_of_requests_does_not_fill_memory(proxy: Proxy) -> None:
    def ask(times: int) -> float:
        for _ in range(times):
            assert proxy.ask("/", Authorization=f"Bearer {TOKEN}").status == 200
        return proxy.page.memory_info().rss / 2**20

    before = ask(80)
    # As they were, 120 pages were 26 MB.
    assert ask(120) - before < 10
