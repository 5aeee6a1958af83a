"""events.csv: one row for each event. A new column goes into `COLUMNS` and `row`."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

from engines.labels import CLASSES
from realtime import messages

_MOMENTS: Final = ("onset", "apex", "offset")
COLUMNS: Final = (
    *("event_id", "camera", "face", "kind"),
    *(f"{name}_{unit}" for name in _MOMENTS for unit in ("frame", "s")),
    "label",
    *(f"p_{name}" for name in CLASSES),
    *("abstained", "confidence", "intensity_px", "frames_lost", "fps", "reason"),
    *("since_marker", "since_marker_ms"),
)


def row(event: messages.Event) -> list[Any]:
    """The values of `COLUMNS` for an event; times are seconds of the source."""
    times: list[Any] = []
    for moment in (event.onset, event.apex, event.offset):
        times += [moment.frame, f"{moment.t_ns / 1e9:.6f}"]
    marker = event.since_marker
    return [
        *(event.event_id, event.camera, event.face, event.kind),
        *times,
        event.label or "",
        *(event.probabilities.get(name, "") for name in CLASSES),
        *(
            int(event.abstained),
            event.confidence,
            event.intensity_px,
            event.frames_lost,
            event.fps,
            event.reason,
        ),
        *(("", "") if marker is None else (marker.text, marker.ms)),
    ]


def lines(rows: Sequence[Sequence[Any]]) -> str:
    """The rows as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def table(events: Sequence[messages.Event]) -> str:
    """The whole of events.csv."""
    return lines([COLUMNS, *map(row, events)])
