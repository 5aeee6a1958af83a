"""No secret of a source or a setting is shown, in whatever place its maker wants it."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engines.errors import InputError
from realtime.analysis import analyze
from realtime.redaction import is_secret, shown, shown_setting
from realtime.sources import kind_of
from realtime.sources.video import open_url

sys.path.insert(0, str(Path(__file__).parent))
from config_keys import every_key

ROOT = Path(__file__).parents[2]
# Port 9 of this machine: nobody answers there, at once.
STREAMS = [
    "rtsp://admin:S3cret@127.0.0.1:9/1",
    "rtsp://admin:S3c#ret@127.0.0.1:9/1",
    "rtsp://admin:S3c/ret@127.0.0.1:9/1",
    "rtsp://admin:S3c?ret@127.0.0.1:9/1",
    "rtsp://admin:S3c[ret@127.0.0.1:9/1",
    "rtsp://admin:S3c@ret@127.0.0.1:9/1",
    "rtsp://admin:12/ret@127.0.0.1:9/1",
    "rtsp://127.0.0.1:9/user=admin&password=S3cret&channel=1",
    "rtsp://127.0.0.1:9/user=admin&password=S3c/ret&channel=1",
    "rtsp://127.0.0.1:9/password/S3cret",
    "rtsp://127.0.0.1:9/user:admin/pw:S3cret/1",
    "http://127.0.0.1:9/v.cgi?user=admin&pwd=S3cret",
    "http://127.0.0.1:9/v.cgi?pwd=S3c&ret&channel=1",
    "http://127.0.0.1:9/v.cgi?S3cret",
    "http://127.0.0.1:9/v.cgi#S3cret",
    "rtsps://127.0.0.1:9/S3cretS3cretS3cret",
    "rtsp://127.0.0.1:9/S3cret",
    "rtsp://127.0.0.1:9/live/S3c-ret/ch0",
    "rtsp://127.0.0.1:9/S3c.ret",
    "http://127.0.0.1:9/S3cret/v.mkv",
    "rtsp://admin:S3cret",
    "rtsp:/admin:S3cret@127.0.0.1:9/1",
    "admin:S3cret@127.0.0.1:9/1",
    "admin:S3cret@camera",
]


def leaks(text: str) -> bool:
    return any(part in text for part in ("S3c", "ret@", "ret&", "/ret", "12/"))


@pytest.mark.parametrize("source", STREAMS)
def test_a_stream_is_shown_and_refused_without_its_password(source: str) -> None:
    assert not leaks(shown(source))
    assert kind_of(source) == "url"
    with pytest.raises(InputError) as caught:
        open_url(source, open_timeout_s=0.5, read_timeout_s=0.5)
    assert not leaks(str(caught.value))
    with pytest.raises(InputError) as caught:
        analyze.open_recording(source)
    assert "apexcam live" in str(caught.value)
    assert not leaks(str(caught.value))


@pytest.mark.parametrize("special", "#/?[")
def test_a_password_that_must_be_encoded_is_said_to_be(special: str) -> None:
    with pytest.raises(InputError, match="percent-encode"):
        open_url(f"rtsp://admin:S3c{special}ret@127.0.0.1:9/1", open_timeout_s=0.5)


@pytest.mark.parametrize(
    "source",
    [
        "demo",
        "0",
        "/dev/video0",
        "USB Camera: one",
        "film@home.mkv",
        r"C:\films@home\a.mp4",
        "rtsp://camera.local:554/Streaming/Channels/101",
        "rtsp://[::1]:554/h264Preview_01_main",
        "rtsp://camera/cam/realmonitor?channel=1&subtype=0",
        "rtsp://camera/live/ch00_0",
        "rtsp://camera/front-door2",
        "http://camera/axis-cgi/mjpg/video.cgi?resolution=640x480",
        "http://camera/films/My%20interview.mp4",
    ],
)
def test_what_holds_no_secret_is_shown_as_it_is(source: str) -> None:
    assert shown(source) == source


def test_a_file_named_like_an_address_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a:b@c.mkv").write_bytes(b"")
    assert kind_of("a:b@c.mkv") == "file"


def test_of_the_settings_the_token_alone_is_secret() -> None:
    assert [key for key in every_key() if is_secret(key)] == ["dashboard.token"]
    assert shown_setting("bus.keys=server.key_secret") == "bus.keys=server.key_secret"


@pytest.mark.skipif(sys.platform == "win32", reason="there the list of processes shows a program's arguments")
def test_the_list_of_processes_shows_neither_password_nor_token(tmp_path: Path) -> None:
    """Of main and of every process it starts; nor does what is printed or written."""
    report = tmp_path / "r.json"
    silent = socket.create_server(("127.0.0.1", 0))  # it is waited for while the titles are read
    at = f"127.0.0.1:{silent.getsockname()[1]}"
    command = ["live", f"rtsp://admin:S3cret@{at}/user=a&password=S3cret", "--report", str(report)]
    command += [
        "--set=dashboard.token=S3cret-token",
        "--no-dashboard",
        "--set",
        "bus.endpoint=tcp://127.0.0.1:*",
    ]
    program = subprocess.Popen(
        [sys.executable, "-m", "realtime.cli", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    titles: set[str] = set()
    try:
        deadline = time.monotonic() + 20
        awaited = ("apexcam: stream watch", "apexcam: stream recognise")
        while time.monotonic() < deadline and not all(
            any(title.startswith(one) for title in titles) for one in awaited
        ):
            time.sleep(0.2)
            with contextlib.suppress(psutil.Error):
                for process in [psutil.Process(program.pid), *psutil.Process(program.pid).children()]:
                    titles.add(" ".join(process.cmdline()))
    finally:
        silent.close()
        program.terminate()
        said = program.communicate(timeout=30)[0]
    assert any(title.startswith("apexcam: stream watch") for title in titles), titles
    # As it was for the moment before the program could say otherwise.
    late = [title for title in titles if "realtime.cli" not in title or "***" in title]
    assert any("--set=*** --no-dashboard" in title for title in late), titles
    assert not [title for title in late if leaks(title)]
    assert not leaks(said)
    assert not report.exists() or not leaks(report.read_text())
