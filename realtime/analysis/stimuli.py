"""``apexcam analyze --markers FILE``: which stimulus was shown when in a recording."""

import csv
from dataclasses import replace
from pathlib import Path

import msgspec

from engines.delimited import rows_of
from engines.errors import InputError
from realtime.analysis.result import Analysis
from realtime.markers import Marker, Markers


def read(path: Path) -> list[Marker]:
    """The markers in a table with the columns ``s`` (seconds of the recording) or ``ms``, and ``text``, sorted by time.

    Raises InputError naming the faulty line.
    """
    try:
        rows = rows_of(path)
    except OSError as error:
        raise InputError(f"--markers {path}: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(f"--markers {path}: no table of text; give columns s and text") from None
    names = [name.strip().lower() for name in rows[0][1]] if rows else []
    unit = next((name for name in ("s", "ms") if name in names), None)
    if unit is None or "text" not in names:
        raise InputError(f"--markers {path}: the first line must name the columns s (or ms) and text")
    scale = 1e9 if unit == "s" else 1e6
    markers = []
    for line, row in rows[1:]:
        values = dict(zip(names, row, strict=False))
        try:
            at_ns = round(float(values[unit]) * scale)
            text = values["text"].strip()
        except (KeyError, ValueError, OverflowError):
            raise InputError(f"--markers {path}:{line}: expected a time in {unit} and a text") from None
        markers.append(Marker(at_ns, text))
    return sorted(markers)


def apply(analysis: Analysis, markers: list[Marker]) -> None:
    """Sets the marker that each event's onset followed, and the analysis' table of stimuli."""
    table = Markers()
    for marker in markers:
        table.add(marker)
    for number, one in enumerate(analysis.events):
        event = msgspec.structs.replace(one.event, since_marker=table.before(one.event.onset.t_ns))
        table.enter(event)
        analysis.events[number] = replace(one, event=event)
    analysis.markers, analysis.stimuli = markers, table.table()
