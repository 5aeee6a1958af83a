"""Who was not invited gets nothing: every stranger is a process of its own."""

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from realtime.bus import keys

ROOT = Path(__file__).parents[2]
STRANGER = """
import sys, zmq, zmq.auth
endpoint, secret, server = sys.argv[1:]
socket = zmq.Context().socket(zmq.SUB)
if secret:
    socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(secret)
    socket.curve_serverkey = zmq.auth.load_certificate(server)[0]
socket.subscribe(b"")
socket.connect(endpoint)
print(len(socket.recv_multipart()) if socket.poll(2500) else "nothing")
"""


def stranger(endpoint: str, secret: Path | str, server: Path | str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", STRANGER, endpoint, str(secret), str(server)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_only_listed_keys_hear_anything(start: Any, tmp_path: Path) -> None:
    folder = keys.make(tmp_path / "keys", ["friend"])
    other = keys.make(tmp_path / "other", ["stranger"])
    gone = keys.make(tmp_path / "keys", ["gone"]).client("gone").read_bytes()
    keys.remove(tmp_path / "keys", "gone")
    unlisted = tmp_path / "gone.key_secret"
    unlisted.write_bytes(gone)
    unlisted.chmod(0o600)
    friend = {"keys": folder.client("friend"), "server": folder.public}
    run = start(
        "fake:fps=100",
        dashboard=True,
        listen_with=friend,
        settings=[f"bus.keys={folder.secret}", f"bus.clients={folder.clients}", "dashboard.port=0"],
    ).until_working()
    strangers = {
        "no key": stranger(run.endpoint, "", ""),
        "a key of its own": stranger(run.endpoint, other.client("stranger"), folder.public),
        "a key taken off the list": stranger(run.endpoint, unlisted, folder.public),
        "the wrong server": stranger(run.endpoint, folder.client("friend"), other.public),
    }
    command = [
        "-m",
        "realtime.cli",
        "subscribe",
        "--endpoint",
        run.endpoint,
        "--count",
        "1",
        "--timeout",
        "20",
    ]
    friendly = subprocess.run(
        [sys.executable, *command, "--keys", str(folder.client("friend")), "--server", str(folder.public)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    heard = {who: process.communicate(timeout=30)[0].strip() for who, process in strangers.items()}
    assert heard == dict.fromkeys(strangers, "nothing")
    assert friendly.returncode == 0, friendly.stderr
    assert json.loads(friendly.stdout)["camera"] == "fake"
    # Its own dashboard listens with the run's key.
    run.until(lambda: any("dashboard http" in line for line in run.lines), "the dashboard")
    report = run.end()
    assert report["processes"]["dashboard"]["restarts"] == 0


def test_off_the_machine_without_keys_or_token_it_does_not_start(start: Any) -> None:
    for setting, said in (
        ("bus.endpoint=tcp://0.0.0.0:*", "reachable from other machines"),
        ("dashboard.host=0.0.0.0", "token"),
    ):
        run = start("fake:fps=100", dashboard=True, settings=[setting])
        assert run.process.wait(60) == 2
        assert said in run.said()


def test_the_page_shows_nothing_without_the_token_which_is_written_nowhere(
    start: Any, tmp_path: Path
) -> None:
    token = "the-token-of-this-test"
    settings = [f"dashboard.token={token}", "dashboard.port=0", "record.keep_free_mb=0"]
    run = start("fake:fps=100", dashboard=True, record=str(tmp_path / "kept"), settings=settings)
    page = run.until_working().until_line("dashboard http").split()[1]
    host, port = page.removeprefix("http://").rstrip("/").split(":")

    def ask(path: str, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    status, body = ask("/", Authorization=f"Bearer {token}")
    assert status == 200
    known = len(body)
    for path in ("/", "/stream", "/_nicegui", "/login", "/?token=wrong", "/..%2f", "//x"):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "apexcam_session=0"}):
            status, body = ask(path, **headers)
            assert status == 401, path
            assert len(body) < known
            assert token.encode() not in body
            assert b"fake" not in body
    assert b" 403 " in _web_socket(host, int(port)).splitlines()[0]
    titles = [" ".join(worker.cmdline()) for worker in run.workers()]
    folders = Path(tempfile.gettempdir()).glob(f"apexcam-run-{run.process.pid}-*")
    logs = [path.read_text() for folder in folders for path in folder.glob("*.log")]
    assert len(logs) >= 4
    report = run.end()
    kept = [path.read_text() for path in (tmp_path / "kept").rglob("*.json")]
    assert kept
    for text in (*titles, *logs, *kept, *run.lines, json.dumps(report), run.said()):
        assert token not in text


def _web_socket(host: str, port: int) -> bytes:
    key = base64.b64encode(bytes(16)).decode()
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(
            f"GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        return connection.recv(4096)
