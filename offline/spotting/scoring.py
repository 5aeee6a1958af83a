"""What was spotted against what was performed: matched intervals, and every figure that follows from them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from engines.labels import CLASSES
from offline.metrics import score as score_classes
from offline.spotting.matching import LEAST_IOU, one_to_one, overlap
from offline.spotting.truth import PERFORMED, SPOTTED, Found, Interval

# A false alarm this soon before or after something performed is blamed on it.
_NEAR_S = 0.15
# A head that travels farther than this (pixels of the frame) during a false alarm is blamed for it.
_SWAYED_PX = 1.5


def iou(a: Interval | Found, b: Interval | Found) -> float:
    """Intersection over union of two sets of frames, both ends included (MEGC 2019-2022)."""
    return overlap((a.onset, a.offset + 1), (b.onset, b.offset + 1))


def match(
    truths: Sequence[Interval], found: Sequence[Interval | Found], least: float = LEAST_IOU
) -> dict[int, int]:
    """Which of ``found`` (value) answers which of ``truths`` (key): one to one, the best overlaps first."""
    overlaps = sorted((-iou(t, f), i, k) for i, t in enumerate(truths) for k, f in enumerate(found))
    return one_to_one((i, k) for worse, i, k in overlaps if -worse >= least)


@dataclass(frozen=True)
class Row:
    """One line of events.csv: something performed, spotted, or both.

    ``outcome``: hit, missed, false. ``cause`` of what is false: what was performed then; of what is missed: what the
    spotter said then.
    """

    video: str
    fps: float
    kind: str
    outcome: str
    truth: Interval | None
    found: Found | None
    cause: str

    @property
    def began(self) -> int:
        """The true onset, or the spotted one of what is false."""
        at = self.truth or self.found
        return at.onset if at else 0

    @property
    def apex_error(self) -> int | None:
        """Frames from the true to the spotted apex; None where either is unknown."""
        if self.truth is None or self.found is None or self.truth.apex is None:
            return None
        return self.found.apex - self.truth.apex


@dataclass(frozen=True)
class Watched:
    """A video with what was performed and what was spotted, ready to be scored. ``refusals``: (frame, words)."""

    name: str
    fps: float
    frames: int
    neutral: bool
    performed: Sequence[Interval]
    found: Sequence[Found]
    refusals: Sequence[tuple[int, str]] = ()


def rows_of(video: Watched) -> list[Row]:
    """Everything performed and spotted in a video, each once, kind by kind."""
    rows: list[Row] = []
    for kind in SPOTTED:
        truths = [t for t in video.performed if t.kind == kind]
        found = [f for f in video.found if f.kind == kind]
        answers = match(truths, found)
        for i, truth in enumerate(truths):
            if i in answers:
                rows.append(Row(video.name, video.fps, kind, "hit", truth, found[answers[i]], ""))
            else:
                rows.append(Row(video.name, video.fps, kind, "missed", truth, None, why_missed(video, truth)))
        for k in sorted(set(range(len(found))) - set(answers.values())):
            cause = why_false(found[k], video.performed, video.fps)
            rows.append(Row(video.name, video.fps, kind, "false", None, found[k], cause))
    return rows


def why_false(found: Found, performed: Iterable[Interval], fps: float) -> str:
    """What was performed during a false alarm, or just before or after: a kind, sway or nothing."""
    for margin in (0, round(_NEAR_S * fps)):
        first, last = found.onset - margin, found.offset + margin
        touching = [
            (min(last, t.offset) - max(first, t.onset), -PERFORMED.index(t.kind), t.kind)
            for t in performed
            if t.onset <= last and t.offset >= first
        ]
        if touching:
            return max(touching)[2]
    if found.head_px is not None and found.head_px >= _SWAYED_PX:
        return "sway"
    return "nothing"


def why_missed(video: Watched, truth: Interval) -> str:
    """What was spotted instead, and the spotter's last reason while it could still have spotted the truth."""
    told = max((f for f in video.found), key=lambda f: iou(truth, f), default=None)
    until = truth.offset + 0.75 * video.fps
    said = [words for frame, words in video.refusals if truth.onset < frame <= until and words][-1:]
    if told is not None and iou(truth, told) > 0:
        said.insert(
            0, f"told as {told.kind} {told.onset}-{told.apex}-{told.offset}, IoU {iou(truth, told):.2f}"
        )
    return "; ".join(said) or "nothing seen"


