"""Sinks in threads of their own: one that fails, hangs or is slow changes nothing for the others."""

import csv
import io
import json
import math
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some
import live_fakes
import pytest

from engines.errors import InputError
from realtime import event_table
from realtime.config import Bus, Config, Dashboard
from realtime.live.coordinator import run
from realtime.live.options import Options
from realtime.live.phases import NEXT, Phase, Progress
from realtime.live.sinks import Published, make
from realtime.live.sinks.isolated import QUEUE, Isolated
from realtime.live.sinks.lab_stream import LabMotion
from realtime.live.sinks.web_socket import allowed
from realtime.messages import Region

EVENT = Published(some.event(), {}, 0)


class Kept:
    def __init__(self) -> None:
        self.opened, self.closed, self.events = 0, 0, []
        self.go_on = threading.Event()
        self.go_on.set()

    def open(self) -> None:
        self.opened += 1

    def event(self, published: Published) -> None:
        self.go_on.wait()
        self.events.append(published)

    def close(self) -> None:
        self.closed += 1


def test_every_event_is_delivered_before_the_end() -> None:
    kept, said = Kept(), []
    sink = Isolated("kept", kept, said.append)
    sink.open()
    for _ in range(50):
        sink.event(EVENT)
    sink.close()
    sink.close()
    assert (kept.opened, len(kept.events), kept.closed) == (1, 50, 1)
    assert (sink.delivered, sink.lost, said) == (50, 0, [])


def test_one_that_fails_is_said_once_and_its_events_are_counted_as_lost() -> None:
    class Failing(Kept):
        def event(self, published: Published) -> None:
            raise OSError("gone")

    failing, said = Failing(), []
    sink = Isolated("failing", failing, said.append)
    sink.open()
    sink.event(EVENT)
    while not sink.problem:
        time.sleep(0.001)
    sink.event(EVENT)
    sink.close()
    assert said == ["sink failing: OSError: gone; going on without it"]
    assert (sink.delivered, sink.lost, failing.closed) == (0, 2, 1)


def test_one_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.live.sinks.isolated._CLOSE_S", 0.05)
    hanging, said = Kept(), []
    hanging.go_on.clear()
    sink = Isolated("hanging", hanging, said.append)
    sink.open()
    for _ in range(QUEUE + 10):
        sink.event(EVENT)
    sink.close()
    assert said == ["sink hanging: too slow, events are lost to it"]
    assert sink.delivered == 0
    assert sink.lost >= QUEUE
    hanging.go_on.set()


def test_phases_go_forward_only() -> None:
    progress = Progress()
    with pytest.raises(ValueError, match="no step from STARTING to DRAINING"):
        progress.enter(Phase.DRAINING)
    for phase in (Phase.RUNNING, Phase.ENDING, Phase.DRAINING, Phase.RECORDING, Phase.DONE):
        progress.enter(phase)
    assert not NEXT[progress.phase]


# --- the built-in ones, each with a receiver in a process of its own ---

OSC_SERVER = """
import sys
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer
def show(address, *values):
    print(address, *values, sep="\\t", flush=True)
dispatcher = Dispatcher()
dispatcher.set_default_handler(show)
server = BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
WEB_CLIENT = """
import sys, time
from websockets.sync.client import connect
for _ in range(400):
    try:
        socket = connect(f"ws://127.0.0.1:{sys.argv[1]}/", additional_headers=eval(sys.argv[2]))
        break
    except OSError:
        time.sleep(.02)
print("connected", flush=True)
try:
    for text in socket:
        print(text, flush=True)
except Exception:
    pass
