"""Spotted intervals as the MEGC challenges score them: micro, macro and overall, counts pooled over all videos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from offline.spotting.matching import LEAST_IOU
from offline.spotting.scoring import Watched, iou, match
from offline.spotting.truth import Interval

KINDS: Final = ("micro", "macro")
# How a label is found, and what counts as a prediction:
#   official  a label is found where any prediction overlaps it enough: one prediction may find several (MEGC 2020)
#   lines     the same, and such a prediction counts once for each label, as a log has a line for each (MEGC 2021)
#   strict    one to one, the best overlaps first
COUNTINGS: Final = ("official", "lines", "strict")

Spans = Mapping[str, Sequence[Interval]]


@dataclass(frozen=True)
class Count:
    """Labels, predictions, and labels found by them."""

    labels: int
    predictions: int
    found: int

    @property
    def precision(self) -> float:
        """Found labels by predictions; 0 without any."""
        return self.found / self.predictions if self.predictions else 0.0

    @property
    def recall(self) -> float:
        """Found labels by labels; 0 without any."""
        return self.found / self.labels if self.labels else 0.0

    @property
    def f1(self) -> float:
        """2 found / (labels + predictions); 0 where there is neither."""
        return 2 * self.found / ((self.labels + self.predictions) or 1)

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.labels + other.labels, self.predictions + other.predictions, self.found + other.found
        )


@dataclass(frozen=True)
class Outcome:
    """A line of a log: a label and the prediction that finds it ("TP"), or one of them alone ("FN", "FP")."""

    label: Interval | None
    prediction: Interval | None

    @property
    def word(self) -> str:
        """TP, FP or FN."""
        if self.label is None:
            return "FP"
        return "FN" if self.prediction is None else "TP"


def spans_of(videos: Sequence[Watched]) -> tuple[dict[str, list[Interval]], dict[str, list[Interval]]]:
    """Labels and predictions by video, micro and macro alone; neutral videos have no labels and are left out."""
    scored = [video for video in videos if not video.neutral]
    labels = {v.name: [one for one in v.performed if one.kind in KINDS] for v in scored}
    predictions = {
        v.name: [Interval(one.kind, one.onset, one.apex, one.offset) for one in v.found if one.kind in KINDS]
        for v in scored
    }
    return labels, predictions


def outcomes(labels: Sequence[Interval], predictions: Sequence[Interval], strict: bool) -> list[Outcome]:
    """What came of the labels and predictions of one kind in one video: each label once, in its order, then the
    predictions that found none. ``strict``: each prediction finds one label at most, the best overlaps first.
    """
    if strict:
        finds = match(labels, predictions)
    else:
        finds = {}
        for i, label in enumerate(labels):
            overlaps = [(iou(label, prediction), -k) for k, prediction in enumerate(predictions)]
            best = max(overlaps, default=(0.0, 0))
            if best[0] >= LEAST_IOU:
                finds[i] = -best[1]
    answers = set(finds.values())
    alone = [prediction for k, prediction in enumerate(predictions) if k not in answers]
    return [
        *(Outcome(label, predictions[finds[i]] if i in finds else None) for i, label in enumerate(labels)),
        *(Outcome(None, prediction) for prediction in alone),
    ]


def count(labels: Spans, predictions: Spans, kind: str, counting: str) -> Count:
    """Counts of one kind of expression over all videos, by one of `COUNTINGS`."""
    total = Count(0, 0, 0)
    for video in dict.fromkeys((*labels, *predictions)):
        true = [label for label in labels.get(video, ()) if label.kind == kind]
        told = [prediction for prediction in predictions.get(video, ()) if prediction.kind == kind]
        lines = outcomes(true, told, counting == "strict")
        found = sum(line.word == "TP" for line in lines)
        alone = sum(line.word == "FP" for line in lines)
        total += Count(len(true), found + alone if counting == "lines" else len(told), found)
    return total


def scores(labels: Spans, predictions: Spans) -> dict[str, Any]:
    """For each of `COUNTINGS`, of micro, macro and both ("overall"): labels, predictions, found, precision, recall and
    f1, to four places. A kind that is neither labelled nor predicted is left out.
    """
    out: dict[str, Any] = {}
    for counting in COUNTINGS:
        each = {kind: count(labels, predictions, kind, counting) for kind in KINDS}
        each = {kind: counted for kind, counted in each.items() if counted.labels or counted.predictions}
        each["overall"] = sum(each.values(), Count(0, 0, 0))
        out[counting] = {
            kind: {
                "labels": counted.labels,
                "predictions": counted.predictions,
                "found": counted.found,
                "precision": round(counted.precision, 4),
                "recall": round(counted.recall, 4),
                "f1": round(counted.f1, 4),
            }
            for kind, counted in each.items()
        }
    return out