def score(videos: Sequence[Watched]) -> dict[str, Any]:
    """All figures of some videos together, counts pooled; None where there is nothing to count.

    What is spotted on neutral videos counts under ``neutral`` alone: how many there are is a choice of the user.
    """
    rows = [row for video in videos if not video.neutral for row in rows_of(video)]
    return {
        "videos": len(videos),
        "minutes": round(sum(v.frames / v.fps for v in videos) / 60, 3),
        **{kind: _kind(rows, kind) for kind in SPOTTED if any(r.kind == kind for r in rows)},
        "expressions": _pooled(rows),
        "neutral": _neutral(videos),
        "recognition": recognition(rows),
        "micro_recall_by": {
            "amplitude_px": _recall_by(
                rows, lambda t: t.amplitude_px, (0, 0.5, 0.8, 1.2, 1.6, 2.0, 2.6, np.inf)
            ),
            "seconds": _recall_by(rows, None, (0, 0.2, 0.3, 0.4, 0.5, np.inf)),
            "label": _recall_by_label(rows),
        },
    }


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _f1(hits: int, truths: int, found: int) -> float | None:
    return _share(2 * hits, truths + found)


def _kind(rows: Sequence[Row], kind: str) -> dict[str, Any]:
    of_kind = [r for r in rows if r.kind == kind]
    hits = [r for r in of_kind if r.outcome == "hit"]
    truths, found = sum(r.truth is not None for r in of_kind), sum(r.found is not None for r in of_kind)
    out: dict[str, Any] = {
        "performed": truths,
        "spotted": found,
        "hits": len(hits),
        "precision": _share(len(hits), found),
        "recall": _share(len(hits), truths),
        "f1": _f1(len(hits), truths, found),
        "false_by": dict(Counter(r.cause for r in of_kind if r.outcome == "false").most_common()),
    }
    return out | _apex(hits) | {"asr": _asr(of_kind)}


def _pooled(rows: Sequence[Row]) -> dict[str, Any]:
    """Micro- and macro-expressions together, each matched within its kind (MEGC 2020-2022, overall)."""
    both = [r for r in rows if r.kind in ("micro", "macro")]
    hits = sum(r.outcome == "hit" for r in both)
    truths, found = sum(r.truth is not None for r in both), sum(r.found is not None for r in both)
    return {"performed": truths, "spotted": found, "hits": hits, "f1": _f1(hits, truths, found)}


def _apex(hits: Sequence[Row]) -> dict[str, Any]:
    known = [(abs(r.apex_error), r.fps) for r in hits if r.apex_error is not None]
    if not known:
        return {"apex_mae_frames": None, "apex_mae_ms": None, "onset_mae_ms": None, "offset_mae_ms": None}

    def ms(name: str) -> float:
        return float(
            np.mean([1000 * abs(getattr(r.found, name) - getattr(r.truth, name)) / r.fps for r in hits])
        )

    return {
        "apex_mae_frames": round(float(np.mean([frames for frames, _ in known])), 3),
        "apex_mae_ms": round(float(np.mean([1000 * frames / fps for frames, fps in known])), 2),
        "onset_mae_ms": round(ms("onset"), 2),
        "offset_mae_ms": round(ms("offset"), 2),
    }


