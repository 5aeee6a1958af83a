"""What the report of `apexcam analyze` draws and weighs, and the annotations for ELAN."""

import re
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as Tree

import msgspec
import numpy as np
import pytest

from realtime import messages
from realtime.analysis import analyze, elan
from realtime.analysis.course import SAMPLE_S, Course
from realtime.analysis.html_report import page
from realtime.analysis.report_timeline import POINTS, plot, rows
from realtime.messages import FaceState, Moment, Region, State
from realtime.sources import SourceInfo

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some

NAMES = ("brow inner left", "brow inner right", "nose tip", "cheek left", "mouth corner left", "chin")


def event(kind: str, onset_s: float, length_s: float, *, number: int = 0, face: int = 0) -> messages.Event:
    at = [
        Moment(round(s * 100), round(s * 1e9)) for s in (onset_s, onset_s + length_s / 2, onset_s + length_s)
    ]
    made = msgspec.structs.replace(
        some.event(), kind=kind, onset=at[0], apex=at[1], offset=at[2], event_id=f"c-{face}-{number}-{kind}"
    )
    return msgspec.structs.replace(made, face=face, label="surprise" if kind == "micro" else None)


def view(t_s: float, px: float, phase: str = "rest", reason: str = "", status: str = "ok") -> State:
    regions = [Region(name, px if "brow" in name else 0.0, 0.0, 0.2) for name in NAMES]
    seen = FaceState(
        face=0,
        status=status,  # type: ignore[arg-type]
        reason=reason,
        phase=phase,  # type: ignore[arg-type]
        box=None,
        landmarks=[],
        crop_to_frame=None,
        regions=regions,
    )
    return State(camera="c", at=Moment(0, round(t_s * 1e9)), fps=100.0, faces=[seen])


def watched(end_s: float, bumps: list[tuple[float, str]]) -> Course:
    """A face with a bump of 1 px at each time; it is judged 0.2 s later, in the words given ('' is an event)."""
    course = Course()
    refused: Counter[str] = Counter()
    for t_s in np.arange(0, end_s, SAMPLE_S):
        px, phase, spotted = 0.0, "rest", False
        for at_s, words in bumps:
            px = max(px, float(np.exp(-(((t_s - at_s) / 0.05) ** 2))))
            if at_s <= t_s < at_s + 0.2:
                phase = "falling"
            if at_s + 0.2 <= t_s < at_s + 0.2 + SAMPLE_S:
                spotted = not words
                refused.update([words] if words else [])
        course.look(float(t_s), view(float(t_s), px, phase), spotted_micro=spotted, refused=refused)
    return course


def test_what_was_refused_is_told_with_its_reason_its_peak_and_its_time() -> None:
    course = watched(6.0, [(1.0, ""), (2.5, "the head moved"), (4.0, "the head moved"), (5.0, "too faint")])
    assert [(round(one.at_s, 1), one.reason) for one in course.refused] == [
        (2.5, "the head moved"),
        (4.0, "the head moved"),
        (5.0, "too faint"),
    ]
    assert all(one.peak_px == pytest.approx(1.0, abs=0.05) for one in course.refused)
    assert list(course.motion) == ["Brows", "Nose", "Cheeks", "Mouth"]
    assert max(course.motion["Mouth"]) == 0.0


def test_without_a_face_the_curve_has_a_hole_and_the_time_is_shaded() -> None:
    course = Course()
    for i in range(100):
        gone = 40 <= i < 60
        seen = view(i * SAMPLE_S, 0.1, "blind" if gone else "rest", status="lost" if gone else "ok")
        course.look(i * SAMPLE_S, seen, spotted_micro=False, refused={})
    assert [status for _, status in course.track] == ["ok", "lost", "ok"]
    assert np.isnan(course.motion["Nose"][40:60]).all()
    drawn = plot(course, [], 0.0, 2.0, width=500, lane=20)
    assert drawn.count("class=lost") == 1
    curves = re.findall(r"class=curve d='([^']*)'", drawn)
    assert [curve.count("M") for curve in curves] == [2, 2, 2, 2]


