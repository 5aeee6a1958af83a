"""events.eaf: the events as annotations for ELAN (EAF 3.0), one tier for each kind and face."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as Tree

from realtime import messages
from realtime.markers import Marker

_KINDS: Final = ("micro", "macro", "blink")
_MEDIA: Final = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".mpg": "video/mpeg",
}
_STEREOTYPES: Final = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps allowed",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are allowed",
}


_MARKERS: Final = "markers"
_MARKER_MS: Final = 200


def document(
    events: Sequence[messages.Event], *, date: str, media: Path | None = None, markers: Sequence[Marker] = ()
) -> bytes:
    """The annotation document as XML in UTF-8.

    ``date`` is ISO-8601 with a time zone, ``media`` the video that ELAN opens with it. Times are milliseconds of the
    recording. Annotations of a tier never overlap: each begins at the earliest where the one before ends.
    """
    root = Tree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "apexcam",
            "DATE": date,
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
        },
    )
    header = Tree.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    if media is not None:
        Tree.SubElement(
            header,
            "MEDIA_DESCRIPTOR",
            MEDIA_URL=media.absolute().as_uri(),
            MIME_TYPE=_MEDIA.get(media.suffix.lower(), "unknown"),
        )
    rows = [*_rows(events), *_marker_rows(markers)]
    Tree.SubElement(header, "PROPERTY", NAME="lastUsedAnnotationId").text = str(len(rows))
    times = sorted({(ms, 2 * n + end) for n, row in enumerate(rows) for end, ms in enumerate(row[1:3])})
    slots = {place: f"ts{number}" for number, (_, place) in enumerate(times, start=1)}
    order = Tree.SubElement(root, "TIME_ORDER")
    for ms, place in times:
        Tree.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slots[place], TIME_VALUE=str(ms))
    faces = sorted({event.face for event in events}) or [0]
    for tier in (*(_tier(kind, face) for face in faces for kind in _KINDS), *(_MARKERS,) * bool(markers)):
        element = Tree.SubElement(root, "TIER", LINGUISTIC_TYPE_REF="movement", TIER_ID=tier)
        for n, (row_tier, _, _, value) in enumerate(rows):
            if row_tier == tier:
                annotation = Tree.SubElement(
                    Tree.SubElement(element, "ANNOTATION"),
                    "ALIGNABLE_ANNOTATION",
                    ANNOTATION_ID=f"a{n + 1}",
                    TIME_SLOT_REF1=slots[2 * n],
                    TIME_SLOT_REF2=slots[2 * n + 1],
                )
                Tree.SubElement(annotation, "ANNOTATION_VALUE").text = value
    Tree.SubElement(
        root,
        "LINGUISTIC_TYPE",
        GRAPHIC_REFERENCES="false",
        LINGUISTIC_TYPE_ID="movement",
        TIME_ALIGNABLE="true",
    )
    for name, description in _STEREOTYPES.items():
        Tree.SubElement(root, "CONSTRAINT", DESCRIPTION=description, STEREOTYPE=name)
    Tree.indent(root)
    return bytes(Tree.tostring(root, encoding="UTF-8", xml_declaration=True)) + b"\n"


def _tier(kind: str, face: int) -> str:
    return kind if face == 0 else f"{kind} face {face}"


def _marker_rows(markers: Sequence[Marker]) -> list[tuple[str, int, int, str]]:
    """The annotations of markers: long enough to be visible in ELAN, but at most until the next one."""
    begins = [round(marker.at_ns / 1e6) for marker in markers]
    ends = [*begins[1:], math.inf][: len(begins)]
    return [
        (_MARKERS, begin, max(begin + 1, int(min(begin + _MARKER_MS, end))), marker.text)
        for marker, begin, end in zip(markers, begins, ends, strict=False)  # no marker, no end
    ]


def _rows(events: Sequence[messages.Event]) -> list[tuple[str, int, int, str]]:
    """Tier, begin and end in milliseconds, and value of each annotation."""
    rows: list[tuple[str, int, int, str]] = []
    ends: dict[str, int] = {}
    for event in sorted(events, key=lambda one: one.onset.t_ns):
        tier = _tier(event.kind, event.face)
        begin = max(round(event.onset.t_ns / 1e6), ends.get(tier, 0))
        end = max(round(event.offset.t_ns / 1e6), begin + 1)
        ends[tier] = end
        value = event.label or ("not named" if event.kind == "micro" else event.kind)
        if event.label in event.probabilities:
            value += f" {event.probabilities[event.label]:.2f}"
        rows.append((tier, begin, end, f"{value}, apex {event.apex.t_ns / 1e6:.0f} ms"))
    return rows
