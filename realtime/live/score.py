"""A run's events against the movements that the demo knows it has rendered."""

import bisect
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any, Final

from realtime.messages import Event
from realtime.processes.wire import Truth

MATCH_IOU: Final = 0.5


def overlap(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Intersection over union of two intervals of frames, both ends included."""
    both = min(first[1], second[1]) - max(first[0], second[0]) + 1
    if both <= 0:
        return 0.0
    return both / (max(first[1], second[1]) - min(first[0], second[0]) + 1)


def match(events: Sequence[Event], truths: Sequence[Truth]) -> list[tuple[int, int, float]]:
    """Pairs (event, truth, IoU), the best overlap first, each used once, IoU at least 0.5."""
    order = sorted(range(len(truths)), key=lambda j: truths[j].onset)
    onsets = [truths[j].onset for j in order]
    longest = max((truth.offset - truth.onset for truth in truths), default=0)
    pairs = []
    for i, event in enumerate(events):
        first = bisect.bisect_left(onsets, event.onset.frame - longest)
        for j in order[first : bisect.bisect_right(onsets, event.offset.frame)]:
            iou = overlap((event.onset.frame, event.offset.frame), (truths[j].onset, truths[j].offset))
            pairs.append((iou, i, j))
    taken_events: set[int] = set()
    taken_truths: set[int] = set()
    matched = []
    for iou, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if iou >= MATCH_IOU and i not in taken_events and j not in taken_truths:
            taken_events.add(i)
            taken_truths.add(j)
            matched.append((i, j, iou))
    return matched


class Score:
    """How a run does on rendered micro-expressions; memory and work do not grow with its length.

    Of the micro-expressions that were over by the last frame: ``found`` (IoU of the intervals at least 0.5),
    ``right_label`` (found and named right), ``abstained``, ``missed`` (the last ones, `MISSED_KEPT` at most).
    ``false_micro`` counts published micro-expressions that match none.
    """

    MISSED_KEPT: Final = 500

    def __init__(self, settle_frames: int = 4000) -> None:
        self._settle_frames = settle_frames
        self._events: list[Event] = []
        self._truths: list[Truth] = []
        self._sums: Counter[str] = Counter()
        self._iou = self._apex_error = 0.0
        self._missed: deque[Truth] = deque(maxlen=self.MISSED_KEPT)

    def add_event(self, event: Event) -> None:
        """A published event; other kinds than micro do not count."""
        if event.kind == "micro":
            self._events.append(event)

    def add_truths(self, truths: Sequence[Truth]) -> None:
        """Rendered movements; other kinds than micro do not count."""
        self._truths.extend(truth for truth in truths if truth.kind == "micro")

    def settle(self, last_frame: int) -> None:
        """Forgets what is so old that nothing more can match it, and keeps its counts."""
        before = last_frame - self._settle_frames
        if not any(truth.offset < before for truth in self._truths[:1]) and len(self._events) < 200:
            return
        matched = match(self._events, self._truths)
        of_truth = {j: (i, iou) for i, j, iou in matched}
        of_event = {i for i, _, _ in matched}
        old = [j for j, truth in enumerate(self._truths) if truth.offset < before]
        gone = {of_truth[j][0] for j in old if j in of_truth}
        gone |= {
            i for i, event in enumerate(self._events) if i not in of_event and event.offset.frame < before
        }
        self._count(old, of_truth, self._sums, self._missed)
        self._iou += sum(of_truth[j][1] for j in old if j in of_truth)
        self._apex_error += sum(self._error(of_truth[j][0], j) for j in old if j in of_truth)
        self._sums["events"] += len(gone)
        self._events = [event for i, event in enumerate(self._events) if i not in gone]
        self._truths = [truth for j, truth in enumerate(self._truths) if j not in set(old)]

    def _error(self, i: int, j: int) -> int:
        return abs(self._events[i].apex.frame - self._truths[j].apex)

    def _count(
        self,
        over: Sequence[int],
        of_truth: dict[int, tuple[int, float]],
        sums: Counter[str],
        missed: deque[Truth],
    ) -> None:
        for j in over:
            sums["rendered"] += 1
            if j not in of_truth:
                missed.append(self._truths[j])
                continue
            event = self._events[of_truth[j][0]]
            sums["found"] += 1
            sums["right_label"] += event.label == self._truths[j].label
            sums["abstained"] += event.abstained

    def summary(self, last_frame: int) -> dict[str, Any]:
        """The score so far."""
        matched = match(self._events, self._truths)
        of_truth = {j: (i, iou) for i, j, iou in matched}
        over = [j for j, truth in enumerate(self._truths) if truth.offset <= last_frame]
        sums, missed = self._sums.copy(), self._missed.copy()
        self._count(over, of_truth, sums, missed)
        iou = self._iou + sum(of_truth[j][1] for j in over if j in of_truth)
        error = self._apex_error + sum(self._error(of_truth[j][0], j) for j in over if j in of_truth)
        found = sums["found"]
        return {
            "rendered": sums["rendered"],
            "found": found,
            "right_label": sums["right_label"],
            "abstained": sums["abstained"],
            # A micro-expression still going on when the run ended is neither found nor false.
            "false_micro": sums["events"] - self._sums["found"] + len(self._events) - len(matched),
            "mean_iou": round(iou / found, 3) if found else None,
            "mean_apex_error_frames": round(error / found, 2) if found else None,
            "missed": [
                {
                    "label": truth.label,
                    "onset": truth.onset,
                    "apex": truth.apex,
                    "offset": truth.offset,
                    "amplitude_px": round(truth.amplitude_px, 2),
                }
                for truth in missed
            ],
        }


def best_truth(event: Event, truths: Sequence[Truth]) -> tuple[Truth, float] | None:
    """The rendered movement of any kind that overlaps an event most, and the IoU."""
    best: tuple[Truth, float] | None = None
    for truth in truths:
        iou = overlap((event.onset.frame, event.offset.frame), (truth.onset, truth.offset))
        if iou > 0 and (best is None or iou > best[1]):
            best = (truth, iou)
    return best
