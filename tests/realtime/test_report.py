import random
import sys
from pathlib import Path

import msgspec
import pytest

from engines.errors import InputError
from realtime.live.score import Score, best_truth, match, overlap
from realtime.messages import Event, Moment
from realtime.output import write_json
from realtime.processes.histogram import Histogram
from realtime.processes.wire import Truth

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some


def event(onset: int, apex: int, offset: int, kind: str = "micro", label: str | None = "positive") -> Event:
    moments = {
        name: Moment(frame, frame * 5_000_000)
        for name, frame in (("onset", onset), ("apex", apex), ("offset", offset))
    }
    return msgspec.structs.replace(some.event(), kind=kind, label=label, abstained=label is None, **moments)


def truth(onset: int, apex: int, offset: int, kind: str = "micro", label: str | None = "positive") -> Truth:
    return Truth(kind, label, onset, apex, offset, 1.5)


def test_quantiles_are_right_within_a_bin() -> None:
    numbers = random.Random(1)
    times = [numbers.lognormvariate(1.0, 1.0) for _ in range(5000)]
    histogram = Histogram()
    for ms in times:
        histogram.add(ms)
    times.sort()
    for q in (0.5, 0.9, 0.99):
        assert histogram.quantile(q) == pytest.approx(times[int(q * len(times))], rel=0.05)
    assert histogram.quantile(1.0) == histogram.max == times[-1]
    assert histogram.summary()["count"] == 5000


def test_a_histogram_takes_anything_and_never_grows() -> None:
    histogram = Histogram()
    for ms in (0.0, -5.0, 1e-9, 1e9, 3.0):
        histogram.add(ms)
    assert histogram.count == 5
    assert histogram.max == 1e9
    assert len(Histogram.unpack(histogram.pack()).pack()) < 100
    assert Histogram().summary() == {"p50": 0.0, "p99": 0.0, "max": 0.0, "count": 0}


def test_histograms_travel_and_add_up() -> None:
    one, two, both = Histogram(), Histogram(), Histogram()
    for i in range(100):
        (one if i % 3 else two).add(i / 7)
        both.add(i / 7)
    one.merge(Histogram.unpack(two.pack()))
    assert one.summary() == both.summary()
    for rubbish in (
        b"",
        b"\xc1",
        msgspec.msgpack.encode((1.0, [99999], [1])),
        msgspec.msgpack.encode((1.0, [1], [])),
    ):
        with pytest.raises((msgspec.MsgspecError, ValueError)):
            Histogram.unpack(rubbish)


def test_overlap_counts_both_ends() -> None:
    assert overlap((0, 9), (0, 9)) == 1.0
    assert overlap((0, 9), (5, 14)) == pytest.approx(5 / 15)
    assert overlap((0, 9), (10, 14)) == 0.0


def test_each_truth_and_event_is_matched_once_the_best_first() -> None:
    events = [event(100, 110, 130), event(102, 112, 128), event(300, 310, 320)]
    truths = [truth(101, 110, 129), truth(500, 510, 520)]
    assert [(i, j) for i, j, _ in match(events, truths)] == [(0, 0)]


def test_the_score_counts_found_named_missed_and_false() -> None:
    score = Score()
    score.add_truths(
        [
            truth(100, 110, 130),
            truth(300, 310, 330, label="surprise"),
            truth(500, 510, 530, label="negative"),
            truth(700, 705, 730, kind="blink", label=None),
            truth(900, 910, 990),
        ]
    )
    for one in (
        event(101, 112, 131),
        event(302, 309, 329, label=None),
        event(600, 610, 620),
        event(700, 705, 730, kind="blink"),
    ):
        score.add_event(one)
    told = score.summary(last_frame=950)
    assert told["rendered"] == 3, "what was not over yet, and blinks, do not count"
    assert (told["found"], told["right_label"], told["abstained"], told["false_micro"]) == (2, 1, 1, 1)
    assert told["mean_apex_error_frames"] == 1.5
    assert [missed["onset"] for missed in told["missed"]] == [500]


def test_a_long_run_scores_as_a_short_one_and_keeps_little() -> None:
    numbers = random.Random(3)
    settling, plain = Score(settle_frames=2000), Score(settle_frames=10**9)
    frame = 0
    for _ in range(400):
        frame += numbers.randint(80, 200)
        one = truth(frame, frame + 20, frame + 50)
        made = [event(frame + 2, frame + 21, frame + 52, label=numbers.choice(["positive", "negative"]))]
        if numbers.random() < 0.2:
            made = []
        if numbers.random() < 0.2:
            made.append(event(frame + 60, frame + 65, frame + 75))
        for score in (settling, plain):
            score.add_truths([one])
            for each in made:
                score.add_event(each)
            score.settle(frame)
    last = frame + 1000
    assert settling.summary(last) == plain.summary(last)
    assert len(settling._truths) < 50
    assert len(settling._events) < 50


def test_the_truth_shown_beside_an_event_is_the_one_it_overlaps_most() -> None:
    truths = [truth(100, 110, 130), truth(120, 150, 190, kind="macro")]
    found = best_truth(event(118, 140, 180), truths)
    assert found is not None
    assert found[0] is truths[1]
    assert best_truth(event(1000, 1001, 1002), truths) is None


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("old")
    write_json(path, {"a": 1})
    assert msgspec.json.decode(path.read_bytes()) == {"a": 1}
    assert path.stat().st_mode & 0o044
    with pytest.raises(InputError, match="cannot be written"):
        write_json(tmp_path / "no" / "r.json", {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.json"]
