"""Stimulus markers: over the bus, from the Lab Streaming Layer, from a table; and what events say of them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some
import live_fakes

from engines.errors import InputError
from realtime import event_table
from realtime.analysis import elan, stimuli
from realtime.analysis.result import Analysed, Analysis
from realtime.bus import marks
from realtime.bus.publisher import Bus
from realtime.client import Marker as Client
from realtime.config import Bus as BusSettings
from realtime.config import Config
from realtime.live.coordinator import run
from realtime.live.options import Options
from realtime.live.screen import event_line
from realtime.markers import Marker, Markers
from realtime.sources.base import SourceInfo

ANYWHERE = BusSettings(endpoint="tcp://127.0.0.1:*")


def test_the_newest_marker_before_an_onset_counts_also_when_it_arrives_late() -> None:
    markers = Markers()
    for at_ms, text in ((100, "a"), (300, "b"), (200, "late")):
        markers.add(Marker(at_ms * 10**6, text))
    assert markers.before(99 * 10**6) is None
    for at_ms, text, ms in ((100, "a", 0.0), (250, "late", 50.0), (1300, "b", 1000.0)):
        since = markers.before(at_ms * 10**6)
        assert since is not None
        assert (since.text, since.ms) == (text, ms)


def test_a_marker_is_placed_by_its_senders_clock_unless_that_is_another_machines() -> None:
    sent = marks.decode(marks.encode("x", time.time_ns() - 40_000_000))
    assert sent is not None
    assert (time.monotonic_ns() - sent.host_ns) / 1e6 == pytest.approx(40, abs=5)
    for off_ns in (-3600 * 10**9, 3600 * 10**9):
        sent = marks.decode(marks.encode("x", time.time_ns() + off_ns))
        assert sent is not None
        assert (time.monotonic_ns() - sent.host_ns) / 1e6 == pytest.approx(0, abs=5)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x02",
        b"\x02\xc1",
        b"\x03" + marks.encode("x", 0)[1:],
        marks.encode("", 0),
        marks.encode("line\nbreak", 0),
        marks.encode("\x1b[31m", 0),
        marks.encode("x" * 201, 0),
    ],
)
def test_what_is_no_marker_is_ignored(message: bytes) -> None:
    assert marks.decode(message) is None


def test_a_client_marks_over_the_bus() -> None:
    bus = Bus(ANYWHERE)
    try:
        bus.publish(some.health())
        code = (
            "import sys; from realtime.client import Marker\n"
            f"with Marker({bus.endpoint!r}) as m:\n    [m.mark(f'picture {{n}}') for n in range(3)]"
        )
        client = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
        arrived = []
        deadline = time.monotonic() + 30
        while len(arrived) < 3 and time.monotonic() < deadline:
            bus.serve()
            arrived += bus.take_marks()
            time.sleep(0.005)
        assert [mark.text for mark in arrived] == ["picture 0", "picture 1", "picture 2"]
        assert client.wait(10) == 0
        while bus.subscriptions and time.monotonic() < deadline:
            bus.serve()
        assert bus.subscriptions == 0
    finally:
        bus.close()


def test_a_marker_for_nobody_is_one_line() -> None:
    with pytest.raises(InputError, match="no program publishes there"):
        Client("tcp://127.0.0.1:9", timeout_s=0.2)


def test_events_of_a_run_say_how_long_after_which_marker_they_came() -> None:
    """The marker's time is known here; the event's onset lies two frames, that have one time, before its apex."""
    notes = live_fakes.Notes()
    clients: list[Client] = []
    marked: list[int] = []

    def say(text: str, keep: list[str] = notes.lines) -> None:
        keep.append(text)
        if text.startswith("bus "):
            notes.endpoint = text[4:]
        if text.startswith("ready "):
            code = f"from realtime.client import Marker\nwith Marker({notes.endpoint!r}) as m:\n    m.mark('smile')"
            clients.append(subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2]))
            marked.append(time.time_ns())

    notes.say = say
    options = Options(
        sources=("fake:frames=400,fps=100",),
        config=Config(bus=ANYWHERE),
        dashboard=False,
        stages=live_fakes.STAGES,
    )
    assert run(options, notes) == 0
    after = [event for event in notes.events if event.since_marker is not None]
    assert after
    assert all(event.since_marker.text == "smile" for event in after)
    first = after[0]
    times = [event.since_marker.ms - event.apex.t_ns / 1e6 for event in after]
    assert max(times) - min(times) < 60  # one marker, whose time is the same for every event
    assert 0 <= first.since_marker.ms < 4000
    (row,) = notes.report["stimuli"]
    assert (row["text"], row["markers"]) == ("smile", 1)
    assert sum(row["events"].values()) == len(after)
    assert "ms after smile" in event_line(first, None, rendered=False)


OUTLET = """
import pylsl, sys, time
outlet = pylsl.StreamOutlet(pylsl.StreamInfo("stimuli", "Markers", 1, pylsl.IRREGULAR_RATE, "string", "s"))
if not outlet.wait_for_consumers(40):
    sys.exit(3)
