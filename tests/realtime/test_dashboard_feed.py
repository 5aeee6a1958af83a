"""What a page is sent: only what is new, in order, of its own camera; cards and words."""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from realtime import messages
from realtime.dashboard import card, health, preferences, words
from realtime.dashboard.feed import CARDS, Feed
from realtime.dashboard.process import reachable
from realtime.dashboard.update import Cursor

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some


def at(t_s: float, wall: str | None = None) -> messages.Moment:
    return messages.Moment(frame=round(t_s * 200), t_ns=round(t_s * 1e9), wall=wall)


def state(t_s: float, motion: float = 0.1, camera: str = "desk", **more: Any) -> messages.State:
    given = {"status": "ok", "reason": "", "phase": "rest"} | more
    face = messages.FaceState(
        face=0,
        box=(10, 20, 30, 40),
        landmarks=[(1, 2)],
        crop_to_frame=(2, 0, 100, 0, 2, 50),
        regions=[
            messages.Region("upper lip", motion, 0.0, 0.2),
            messages.Region("brow inner left", 0.0, 3 * motion, 0.3),
            messages.Region("chin", 0.0, 0.0, 0.2),
        ],
        **given,
    )
    return messages.State(camera=camera, at=at(t_s), fps=200, faces=[face])


def event(number: int, kind: str = "micro", **more: Any) -> messages.Event:
    times = {"onset": at(number), "apex": at(number + 0.1), "offset": at(number + 0.25)}
    return msgspec.structs.replace(some.event(number), kind=kind, **(times | more))


def pictures(of: messages.Event) -> messages.Preview:
    found = {name: b"\x89PNG" + name.encode() for name in ("onset", "apex", "flow", "strain")}
    return messages.Preview(camera=of.camera, at=of.apex, jpeg=b"", event_id=of.event_id, pictures=found)


def update(feed: Feed, cursor: Cursor, camera: str = "desk") -> tuple[dict[str, Any], bytes] | None:
    packed = feed.update(camera, cursor)
    if packed is None:
        return None
    length = int.from_bytes(packed[:4], "little")
    return msgspec.json.decode(packed[4 : 4 + length]), packed[4 + length :]


def test_only_what_is_new() -> None:
    feed, cursor = Feed(), Cursor()
    assert update(feed, cursor) is None
    feed.take(state(1.0))
    feed.take(state(1.05, 0.2))
    first = update(feed, cursor)
    assert first is not None
    assert first[0]["reset"]
    # Grouped by part of the face: the brow comes before lip and chin.
    assert first[0]["lanes"] == [["Brows", ["brow inner left"]], ["Mouth", ["upper lip", "chin"]]]
    assert first[0]["columns"] == [[1.0, 0.3, 0.1, 0.0], [1.05, 0.6, 0.2, 0.0]]
    assert first[0]["limits"] == [0.3, 0.2, 0.2]
    assert first[1] == b""
    assert update(feed, cursor) is None
    feed.take(state(1.1))
    second = update(feed, cursor)
    assert second is not None
    assert "reset" not in second[0]
    assert second[0]["columns"] == [[1.1, 0.3, 0.1, 0.0]]


def test_a_page_that_was_away_gets_the_last_seconds_only() -> None:
    feed, cursor = Feed(), Cursor()
    feed.take(state(0.0))
    update(feed, cursor)
    for i in range(1, 2000):
        feed.take(state(i * 0.05))
    late = update(feed, cursor)
    assert late is not None
    times = [column[0] for column in late[0]["columns"]]
    assert times[-1] == pytest.approx(1999 * 0.05)
    assert 8 < times[-1] - times[0] < 10


def test_the_picture_comes_with_the_face_of_its_own_frame() -> None:
    feed, cursor = Feed(), Cursor()
    for i in range(10):
        feed.take(msgspec.structs.replace(state(i * 0.05)))
    moved = state(0.5)
    moved = msgspec.structs.replace(
        moved, faces=[msgspec.structs.replace(moved.faces[0], box=(99, 20, 30, 40))]
    )
    feed.take(moved)
    feed.take(state(0.55))
    feed.take(messages.Preview(camera="desk", at=at(0.505), jpeg=b"jpeg", width=640, height=480))
    found = update(feed, cursor)
    assert found is not None
    assert found[1] == b"jpeg"
    assert found[0]["frame"] == 101
    assert found[0]["size"] == [640, 480]
    assert found[0]["faces"][0]["box"] == [99, 20, 30, 40]
    assert found[0]["faces"][0]["crop"] == [[100, 50], [380, 50], [380, 390], [100, 390]]
    assert update(feed, cursor) is None


