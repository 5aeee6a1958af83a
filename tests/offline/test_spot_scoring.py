"""Scoring on intervals made by hand: exact numbers."""

import pytest

from offline.spotting.scoring import Watched, iou, match, rows_of, score, strs
from offline.spotting.sweep import wilson
from offline.spotting.truth import Found, Interval


def truth(onset, apex, offset, kind="micro", **more):
    return Interval(kind, onset, apex, offset, **more)


def found(onset, apex, offset, kind="micro", **more):
    return Found(kind, onset, apex, offset, **more)


def video(performed, spotted, fps=100.0, frames=6000, neutral=False, refusals=(), name="v"):
    return Watched(name, fps, frames, neutral, performed, spotted, refusals)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((10, 19), (10, 19), 1.0),
        ((10, 19), (15, 24), 5 / 15),
        ((10, 19), (12, 16), 5 / 10),
        ((10, 19), (19, 28), 1 / 19),
        ((10, 19), (20, 29), 0.0),
    ],
)
def test_iou_counts_both_end_frames(a, b, expected):
    assert iou(truth(a[0], None, a[1]), found(b[0], b[0], b[1])) == pytest.approx(expected)
    assert iou(found(b[0], b[0], b[1]), truth(a[0], None, a[1])) == pytest.approx(expected)


def test_matching_is_one_to_one_and_the_better_overlap_wins():
    truths = [truth(0, 5, 9), truth(100, 105, 109)]
    spotted = [found(0, 5, 5), found(0, 5, 8), found(102, 105, 120)]
    # 6/10 and 9/10 for the first truth; 8/21 for the second is too little
    assert match(truths, spotted) == {0: 1}
    assert match(truths, spotted, least=0.3) == {0: 1, 1: 2}
    assert match(truths[:1], [found(0, 3, 4)]) == {0: 0}, "an IoU of exactly one half is a hit"


def test_an_overlap_is_not_given_to_two_truths():
    truths = [truth(0, 5, 10), truth(2, 6, 12)]
    assert match(truths, [found(1, 5, 11)]) == {0: 0}


def test_pooled_figures():
    performed = [
        truth(100, 120, 140),
        truth(300, 320, 340),
        truth(500, 510, 520),
        truth(50, 55, 60, kind="blink"),
    ]
    spotted = [
        found(102, 123, 138),
        found(300, 314, 340),
        found(700, 710, 720),
        found(50, 56, 61, kind="blink"),
    ]
    other = video([truth(10, 20, 30)], [], name="w")
    scored = score([video(performed, spotted), other])
    micro = scored["micro"]
    assert (micro["performed"], micro["spotted"], micro["hits"]) == (4, 3, 2)
    assert micro["precision"] == pytest.approx(2 / 3, abs=1e-4)
    assert micro["recall"] == 0.5
    assert micro["f1"] == pytest.approx(4 / 7, abs=1e-4)
    assert micro["apex_mae_frames"] == pytest.approx((3 + 6) / 2)
    assert micro["apex_mae_ms"] == pytest.approx(45.0)
    assert micro["onset_mae_ms"] == pytest.approx(10.0)
    assert micro["offset_mae_ms"] == pytest.approx(10.0)
    assert micro["asr"] == 0.5
    assert scored["blink"]["f1"] == 1.0
    assert "macro" not in scored
    assert scored["minutes"] == 2.0
    assert scored["expressions"] == {
        "performed": 4,
        "spotted": 3,
        "hits": 2,
        "f1": pytest.approx(4 / 7, abs=1e-4),
    }


def test_frames_become_milliseconds_by_each_video_s_own_rate():
    fast = video([truth(100, 120, 140)], [found(100, 124, 140)], fps=200.0, name="fast")
    slow = video([truth(100, 120, 140)], [found(100, 121, 140)], fps=25.0, name="slow")
    micro = score([fast, slow])["micro"]
    assert micro["apex_mae_frames"] == 2.5
    assert micro["apex_mae_ms"] == pytest.approx((20 + 40) / 2)


def test_apexes_are_counted_once_for_the_apex_spotting_rate():
    overlapping = [truth(0, 5, 30), truth(20, 25, 50)]
    one = score([video(overlapping, [found(24, 25, 26)])])["micro"]
    two = score([video(overlapping, [found(24, 25, 26), found(27, 28, 29)])])["micro"]
    assert (one["asr"], two["asr"]) == (0.5, 1.0)
    # Frame numbers of two videos do not mix.
    apart = score([video([truth(0, 5, 9)], []), video([], [found(0, 5, 9)], name="w")])["micro"]
    assert apart["asr"] == 0.0


