"""Early events: on a topic of their own, each confirmed by a final event of its id or withdrawn with a reason."""

import sys
import threading
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some
import live_fakes

from realtime import messages
from realtime.client import Subscriber
from realtime.config import Bus, Config
from realtime.dashboard.card import article
from realtime.dashboard.feed import Feed
from realtime.live.coordinator import run
from realtime.live.early import EarlyEvents
from realtime.live.live_table import LiveTable
from realtime.live.options import Options
from realtime.live.screen import PlainLines

EVENT = msgspec.structs.replace(some.event(), latency_ms={"total": 60.0})
PROVISIONAL = msgspec.structs.replace(EVENT, stage="provisional", confirmation=0.8)


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APEXCAM_TEST_PLAN", '{"early": true}')


def test_a_run_announces_confirms_and_withdraws(plan: None) -> None:
    notes = live_fakes.Notes()
    heard: list[messages.Event] = []
    done = threading.Event()

    def listen(endpoint: str) -> None:
        with Subscriber(endpoint, ["event", "early"]) as subscriber:
            while not done.is_set():
                message = subscriber.receive(0.1)
                if message is not None:
                    heard.append(message)

    say, threads = notes.say, []

    def start(text: str) -> None:
        say(text)
        if text.startswith("bus "):
            threads.append(threading.Thread(target=listen, args=(text[4:],)))
            threads[0].start()

    notes.say = start
    options = Options(
        sources=("fake:frames=400,fps=100",),
        config=Config(bus=Bus(endpoint="tcp://127.0.0.1:*")),
        dashboard=False,
        stages=live_fakes.STAGES,
    )
    try:
        assert run(options, notes) == 0
    finally:
        done.set()
        threads[0].join()
    stages = [event.stage for event in notes.early_events]
    finals = {event.event_id for event in notes.events}
    provisional = [event for event in notes.early_events if event.stage == "provisional"]
    withdrawn = [event for event in notes.early_events if event.stage == "withdrawn"]
    assert all(event.stage == "final" for event in notes.events)
    assert stages.index("provisional") < stages.index("withdrawn")
    assert [(event.event_id, event.reason) for event in withdrawn] == [("fake-50", "did not return")]
    assert {event.event_id for event in provisional} - {"fake-50"} <= finals
    assert all(event.latency_ms["total"] > 0 for event in provisional)
    early = notes.report["early"]
    assert early["provisional"] == len(provisional)
    assert early["confirmed"] == len(provisional) - 1
    assert early["withdrawn"] == 1
    # Consumers of `event` see what they always saw.
    assert notes.report["events"]["micro"] == sum(event.kind == "micro" for event in notes.events)
    assert {event.event_id for event in heard if event.stage == "final"} <= finals
    assert {event.stage for event in heard} == {"final", "provisional", "withdrawn"}


def test_what_is_withdrawn_before_it_was_recognised_is_never_announced() -> None:
    early = EarlyEvents()
    assert early.withdraw(PROVISIONAL.event_id, "too fast") is None
    assert not early.announce(PROVISIONAL)
    assert early.summary()["provisional"] == 0


def test_what_is_open_when_watching_ends_is_withdrawn_of_its_camera_alone() -> None:
    early = EarlyEvents()
    other = msgspec.structs.replace(PROVISIONAL, event_id="other", camera="other")
    assert early.announce(PROVISIONAL)
    assert early.announce(other)
    (gone,) = early.withdraw_all("watching was interrupted", PROVISIONAL.camera)
    assert (gone.event_id, gone.stage, gone.confirmation) == (PROVISIONAL.event_id, "withdrawn", 0.0)
    early.settle(msgspec.structs.replace(other, stage="final"))
    summary = early.summary()
    assert (summary["confirmed"], summary["withdrawn"], summary["final_without"]) == (1, 1, 0)


def test_topics_keep_early_and_final_events_apart() -> None:
    assert messages.subject_of(EVENT) == "event"
    assert messages.subject_of(PROVISIONAL) == "early"
    assert messages.subject_of(some.health()) == "health"


def test_the_page_shows_an_early_event_at_once_and_settles_it() -> None:
    feed = Feed()
    feed.take(PROVISIONAL)
    (entry,) = feed.entries(EVENT.camera)
    number, revision = entry.number, entry.revision
    assert "Not over yet: 80% sure" in article(entry, {}, lambda *_: "")
    feed.take(EVENT)
    (entry,) = feed.entries(EVENT.camera)
    assert (entry.number, entry.event) == (number, EVENT)
    assert entry.revision > revision
    assert "Not over yet" not in article(entry, {}, lambda *_: "")


def test_the_page_says_why_an_event_was_withdrawn() -> None:
    feed = Feed()
    gone = msgspec.structs.replace(PROVISIONAL, stage="withdrawn", reason="did not return")
    feed.take(gone)
    assert not feed.entries(EVENT.camera)
    feed.take(PROVISIONAL)
    feed.take(gone)
    (entry,) = feed.entries(EVENT.camera)
    assert "Withdrawn: did not return" in article(entry, {}, lambda *_: "")


def test_the_terminal_shows_it_until_it_is_settled_and_a_log_never(
    capsys: pytest.CaptureFixture[str],
) -> None:
    PlainLines().early(PROVISIONAL)
    assert capsys.readouterr().out == ""
    table = LiveTable()
    try:
        table.early(PROVISIONAL)
        assert len(table._provisional()) == 1
        table.event(EVENT, None, rendered=False)
        assert not table._provisional()
    finally:
        table.close()
