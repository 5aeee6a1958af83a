"""Cameras on one machine, recognition and a subscriber on another, over CURVE: two network namespaces."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import HERE, books, once_and_in_order

from realtime.bus import keys

ROOT = HERE.parents[1]
CAMERAS, FAR = "10.203.7.1", "10.203.7.2"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def machines() -> Iterator[tuple[str, str]]:
    """Two namespaces joined by a cable."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("two network namespaces need root, Linux and iproute2")
    near, far = (f"apexcam-{os.getpid()}-{end}" for end in ("a", "b"))
    try:
        ip("netns", "add", near)
        ip("netns", "add", far)
        ip("-n", near, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", far)
        for name, address in ((near, CAMERAS), (far, FAR)):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
            ip("-n", name, "link", "set", "lo", "up")
    except subprocess.CalledProcessError as error:
        for name in (near, far):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        pytest.skip(f"no network namespace may be made here: {error.stderr.decode().strip()}")
    yield near, far
    for name in (near, far):
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def at(machine: str, *command: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["ip", "netns", "exec", machine, sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=ENVIRONMENT,
    )


def test_cameras_here_recognition_and_a_subscriber_there(
    start: Any, told: Any, machines: tuple[str, str], tmp_path: Path
) -> None:
    near, far = machines
    # Each machine has keys of its own and the other on its list.
    cameras = keys.make(tmp_path / "cameras", ["listener"])
    recogniser = keys.make(tmp_path / "recogniser", ["cameras"])
    serve = (
        str(HERE / "serve_recogniser.py"),
        f"tcp://{FAR}:5558",
        str(recogniser.secret),
        str(recogniser.clients),
    )
    serving = at(far, *serve)
    listen = ["-m", "realtime.cli", "subscribe", "--endpoint", f"tcp://{CAMERAS}:5557", "--timeout", "60"]
    with_key = ["--keys", str(cameras.client("listener")), "--server", str(cameras.public)]
    others: list[subprocess.Popen[str]] = []
    try:
        assert serving.stdout is not None
        assert serving.stdout.readline().strip() == f"tcp://{FAR}:5558"
        listener = at(far, *listen, *with_key)
        stranger = at(far, *listen[:-1], "12")
        others += [listener, stranger]
        run = start(
            "fake:fps=100,frames=600",
            within=("ip", "netns", "exec", near),
            settings=[
                f"bus.endpoint=tcp://{CAMERAS}:5557",
                f"bus.keys={cameras.secret}",
                f"bus.clients={cameras.clients}",
                f"recognise.at=tcp://{FAR}:5558",
                f"recognise.keys={recogniser.client('cameras')}",
                f"recognise.server={recogniser.public}",
            ],
        )
        run.until_line("micro ")
        # The other machine's recogniser dies: what was on its way is asked again.
        serving.kill()
        serving.wait()
        killed = time.monotonic()
        others.append(at(far, *serve))
        report = run.end(number=None)
        took = time.monotonic() - killed
        time.sleep(0.5)
        listener.send_signal(signal.SIGINT)
        heard = [json.loads(line) for line in listener.communicate(timeout=60)[0].splitlines()]
        out, said = stranger.communicate(timeout=60)
        assert out == ""
        assert "no message within" in said
    finally:
        for process in (serving, *others):
            if process.poll() is None:
                process.kill()
            process.communicate()
    assert books(report).lost_ring == 0
    assert report["unrecognised"] == 0
    micro = [event["offset"]["frame"] for event in heard if event["kind"] == "micro"]
    once_and_in_order(micro, 600)
    assert all(" at tcp://" in event["model"]["runtime"] or event["model"]["name"] for event in heard)
    assert all(event["latency_ms"]["away"] > 0 for event in heard)
    told("remote recogniser killed and started again", took, "nothing")
