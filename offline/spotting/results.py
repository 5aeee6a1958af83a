"""Everything measured, as results.json and events.csv say it."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engines.inference import open_classifier
from engines.labels import CLASSES
from engines.spotting.detector import open_network
from offline.spotting.batch import code_version
from offline.spotting.early import summary
from offline.spotting.measure import Measured, Setup
from offline.spotting.megc import scores, spans_of
from offline.spotting.scoring import Row, Watched, iou, rows_of, score

SCHEMA = "apexbench.spot/1"


def watched(measured: Measured) -> Watched:
    """A measurement as scoring takes it."""
    m = measured
    return Watched(m.name, m.fps, m.frames, m.neutral, m.performed, m.found, m.refusals)


def summarise(
    measured: Sequence[Measured],
    setup: Setup,
    source: str,
    notes: Sequence[str] = (),
    *,
    by_rate: bool = True,
) -> dict[str, Any]:
    """The contents of results.json, sweep apart. ``by_rate``: metrics also for each frame rate that there is."""
    videos = [watched(m) for m in measured]
    rates = sorted({m.fps for m in measured}, reverse=True)
    groups = {"full": videos}
    if by_rate and len(rates) > 1:
        groups |= {f"{rate:g} fps": [v for v in videos if v.fps == rate] for rate in rates}
    network = open_classifier()
    return {
        "schema": SCHEMA,
        "source": source,
        "method": setup.spotting.method,
        "version": code_version(),
        "model": {"name": network.name, "sha256": network.sha256},
        "settings": msgspec.to_builtins(setup.spotting),
        "odds": _odds(setup),
        "metrics": {
            name: score(members) | {"megc": scores(*spans_of(members))} for name, members in groups.items()
        },
        "early": early(measured),
        "apex_rules": apex_rules(measured),
        "recognition_at_true_moments": at_true_moments(measured),
        "videos": [_video(m) for m in measured],
        "notes": list(notes),
    }


def early(measured: Sequence[Measured]) -> dict[str, Any]:
    """How early micro-expressions were announced, and how often rightly, see `offline.spotting.early`."""
    finals = sum(found.kind == "micro" for m in measured for found in m.found)
    return summary([(one, m.fps) for m in measured for one in m.announced], finals)


def _odds(setup: Setup) -> dict[str, Any] | None:
    """How the spotter's network says that its odds are to be read; None for methods without one."""
    if setup.spotting.method != "motion":
        return None
    path = Path(setup.spotting.model) if setup.spotting.model else None
    odds: dict[str, Any] = msgspec.to_builtins(open_network(path).odds)
    return odds


def _video(m: Measured) -> dict[str, Any]:
    rows = rows_of(watched(m))

    def count(kind: str, outcome: str) -> int:
        return sum(r.kind == kind and r.outcome == outcome for r in rows)

    kinds = {
        kind: {outcome: count(kind, outcome) for outcome in ("hit", "missed", "false")}
        for kind in ("micro", "macro", "blink")
    }
    return {
        "name": m.name,
        "fps": m.fps,
        "frames": m.frames,
        "neutral": m.neutral,
        "unseen": m.unseen,
        "ms_per_frame": m.ms_per_frame,
        **kinds,
    }


def apex_rules(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """Mean apex error of every rule over clips cut at the true onset and offset, by frame rate.

    ``streaming`` is the spotter itself, which knows neither. ``on_hits`` counts only the clips that it found.
    """
    errors: dict[tuple[float, str], list[tuple[int, bool]]] = {}
    for m in measured:
        hits = {
            (r.truth.onset, r.truth.offset): r.apex_error
            for r in rows_of(watched(m))
            if r.kind == "micro" and r.outcome == "hit" and r.truth
        }
        for clip in m.clips:
            error = hits.get((clip.onset, clip.offset))
            if error is not None:
                errors.setdefault((m.fps, "streaming"), []).append((error, True))
            for rule, off in clip.errors.items():
                errors.setdefault((m.fps, rule), []).append((off, error is not None))
    rows = []
    for (fps, rule), found in sorted(errors.items(), key=lambda item: (-item[0][0], item[0][1])):
        sizes = np.abs([error for error, _ in found])
        on_hits = [abs(error) for error, hit in found if hit]
        rows.append(
            {
                "fps": fps,
                "rule": rule,
                "clips": len(found),
                "mae_frames": round(float(sizes.mean()), 3),
                "median_frames": float(np.median(sizes)),
                "mae_ms": round(1000 * float(sizes.mean()) / fps, 2),
                "mae_frames_on_hits": round(float(np.mean(on_hits)), 3) if on_hits else None,
            }
        )
    return sorted(rows, key=lambda row: (-row["fps"], row["mae_frames"]))


def at_true_moments(measured: Sequence[Measured]) -> dict[str, Any] | None:
    """How the classifier does when it is handed the true onset and apex: what spotting cannot be blamed for."""
    named = [(c.label, c.named) for m in measured for c in m.clips if c.label is not None and c.named]
    if not named:
        return None
    right = sum(label == name for label, name in named)
    return {"clips": len(named), "acc": round(right / len(named), 4)}


_COLUMNS = (
    *("video", "fps", "kind", "outcome", "cause", "true_onset", "true_apex", "true_offset", "true_label"),
    *("amplitude_px", "action_units", "onset", "apex", "offset", "label", *(f"p_{name}" for name in CLASSES)),
    *("intensity_px", "confidence", "iou", "apex_error", "head_px", "regions", "reason"),
)


def events_csv(measured: Sequence[Measured], unanswered: str = "false") -> str:
    """One line for everything performed or spotted; frames as the videos count them.

    ``unanswered``: the outcome of what was spotted and answers nothing performed.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for m in measured:
        rows = rows_of(watched(m))
        for row in sorted(rows, key=lambda r: r.began):
            writer.writerow(_cells(row, unanswered))
    return text.getvalue()


def _cells(row: Row, unanswered: str) -> list[Any]:
    truth, found = row.truth, row.found
    performed: list[Any] = [""] * 6
    if truth is not None:
        amplitude = "" if truth.amplitude_px is None else round(truth.amplitude_px, 3)
        units = "+".join(map(str, truth.aus))
        performed = [truth.onset, truth.apex, truth.offset, truth.label, amplitude, units]
    told: list[Any] = [""] * (4 + len(CLASSES))
    more: list[Any] = [""] * 2
    if found is not None:
        odds = found.probabilities or ("",) * len(CLASSES)
        told = [found.onset, found.apex, found.offset, found.label, *odds]
        more = [found.intensity_px, found.confidence]
    both = [round(iou(truth, found), 3), row.apex_error] if truth and found else ["", ""]
    last: list[Any] = ["", "", ""]
    if found is not None:
        last = ["" if found.head_px is None else found.head_px, " | ".join(found.regions), found.reason]
    outcome = unanswered if row.outcome == "false" else row.outcome
    return [row.video, row.fps, row.kind, outcome, row.cause, *performed, *told, *more, *both, *last]
