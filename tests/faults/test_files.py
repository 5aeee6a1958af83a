"""Files that change, vanish or have no room while the program runs."""

import hashlib
import os
import signal
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from running import books, long_form, once_and_in_order

SHIPPED = (resources.files("engines.weights") / "ststnet.onnx").read_bytes()
# The same network with another producer_name: protobuf lets a field be given again.
OTHER = SHIPPED + b"\x12\x05other"
PLAN = {"reads_model": True}


def test_a_model_replaced_while_running_is_used_from_a_restart_on_and_every_event_says_which(
    start: Any, told: Any, tmp_path: Path
) -> None:
    file = tmp_path / "network.onnx"
    file.write_bytes(SHIPPED)
    run = start("fake:fps=100", plan=PLAN, settings=[f"recognise.model={file}"]).until_working()
    file.write_bytes(OTHER)
    took = run.hurt("recognise", signal.SIGKILL)
    made = books(run.end())
    once_and_in_order(run.micro_frames(), made.processed)
    used = [event.model.sha256 for event in run.events() if event.model]
    names = {hashlib.sha256(content).hexdigest() for content in (SHIPPED, OTHER)}
    assert set(used) == names
    assert used == sorted(used, key=used.index), "it went back to the old one"
    assert any("another network" in line for line in run.lines)
    told("model file replaced, recognise killed", took, "nothing; every event names its model")


@long_form
def test_a_model_replaced_by_rubbish_changes_nothing_until_a_restart_which_ends_the_run(
    start: Any, told: Any, tmp_path: Path
) -> None:
    file = tmp_path / "network.onnx"
    file.write_bytes(SHIPPED)
    settings = [f"recognise.model={file}", "supervise.restarts_a_minute=2"]
    run = start("fake:fps=100", plan=PLAN, settings=settings).until_working()
    file.write_bytes(b"rubbish")
    seen = len(run.events())
    run.until(lambda: len(run.events()) > seen + 2, "events of the model that is loaded")
    run.worker("recognise").kill()
    report = run.end(number=None, code=1)
    assert str(file) in report["ended"]
    assert "not a usable ONNX file" in report["ended"]
    assert len(run.events()) + report["unrecognised"] == report["frames"]["processed"] // 25 + 1
    told(
        "model file replaced by rubbish, recognise killed",
        None,
        "the run ends with status 1 and counts",
    )


FULL = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"')


def test_a_disk_that_fills_up_stops_the_recording_alone(start: Any, told: Any, tmp_path: Path) -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root and Linux for a small disk of its own")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run([*FULL, str(disk), "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace may be made here")
    run = start(
        "fake:fps=100,frames=200,width=640,height=480,noise=1",
        within=(*FULL, str(disk)),
        record=str(disk / "kept"),
        settings=["record.keep_free_mb=0", "record.before_s=0.1"],
    )
    report = run.end(number=None)
    once_and_in_order(run.micro_frames(), 200)
    assert books(report).lost_ring == 0
    said = [line for line in run.lines if "recording stopped" in line]
    assert len(said) == 1
    assert "No space left on device" in said[0]
    told("disk full while recording", None, "the recording from there on; said in one line")