def _asr(rows: Sequence[Row]) -> float | None:
    """Apex spotting rate: the share of true intervals that hold the apex of something spotted, one to one."""
    videos: dict[str, tuple[list[Interval], list[int]]] = {}
    for row in rows:
        truths, apexes = videos.setdefault(row.video, ([], []))
        truths.extend([row.truth] if row.truth else [])
        apexes.extend([row.found.apex] if row.found else [])
    inside = total = 0
    for truths, apexes in videos.values():
        total += len(truths)
        # The interval that ends first takes the earliest apex in it: the most intervals are served.
        by_end, by_time = sorted(truths, key=lambda t: t.offset), sorted(apexes)
        inside += len(
            one_to_one(
                (i, k)
                for i, truth in enumerate(by_end)
                for k, apex in enumerate(by_time)
                if truth.onset <= apex <= truth.offset
            )
        )
    return _share(inside, total)


def _neutral(videos: Sequence[Watched]) -> dict[str, Any] | None:
    """False alarms a minute on videos without micro-expressions, by what was performed, and per performance."""
    neutral = [v for v in videos if v.neutral]
    if not neutral:
        return None
    minutes = sum(v.frames / v.fps for v in neutral) / 60
    performed = Counter(t.kind for v in neutral for t in v.performed)
    out: dict[str, Any] = {"minutes": round(minutes, 3), "performed": dict(performed.most_common())}
    for kind in ("micro", "macro"):
        false = [r for v in neutral for r in rows_of(v) if r.kind == kind and r.outcome == "false"]
        out[kind] = {
            "false": len(false),
            "per_minute": _share(len(false), minutes),
            "by_cause": dict(Counter(r.cause for r in false).most_common()),
        }
    return out


def recognition(rows: Sequence[Row]) -> dict[str, Any] | None:
    """How hits were classified (accuracy, UF1, F1), and STRS: F1 of spotting by that of recognition over the hits.

    That F1 is the F of mean precision and mean recall, as MEAN (Liong et al., 2023) and the MEGC have it.
    """
    micro = [r for r in rows if r.kind == "micro"]
    named = [
        (CLASSES.index(r.truth.label), CLASSES.index(r.found.label))
        for r in micro
        if r.truth and r.found and r.truth.label in CLASSES and r.found.label in CLASSES
    ]
    if not named:
        return None
    scores = score_classes(
        np.array([t for t, _ in named]), np.array([p for _, p in named]), classes=len(CLASSES)
    )
    hits = sum(r.outcome == "hit" for r in micro)
    f1 = _f1(hits, sum(r.truth is not None for r in micro), sum(r.found is not None for r in micro)) or 0.0
    return {
        "named": len(named),
        "acc": round(scores.acc, 4),
        "uf1": round(scores.uf1, 4),
        "f1": round(scores.f1, 4),
        "confusion": scores.confusion.tolist(),
        "strs": round(strs(f1, scores.f1), 4),
    }


def strs(spotting_f1: float, recognition_f1: float) -> float:
    """Spot-then-recognise score: the product of both. MEAN on CAS(ME)²: .1214 x .6667 = .0809."""
    return spotting_f1 * recognition_f1


def _recall_by(rows: Sequence[Row], value: Any, edges: Sequence[float]) -> list[dict[str, Any]]:
    """Recall of micro-expressions in bins of a value of their truth; None is their length in seconds."""
    micro = [r for r in rows if r.kind == "micro" and r.truth is not None]
    sized = [
        (
            (r.truth.offset - r.truth.onset) / r.fps if value is None else value(r.truth),
            r.outcome == "hit",
        )
        for r in micro
        if r.truth is not None
    ]
    out = []
    for low, high in pairwise(edges):
        inside = [hit for size, hit in sized if size is not None and low <= size < high]
        if inside:
            top = None if np.isinf(high) else high
            out.append({"from": low, "to": top, "performed": len(inside), "hits": sum(inside)})
    return out


def _recall_by_label(rows: Sequence[Row]) -> list[dict[str, Any]]:
    micro = [r for r in rows if r.kind == "micro" and r.truth is not None]
    labels = sorted({r.truth.label or "unlabelled" for r in micro if r.truth})
    out = []
    for label in labels:
        inside = [r.outcome == "hit" for r in micro if r.truth and (r.truth.label or "unlabelled") == label]
        out.append({"label": label, "performed": len(inside), "hits": sum(inside)})
    return out
