"""Sinks in threads of their own: one that fails, hangs or is slow changes nothing for the others."""

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some
import pytest

from realtime.live.phases import NEXT, Phase, Progress
from realtime.live.sinks import Published
from realtime.live.sinks.isolated import QUEUE, Isolated

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
