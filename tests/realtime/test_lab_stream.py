"""`--sink lsl`: an inlet of this machine receives every event with the time of its apex."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engines.errors import InputError
from realtime.live.sinks import Published
from realtime.live.sinks.lab_stream import LabStream

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some
import live_fakes

HERE = Path(__file__).parent
# Its own process: liblsl reads its settings once, and here it must not speak to the network.
LIVE = """
import sys
sys.path[:0] = [{tests!r}, {root!r}]
import live_fakes
from realtime.live.coordinator import run
from realtime.live.options import Options
from realtime.config import Bus, Config
options = Options(sources=("fake:frames=800,fps=100",), config=Config(bus=Bus(endpoint="tcp://127.0.0.1:*")),
    dashboard=False, sinks=("lsl",), stages=live_fakes.STAGES)
if __name__ == "__main__":
    from realtime.live.screen import PlainLines
    sys.exit(run(options, PlainLines()))
"""
INLET = """
import pylsl, sys, time
found = pylsl.resolve_byprop("name", "apexcam", 1, 15)
if not found:
    sys.exit(3)
inlet = pylsl.StreamInlet(found[0])
inlet.open_stream(10)
print(found[0].type(), found[0].channel_count(), flush=True)
for _ in range(4):
    sample, stamp = inlet.pull_sample(10)
    print(sample[0], stamp - pylsl.local_clock(), sep="\\t", flush=True)
"""


def test_without_pylsl_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pylsl", None)
    with pytest.raises(InputError, match=r"pip install 'apexcam\[lsl\]'"):
        LabStream().open()


def test_an_inlet_hears_every_event_at_the_time_of_its_apex(tmp_path: Path) -> None:
    pytest.importorskip("pylsl", reason="pylsl is not installed", exc_type=ImportError)
    settings = tmp_path / "lsl.cfg"
    settings.write_text("[multicast]\nResolveScope = machine\n[log]\nlevel = -3\n")
    environment = {**os.environ, "LSLAPICFG": str(settings)}
    program = tmp_path / "program.py"
    program.write_text(LIVE.format(tests=str(HERE), root=str(HERE.parents[1])))
    live = subprocess.Popen(
        [sys.executable, str(program)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        heard = subprocess.run(
            [sys.executable, "-c", INLET],
            env=environment,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        if heard.returncode == 3 and live.poll() is None:
            pytest.skip("the Lab Streaming Layer finds no stream on this machine: multicast is blocked")
        assert heard.returncode == 0, heard.stderr
        said, _ = live.communicate(timeout=30)
    finally:
        live.kill()
        live.wait()
    assert "a marker stream of the Lab Streaming Layer" in said
    first, *rows = heard.stdout.splitlines()
    assert first == "Markers 1"
    frames = []
    for row in rows:
        text, _, age = row.partition("\t")
        event = json.loads(text)
        assert event["schema"] == "apexcam.event/1"
        frames.append(event["offset"]["frame"])
        # The stamp is the apex', not that of the sending: as old as the event said it was, and a little.
        assert -float(age) * 1000 >= event["latency_ms"]["total"] - 1
        assert -float(age) < 5
    assert frames == list(range(frames[0], frames[0] + 4 * live_fakes.EVERY, live_fakes.EVERY))


def test_an_event_is_stamped_with_its_apex(monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[tuple[list[str], float]] = []

    class Outlet:
        def push_sample(self, sample: list[str], stamp: float) -> None:
            pushed.append((sample, stamp))

    stream = LabStream()
    stream._clock, stream._outlet = (lambda: 1000.0), Outlet()
    stream.event(Published(some.event(), {}, time.monotonic_ns() - 250_000_000))
    (((text,), stamp),) = pushed
    assert json.loads(text)["event_id"] == some.event().event_id
    assert stamp == pytest.approx(999.75, abs=0.2)
