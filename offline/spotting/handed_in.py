"""`apexbench spot --intervals`: anybody's intervals scored as the MEGC challenges score them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.errors import InputError
from engines.files import write_bytes
from offline.datasets.long_tables import open_labels
from offline.spotting.megc import scores
from offline.spotting.megc_files import read_intervals, video_key, write_intervals
from offline.spotting.truth import Interval

SCHEMA = "apexbench.spot.intervals/1"


def score_intervals(intervals: Path, data: Path | None, layout: str | None, out: Path) -> dict[str, Any]:
    """Score the intervals in a folder (see `read_intervals`) and write results.json and the logs of MEGC into ``out``.

    Labels are those of the table in ``data``, whose images are not needed; without it those of the logs themselves.
    Raises InputError where there are none.
    """
    if intervals.is_dir() and out.resolve().is_relative_to(intervals.resolve()):
        raise InputError(f"--out {out}: lies in the folder of the intervals; give another place")
    told = read_intervals(intervals)
    notes: list[str] = []
    if data is not None:
        found = open_labels(data, layout)
        source, notes = found.layout, list(found.notes)
        labels = {
            video_key(video): [Interval(one.kind, one.onset, one.apex, one.offset) for one in rows]
            for video, rows in found.rows.items()
        }
        strangers = sorted(set(told.predictions) - set(labels))
        if strangers:
            notes.append(
                f"{len(strangers)} videos are not in the table, their predictions count as false: "
                f"{', '.join(strangers[:5])}{' ...' * (len(strangers) > 5)}"
            )
    elif any(told.labels.values()):
        source, labels = "the logs' own labels", told.labels
    else:
        raise InputError(
            f"{intervals} holds predictions and no labels: give --data DIR, the database's folder with its table"
        )
    results = {
        "schema": SCHEMA,
        "source": source,
        "intervals": str(intervals),
        "videos": len(set(labels) | set(told.predictions)),
        "megc": scores(labels, told.predictions),
        "notes": notes,
    }
    _write(results, labels, told.predictions, out)
    return results


def _write(
    results: dict[str, Any],
    labels: Mapping[str, Sequence[Interval]],
    predictions: Mapping[str, Sequence[Interval]],
    out: Path,
) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_bytes(out / "results.json", (json.dumps(results, indent=1) + "\n").encode())
        write_intervals(labels, predictions, out)
    except OSError as error:
        raise InputError(f"cannot write to {out}: {error.strerror or error}") from None


def lines(results: dict[str, Any]) -> list[dict[str, Any]]:
    """The results as rows of a table for the terminal."""
    return [
        {"counting": counting, "kind": kind, **figures}
        for counting, kinds in results["megc"].items()
        for kind, figures in kinds.items()
    ]
