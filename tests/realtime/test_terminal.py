import io
import sys
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from realtime import messages
from realtime.live.live_table import LiveTable
from realtime.live.screen import PlainLines, View, event_line, open_screen, summary_lines
from realtime.processes.wire import Truth

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some

TRUTH = Truth("micro", "positive", 300, 330, 360, 1.5)
LATENCY = {
    name: {"p50": 1.0, "p99": 2.0, "max": 3.0, "count": 4}
    for name in ("capture_to_watched", "apex_to_published")
}


def view() -> View:
    face = messages.FaceState(
        face=0,
        status="turned",
        reason="[head] turned 40 degrees",
        phase="blind",
        box=None,
        landmarks=[],
        crop_to_frame=None,
        regions=[],
    )
    process = messages.ProcessHealth(name="watch", pid=1, alive=False, restarts=2, cpu_percent=0, rss_mb=0)
    health = msgspec.structs.replace(some.health(), latency_ms=LATENCY, processes=[process])
    score = {"rendered": 4, "found": 3, "right_label": 2, "false_micro": 1}
    return View("running", 12.0, [health], [msgspec.structs.replace(some.state(), faces=[face])], [score])


def test_the_table_shows_camera_face_events_truth_and_processes() -> None:
    out = io.StringIO()
    table = LiveTable(console=Console(file=out, force_terminal=True, width=160, highlight=False))
    table.say("bus [tcp] somewhere")
    table.show(view())
    table.event(some.event(), (TRUTH, 0.9), rendered=True)
    table.event(
        msgspec.structs.replace(some.event(), kind="blink", label=None, probabilities={}), None, rendered=True
    )
    table.summary(report(), Path("r.json"))
    table.close()
    text = out.getvalue()
    for said in (
        "bus [tcp] somewhere",
        "199.9"[:3],
        "turned",
        "[head] turned 40 degrees",
        "found 3, named right 2, missed 1, false 1",
        "positive 0.80",
        "micro positive 300-330-360 (IoU 0.90)",
        "watch down restarted 2x",
        "report: r.json",
    ):
        assert said in text, said


def report() -> dict[str, object]:
    return {
        "camera": "desk",
        "ended": "duration",
        "seconds": 12.3,
        "restarts": 0,
        "problem": "unplugged once",
        "frames": {"captured": 100, "processed": 99, "lost_driver": 0, "lost_ring": 1},
        "fps": {"requested": 200, "delivered": 199.5},
        "latency_ms": LATENCY,
        "events": {"micro": 2, "macro": 0, "blink": 1},
        "truth": {"rendered": 2, "found": 2, "right_label": 1, "false_micro": 0},
    }


def test_the_summary_tells_the_run_in_a_few_lines() -> None:
    text = "\n".join(summary_lines(report(), None))
    assert "lost 0 by the driver, 1 by the ring" in text
    assert "of 2 rendered micro-expressions 2 found, 1 named right; 0 false" in text
    assert "unplugged once" in text


def test_an_event_line_names_class_or_reason() -> None:
    assert "positive 0.80" in event_line(some.event(), None, rendered=False)
    unsure = msgspec.structs.replace(some.event(), label=None, abstained=True)
    assert "not named (positive 0.80)" in event_line(unsure, None, rendered=False)
    assert "truth: nothing there" in event_line(some.event(), None, rendered=True)
    lost = msgspec.structs.replace(some.event(), frames_lost=3)
    assert "3 frames lost" in event_line(lost, None, rendered=False)


def test_without_a_terminal_there_are_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    screen = open_screen()
    assert isinstance(screen, PlainLines)
    screen.event(some.event(), (TRUTH, 0.9), rendered=True)
    screen.show(view())
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_event_lines_of_several_cameras_name_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    for cameras, who in ((1, ""), (2, "desk  ")):
        open_screen(cameras).event(some.event(1), None, rendered=False)
        assert capsys.readouterr().out.startswith(f"{who}micro")