time.sleep(.5)
for n in range(5):
    outlet.push_sample([f"picture {n}"])
    print(time.monotonic_ns(), flush=True)
    time.sleep(.2)
time.sleep(2)
"""
INLET = """
import sys, time
sys.path.insert(0, {root!r})
from realtime.live.lsl_markers import open_markers
got = []
inlet = open_markers("lsl:stimuli", got.append, lambda text: None)
deadline = time.monotonic() + 30
while len(got) < 5 and time.monotonic() < deadline:
    time.sleep(.01)
inlet.close()
for marker in got:
    print(marker.at_ns, marker.text)
"""


def test_a_marker_stream_of_the_lab_streaming_layer_is_placed_to_ten_milliseconds(tmp_path: Path) -> None:
    pytest.importorskip("pylsl", reason="pylsl is not installed", exc_type=ImportError)
    settings = tmp_path / "lsl.cfg"
    settings.write_text("[multicast]\nResolveScope = machine\n[log]\nlevel = -3\n")
    environment = {**os.environ, "LSLAPICFG": str(settings)}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for code in (OUTLET, INLET.format(root=str(Path(__file__).parents[2])))
    ]
    try:
        received, _ = both[1].communicate(timeout=60)
        sent, _ = both[0].communicate(timeout=60)
    finally:
        for process in both:
            process.kill()
    if not received:
        pytest.skip("the Lab Streaming Layer finds no stream on this machine: multicast is blocked")
    rows = [line.partition(" ") for line in received.splitlines()]
    assert [text for _, _, text in rows] == [f"picture {n}" for n in range(5)]
    for (at_ns, _, _), pushed_ns in zip(rows, sent.split(), strict=True):
        assert abs(int(at_ns) - int(pushed_ns)) / 1e6 < 10


def test_a_table_of_stimuli_goes_into_events_csv_and_elan(tmp_path: Path) -> None:
    table = tmp_path / "stimuli.csv"
    event = some.event()
    onset_ms = event.onset.t_ns / 1e6
    table.write_text(
        f"text;ms\nlater;{onset_ms + 10_000}\npicture 1;{onset_ms - 250}\n", encoding="utf-8-sig"
    )
    analysis = Analysis(SourceInfo("a", "a", "file", 64, 48, 100.0, 10), [Analysed(event, {})])
    stimuli.apply(analysis, stimuli.read(table))
    (one,) = analysis.events
    assert one.event.since_marker is not None
    assert (one.event.since_marker.text, one.event.since_marker.ms) == ("picture 1", 250.0)
    assert dict(zip(event_table.COLUMNS, event_table.row(one.event), strict=True))["since_marker_ms"] == 250.0
    assert [row["text"] for row in analysis.summary()["stimuli"]] == ["picture 1", "later"]
    eaf = elan.document([one.event], date="2026-01-02T03:04:05+00:00", markers=analysis.markers)
    assert b'TIER_ID="markers"' in eaf
    assert b"picture 1" in eaf
    assert json.loads(msgspec.json.encode(one.event))["since_marker"] == {"text": "picture 1", "ms": 250.0}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n", "must name the columns"),
        ("s,text\nx,smile\n", r"stimuli\.csv:2: expected a time in s"),
        ("s,text\ninf,smile\n", r"stimuli\.csv:2: expected a time in s"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(tmp_path: Path, content: str, said: str) -> None:
    table = tmp_path / "stimuli.csv"
    table.write_text(content)
    with pytest.raises(InputError, match=said):
        stimuli.read(table)