@pytest.mark.parametrize("t_s", [0.2, 60.0])
def test_a_clock_that_jumps_begins_new_curves(t_s: float) -> None:
    feed, cursor = Feed(), Cursor()
    feed.take(state(5.0))
    feed.take(event(4))
    update(feed, cursor)
    feed.take(state(t_s))
    found = update(feed, cursor)
    assert found is not None
    assert found[0]["reset"]
    assert [column[0] for column in found[0]["columns"]] == [t_s]
    assert "marks" not in found[0]
    # The cards stay.
    assert len(feed.entries("desk")) == 1


def test_without_a_face_the_curve_has_a_hole() -> None:
    feed, cursor = Feed(), Cursor()
    feed.take(state(1.0))
    feed.take(messages.State(camera="desk", at=at(1.05), fps=200, faces=[]))
    feed.take(state(1.1, status="covered", phase="blind"))
    feed.take(state(1.15))
    found = update(feed, cursor)
    assert found is not None
    assert [len(column) for column in found[0]["columns"]] == [4, 1, 1, 4]


def test_cameras_do_not_mix() -> None:
    feed, cursor = Feed(), Cursor()
    feed.take(state(1.0, camera="left"))
    feed.take(state(7.0, camera="right"))
    feed.take(some.event(1, camera="right"))
    assert feed.cameras() == ["left", "right"]
    found = update(feed, cursor, "left")
    assert found is not None
    assert found[0]["columns"][0][0] == 1.0
    found = update(feed, cursor, "right")
    assert found is not None
    assert found[0]["reset"]
    assert found[0]["columns"][0][0] == 7.0
    assert feed.entries("left") == []


def test_cards_newest_first_with_their_pictures_and_no_more_than_fit() -> None:
    feed = Feed()
    for number in range(CARDS + 30):
        feed.take(event(number))
        feed.take(pictures(event(number)))
    entries = feed.entries("desk")
    assert [entry.event.event_id for entry in entries] == [f"desk-{n}" for n in range(CARDS + 29, 29, -1)]
    assert feed.picture(entries[0].number, "flow") == b"\x89PNGflow"
    assert feed.picture(entries[0].number, "nonsense") is None
    assert feed.picture(10_000, "flow") is None
    assert feed.picture(1, "flow") is None


def test_blinks_in_a_row_are_one_card() -> None:
    feed = Feed()
    for number in range(3):
        feed.take(event(number, "blink", label=None, probabilities={}))
    (entry,) = feed.entries("desk")
    assert entry.count == 3
    assert "3 blinks" in card.article(entry, {}, address)
    feed.take(event(4))
    feed.take(event(5, "blink", label=None, probabilities={}))
    assert [e.event.kind for e in feed.entries("desk")] == ["blink", "micro", "blink"]


def test_previews_are_wanted_while_a_page_is_open_and_a_moment_after() -> None:
    feed = Feed()
    assert not feed.wanted(10)
    feed.count_viewers(1)
    assert feed.wanted(0)
    feed.count_viewers(-1)
    assert feed.wanted(10)
    assert not feed.wanted(0)


def address(number: int, revision: int, name: str) -> str:
    return f"/pictures/{number}/{name}?{revision}"


def entry_of(found: messages.Event) -> Any:
    feed = Feed()
    feed.take(found)
    feed.take(pictures(found))
    return feed.entries(found.camera)[0]


def test_card_says_what_happened() -> None:
    text = card.article(entry_of(event(3)), {}, address)
    assert "<h3>Positive</h3>" in text
    assert '<span class="share">80%</span>' in text
    assert "250 ms" in text
    assert "100 ms" in text
    assert "1.20 px" in text
    assert "90 ms" in text
    assert text.count("<img") == 4