@pytest.mark.parametrize(
    ("performed", "head_px", "cause"),
    [
        ([truth(90, 95, 105, kind="blink"), truth(104, 110, 160, kind="speech")], 9.0, "speech"),
        ([truth(95, 100, 106, kind="blink")], 9.0, "blink"),
        ([truth(60, 70, 95, kind="macro")], 0.0, "macro"),
        ([Interval("light", 118, None, 119)], 0.0, "light"),
        ([truth(10, 20, 30, kind="macro")], 2.0, "sway"),
        ([truth(10, 20, 30, kind="macro")], 0.4, "nothing"),
        ([], None, "nothing"),
    ],
)
def test_a_false_alarm_is_blamed_on_what_was_performed_then(performed, head_px, cause):
    false = found(100, 110, 120, head_px=head_px)
    rows = rows_of(video(performed, [false], neutral=True))
    assert [row.cause for row in rows if row.kind == "micro"] == [cause]


def test_false_alarms_a_minute_count_neutral_video_only():
    calm = video(
        [truth(100, 110, 130, kind="blink")], [found(95, 105, 125), found(900, 910, 920)], neutral=True
    )
    eventful = video([truth(100, 110, 130)], [found(900, 905, 910)], name="w")
    scored = score([calm, eventful])
    assert scored["neutral"]["minutes"] == 1.0
    assert scored["neutral"]["micro"] == {
        "false": 2,
        "per_minute": 2.0,
        "by_cause": {"blink": 1, "nothing": 1},
    }
    assert scored["micro"]["spotted"] == 1
    assert score([eventful])["neutral"] is None


def test_a_missed_movement_says_what_was_told_or_said_instead():
    performed = [truth(100, 110, 130), truth(300, 310, 330), truth(500, 510, 530)]
    refusals = [
        (50, "early"),
        (140, "a blink, nothing beside it"),
        (340, "too faint"),
        (390, "rose and did not return"),
        (700, "late"),
    ]
    spotted = [found(120, 124, 140, kind="blink")]
    causes = [r.cause for r in rows_of(video(performed, spotted, refusals=refusals)) if r.outcome == "missed"]
    assert causes == [
        "told as blink 120-124-140, IoU 0.27; a blink, nothing beside it",
        "rose and did not return",
        "nothing seen",
    ]


def test_recognition_counts_hits_with_a_class_and_strs_is_the_product():
    performed = [
        truth(100, 110, 130, label="positive"),
        truth(300, 310, 330, label="negative"),
        truth(500, 510, 530, label="surprise"),
        truth(700, 710, 730),
        truth(900, 910, 930, label="negative"),
    ]
    spotted = [
        found(100, 110, 130, label="positive"),
        found(300, 310, 330, label="positive"),
        found(500, 510, 530, label="surprise"),
        found(700, 710, 730, label="surprise"),
    ]
    scored = score([video(performed, spotted)])
    named = scored["recognition"]
    assert named["named"] == 3
    assert named["acc"] == pytest.approx(2 / 3, abs=1e-4)
    # F1: negative 0, positive 2/3, surprise 1.
    assert named["uf1"] == pytest.approx(5 / 9, abs=1e-4)
    assert scored["micro"]["f1"] == pytest.approx(8 / 9, abs=1e-4)
    # The F of mean precision 1/2 and mean recall 2/3, as MEAN and the MEGC have it.
    assert named["f1"] == pytest.approx(4 / 7, abs=1e-4)
    assert named["strs"] == pytest.approx(8 / 9 * 4 / 7, abs=1e-4)
    assert strs(0.1214, 0.6667) == pytest.approx(0.0809, abs=5e-5)  # MEAN on CAS(ME)²
    assert score([video([truth(1, 2, 9)], [])])["recognition"] is None


def test_recall_by_size_and_length():
    performed = [
        truth(100, 110, 125, amplitude_px=0.6),
        truth(300, 320, 345, amplitude_px=1.0, label="positive"),
    ]
    by = score([video(performed, [found(300, 320, 345)])])["micro_recall_by"]
    assert by["amplitude_px"] == [
        {"from": 0.5, "to": 0.8, "performed": 1, "hits": 0},
        {"from": 0.8, "to": 1.2, "performed": 1, "hits": 1},
    ]
    assert [(b["from"], b["hits"]) for b in by["seconds"]] == [(0.2, 0), (0.4, 1)]
    assert {b["label"]: b["hits"] for b in by["label"]} == {"unlabelled": 0, "positive": 1}


def test_no_video_and_an_empty_one_have_figures_without_numbers():
    assert score([])["expressions"]["f1"] is None
    assert "micro" not in score([video([], [])])


def test_the_interval_of_a_share():
    low, high = wilson(8, 10)
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(5, 5)[1] == pytest.approx(1.0)