def test_curves_of_any_length_stay_small_and_keep_their_peaks() -> None:
    course = watched(1.0, [])
    count = 200_000
    course.times = [i * SAMPLE_S for i in range(count)]
    quiet = np.random.default_rng(0).uniform(0, 0.05, count)
    quiet[123_456] = 3.0
    course.motion = {name: quiet.tolist() for name in course.motion}
    course.level = {name: [0.2] * count for name in course.level}
    drawn = list(rows(course, [], []))
    assert len(drawn) <= 12
    top = 0.0
    for row in drawn:
        for curve in re.findall(r"class=curve d='([^']*)'", row):
            ys = [float(pair.split()[1]) for pair in re.findall(r"[\d.]+ [\d.]+", curve)]
            assert len(ys) <= POINTS
            top = max(top, max(ys) - min(ys))
    assert top > 25, "the one peak is not drawn"


def test_five_minutes_full_of_events_stay_under_twenty_megabytes() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (170, 140), dtype=np.uint8)
    course = watched(1.0, [])
    count = round(300 / SAMPLE_S)
    course.times = [i * SAMPLE_S for i in range(count)]
    course.motion = {name: np.random.default_rng(1).random(count).tolist() for name in course.motion}
    course.level = {name: [0.2] * count for name in course.level}
    events = [
        analyze.Analysed(
            event("micro", 0.5 * i, 0.3, number=i), {}, tuple((50 * i + 5 * k, 0, noise) for k in range(7))
        )
        for i in range(600)
    ]
    info = SourceInfo("long", "long.mp4", "file", 640, 480, 100.0, 30000)
    made = analyze.Analysis(info, events, frames=30000, seconds=300.0, course=course)
    text = page(made)
    assert 5e6 < len(text.encode()) < 20e6
    assert "left out to keep this file small" in text
    assert text.count("<article") >= 600


def test_annotations_for_elan_are_ordered_and_do_not_overlap() -> None:
    events = [
        event("micro", 2.0, 0.3, number=1),
        event("blink", 0.5, 0.1, number=2),
        event("micro", 2.2, 0.3, number=3),
        event("macro", 1.0, 1.5, number=4),
        event("micro", 1.0, 0.2, number=5, face=1),
    ]
    data = elan.document(events, date="2026-01-02T03:04:05+00:00", media=Path("/videos/a b.mp4"))
    root = Tree.fromstring(data)
    assert root.tag == "ANNOTATION_DOCUMENT"
    assert root.attrib["FORMAT"] == root.attrib["VERSION"] == "3.0"
    # The order that the schema asks for.
    order = [child.tag for child in root]
    assert order == sorted(order, key=["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "CONSTRAINT"].index)
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    assert media is not None
    assert media.attrib == {"MEDIA_URL": "file:///videos/a%20b.mp4", "MIME_TYPE": "video/mp4"}
    slots = {slot.attrib["TIME_SLOT_ID"]: int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    types = {kind.attrib["LINGUISTIC_TYPE_ID"] for kind in root.iter("LINGUISTIC_TYPE")}
    spans: dict[str, list[tuple[int, int]]] = {}
    for tier in root.iter("TIER"):
        assert tier.attrib["LINGUISTIC_TYPE_REF"] in types
        for one in tier.iter("ALIGNABLE_ANNOTATION"):
            span = (slots[one.attrib["TIME_SLOT_REF1"]], slots[one.attrib["TIME_SLOT_REF2"]])
            spans.setdefault(tier.attrib["TIER_ID"], []).append(span)
    assert spans == {
        "micro": [(2000, 2300), (2300, 2500)],
        "blink": [(500, 600)],
        "macro": [(1000, 2500)],
        "micro face 1": [(1000, 1200)],
    }
    identities = [one.attrib["ANNOTATION_ID"] for one in root.iter("ALIGNABLE_ANNOTATION")]
    assert len(set(identities)) == len(events)
    values = [one.text or "" for one in root.iter("ANNOTATION_VALUE")]
    assert sum("surprise" in value for value in values) == 3


def test_an_empty_recording_still_gives_tiers() -> None:
    root = Tree.fromstring(elan.document([], date="2026-01-02T03:04:05+00:00"))
    assert [tier.attrib["TIER_ID"] for tier in root.iter("TIER")] == ["micro", "macro", "blink"]