def test_card_of_an_unnamed_movement_gives_the_reason() -> None:
    found = event(3, label=None, abstained=True, reason="no class reaches 0.45")
    text = card.article(entry_of(found), {}, address)
    assert "Not named" in text
    assert "No class reaches 0.45" in text
    assert card.tone(found) == "open"


def test_card_takes_no_markup_from_outside() -> None:
    odd = '<img src=x onerror="alert(1)">'
    found = event(3, label=odd, probabilities={odd: 0.9}, abstained=True, reason=odd, latency_ms={odd: 1.0})
    text = card.article(entry_of(found), {"positive": odd}, address)
    assert "<img src=x" not in text
    assert 'onerror="' not in text


def test_health_counts_and_escapes() -> None:
    found = msgspec.structs.replace(
        some.health(),
        lost_ring=1234,
        backends={"flow": "<b>"},
        processes=[
            messages.ProcessHealth(
                name="watch", pid=1, alive=True, restarts=2, cpu_percent=61, rss_mb=1, note='"><script>'
            )
        ],
    )
    text = health.panel(found)
    assert "199.9" in text
    assert "1,234" in text
    assert "watch ↻2" in text
    assert "61 %" in text
    assert "<script>" not in text
    assert "&lt;b&gt;" in text
    assert health.status(found, silent=True) == ("No data", "alarm")
    assert health.status(found, silent=False) == ("Live", "good")
    assert "Waiting" in health.panel(None)


@pytest.mark.parametrize(
    ("status", "reason", "title"),
    [
        ("small", "face 60 px wide, needs 90: come closer", "Come closer"),
        ("turned", "head turned left", "Look towards the camera"),
        ("covered", "face covered or changed", "The face is partly hidden"),
    ],
)
def test_words_for_the_face(status: str, reason: str, title: str) -> None:
    said = words.for_picture(state(1.0, status=status, reason=reason), some.health(), silent=False)
    assert said is not None
    assert said[1] == title
    assert said[2] == reason


def test_words_for_the_rest() -> None:
    assert words.for_picture(state(1.0), some.health(), silent=False) is None
    gone = msgspec.structs.replace(some.health(), status="source lost")
    assert words.for_picture(state(1.0), gone, silent=False) is not None
    assert words.for_picture(state(1.0), some.health(), silent=True) is not None
    for nobody in (some.state(), state(1.0, status="lost", reason="face lost")):
        assert words.for_picture(nobody, some.health(), silent=False) == (
            "wait",
            "No face in the picture",
            "",
        )
    assert words.clock(at(83.25)) == "01:23.250"
    assert words.clock(at(1, wall="2026-01-01T00:00:07.5Z")).endswith(":07.500")
    assert words.clock(at(83.25, wall="nonsense")) == "01:23.250"


def test_every_region_of_the_spotter_has_its_place() -> None:
    from engines.spotting.regions import NAMES

    lanes, order = words.lanes(NAMES)
    assert [lane for lane, _ in lanes] == ["Brows", "Nose", "Cheeks", "Mouth"]
    assert sorted(order) == list(range(len(NAMES)))
    assert [name for _, names in lanes for name in names] == [NAMES[i] for i in order]


def test_the_outline_is_the_one_the_page_draws_as_lines() -> None:
    from realtime.stages import watcher

    assert len(watcher._OUTLINE) == 78


def test_preferences_survive_the_cookie_and_odd_ones_are_ignored() -> None:
    chosen = preferences.Preferences(camera="desk", dark=True, names={"positive": "快乐; \"'"})
    cookie = preferences.script(chosen).partition("=")[2].partition("=")[2].partition(";")[0]
    assert preferences.read(cookie) == chosen
    for odd in (None, "", "%", "[]", "{", '{"camera": 3}', '{"names": {"a": "' + "x" * 90 + '"}}', "%ff%fe"):
        assert preferences.read(odd) == preferences.Preferences()


def test_the_bus_is_reached_even_if_it_is_bound_to_every_interface() -> None:
    assert reachable("tcp://0.0.0.0:5557") == "tcp://127.0.0.1:5557"
    assert reachable("tcp://[::]:5557") == "tcp://[::1]:5557"
    assert reachable("tcp://127.0.0.1:1") == "tcp://127.0.0.1:1"