"""
TOKEN = "eight-letters"


def receiver(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_receivers_of_every_kind_get_every_event_also_when_another_one_dies(tmp_path: Path) -> None:
    pytest.importorskip("pythonosc", reason="python-osc is not installed")
    osc, stuck = receiver(OSC_SERVER), receiver(OSC_SERVER)
    assert osc.stdout is not None
    assert stuck.stdout is not None
    osc_port, stuck_port = osc.stdout.readline().strip(), stuck.stdout.readline().strip()
    port = free_port()
    client = receiver(WEB_CLIENT, str(port), repr({"Authorization": f"Bearer {TOKEN}"}))
    stranger = receiver(WEB_CLIENT, str(port), "{}")
    table = tmp_path / "events.csv"
    notes = live_fakes.Notes()
    notes.on_event = lambda event: stuck.kill()
    options = Options(
        sources=("fake:frames=600,fps=200",),
        config=Config(bus=Bus(endpoint="tcp://127.0.0.1:*"), dashboard=Dashboard(token=TOKEN)),
        dashboard=False,
        sinks=(f"csv:{table}", f"osc::{stuck_port}", f"osc:127.0.0.1:{osc_port}", f"websocket:{port}"),
        stages=live_fakes.STAGES,
    )
    try:
        assert run(options, notes) == 0
        sent, _ = client.communicate(timeout=20)
    finally:
        for process in (osc, stuck, client, stranger):
            process.kill()
    wanted = [event.event_id for event in notes.events]
    assert len(wanted) == 25
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [row["event_id"] for row in rows] == wanted
    assert [row["kind"] for row in rows] == [event.kind for event in notes.events]
    connected, *events = sent.splitlines()
    assert connected == "connected"
    assert [json.loads(text)["event_id"] for text in events] == wanted
    assert "HTTP 403" in stranger.communicate()[1] or "HTTP 401" in stranger.communicate()[1]
    heard = [line.split("\t") for line in osc.stdout.read().splitlines()]
    assert [line[1] for line in heard if line[0] == "/apexcam/event"] == wanted
    assert next(line[3:5] for line in heard if line[0] == "/apexcam/event") == ["micro", "positive"]
    assert {line[0] for line in heard} >= {"/apexcam/fake/micro", "/apexcam/fake/macro"}
    assert [sink["delivered"] for sink in notes.report["sinks"]] == [25] * 4


@pytest.mark.parametrize(
    ("sink", "said"),
    [
        ("csv:", "give the file"),
        ("csv:/nowhere/at/all.csv", "No such file"),
        ("csv:{other}", "holds another table"),
        ("osc:127.0.0.1", "give host and port"),
        ("osc:127.0.0.1:99999", "give host and port"),
        ("osc:no.such.host.invalid:9", "osc:no.such.host.invalid:9: "),
        ("websocket:x", "give a port"),
        ("websocket:{taken}", "in use by another program"),
        ("websocket:0.0.0.0:0", "reachable from other machines; set dashboard.token"),
        ("lsl:x", "needs no address"),
        ("nothing", "no sink of this name; known: csv,"),
    ],
)
def test_an_unusable_sink_is_one_line(tmp_path: Path, sink: str, said: str) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        spec = sink.format(other=other, taken=taken.getsockname()[1])
        with pytest.raises(InputError, match=re.escape(said)):
            make(spec, Config())[1].open()
    assert other.read_text() == "a,b\n1,2\n"


def test_a_csv_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    for _ in range(2):
        sink = make(f"csv:{path}", Config())[1]
        sink.open()
        sink.event(EVENT)
        sink.close()
    head, *rows = csv.reader(io.StringIO(path.read_text()))
    assert tuple(head) == event_table.COLUMNS
    assert len(rows) == 2


def test_the_motion_of_regions_is_a_regular_stream_with_the_times_of_the_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("pylsl", reason="pylsl is not installed", exc_type=ImportError)
    pushed: list[tuple[list[float], float]] = []
    motion = LabMotion(20.0)
    motion.open()

    class Outlet:
        def push_sample(self, sample: list[float], stamp: float) -> None:
            pushed.append((sample, stamp - motion._pylsl.local_clock()))

    monkeypatch.setattr(motion, "_make", Outlet)
    face = live_fakes.face_at_rest()
    regions = [Region("brow left", 0.5, -0.25, 0.1), Region("mouth", 0.0, 1.0, 0.1)]
    state = msgspec.structs.replace(some.state(), faces=[msgspec.structs.replace(face, regions=regions)])
    motion.state(msgspec.structs.replace(state, faces=[]), time.monotonic_ns())
    assert not pushed
    motion.state(state, time.monotonic_ns() - 70_000_000)
    motion.state(msgspec.structs.replace(state, faces=[]), time.monotonic_ns())
    (sample, age), (blind, _) = pushed
    assert sample == [0.5, -0.25, 0.0, 1.0]
    assert -age == pytest.approx(0.07, abs=0.01)
    assert len(blind) == len(sample)
    assert all(math.isnan(value) for value in blind)


@pytest.mark.parametrize(
    ("headers", "query", "token", "may"),
    [
        ({"host": "127.0.0.1:8081"}, {}, None, True),
        ({"host": "localhost:8081", "origin": "http://localhost:3000"}, {}, None, True),
        ({"host": "[::1]:8081"}, {}, None, True),
        ({"host": "localhost:8081", "origin": "https://elsewhere.example"}, {}, None, False),
        ({"host": "localhost:8081", "origin": "null"}, {}, None, False),
        ({"host": "rebound.example:8081"}, {}, None, False),
        ({"host": "lab-pc:8081", "origin": "https://elsewhere.example"}, {"token": TOKEN}, TOKEN, True),
        ({"host": "lab-pc:8081", "authorization": f"Bearer {TOKEN}"}, {}, TOKEN, True),
        ({"host": "127.0.0.1:8081"}, {}, TOKEN, False),
        ({"host": "127.0.0.1:8081"}, {"token": TOKEN[:-1]}, TOKEN, False),
        ({}, {}, None, False),
    ],
)
def test_who_may_open_a_web_socket(
    headers: dict[str, str], query: dict[str, str], token: str | None, may: bool
) -> None:
    assert allowed(headers, query, token) is may
