"""Texts of the page: the state of the face, kinds of events, groups of regions, times."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from realtime import messages

# Tone and title; the detail is the watcher's reason.
_FACE: Final = {
    "lost": ("wait", "No face in the picture"),
    "small": ("wait", "Come closer"),
    "turned": ("wait", "Look towards the camera"),
    "covered": ("wait", "The face is partly hidden"),
    "settling": ("calm", "Learning the face at rest"),
}
_SOURCE: Final = {
    "starting": ("calm", "Starting", "loading models and opening the camera"),
    "source lost": ("alarm", "The camera is gone", "waiting for it to come back"),
    "ending": ("calm", "Ending", "apexcam is finishing its work"),
}
KINDS: Final = {"micro": "Micro-expression", "macro": "Macro-expression", "blink": "Blink"}
_LANES: Final = (
    ("Brows", ("brow", "glabella", "eye")),
    ("Nose", ("nose",)),
    ("Cheeks", ("cheek",)),
    ("Mouth", ("mouth", "lip", "chin", "jaw")),
)


def for_picture(
    state: messages.State | None, health: messages.Health | None, *, silent: bool
) -> tuple[str, str, str] | None:
    """The notice over the picture: tone, title, detail; None if all is well."""
    if silent:
        return "alarm", "No data from the camera", "apexcam is restarting it, or has ended"
    if health is not None and health.status in _SOURCE:
        return _SOURCE[health.status]
    if state is None:
        return "calm", "Waiting for the camera", ""
    if any(face.status == "ok" for face in state.faces):
        return None
    if not state.faces or state.faces[0].status == "lost":
        return (*_FACE["lost"], "")
    face = state.faces[0]
    tone, title = _FACE[face.status]
    return tone, title, "" if face.reason.lower() in (title.lower(), face.status) else face.reason


def lanes(names: Sequence[str]) -> tuple[list[tuple[str, list[str]]], list[int]]:
    """The lanes of the curves with their regions, and the indices that bring a state's regions into that order."""
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        lane = next(
            (lane for lane, stems in _LANES if name.startswith(stems) or name.endswith(stems)), "Face"
        )
        groups.setdefault(lane, []).append(i)
    known = [lane for lane, _ in _LANES]
    ordered = sorted(groups, key=lambda lane: known.index(lane) if lane in known else len(known))
    order = [i for lane in ordered for i in groups[lane]]
    return [(lane, [names[i] for i in groups[lane]]) for lane in ordered], order


def clock(moment: messages.Moment) -> str:
    """The local time of day of a moment, or its time in the file."""
    if moment.wall is not None:
        try:
            at = datetime.fromisoformat(moment.wall)
        except ValueError:
            at = None
        if at is not None:
            at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone()
            return at.strftime("%H:%M:%S.") + f"{at.microsecond // 1000:03d}"
    seconds, ms = divmod(moment.t_ns // 1_000_000, 1000)
    return f"{seconds // 60:02d}:{seconds % 60:02d}.{ms:03d}"


def milliseconds(first: messages.Moment, last: messages.Moment) -> float:
    """The milliseconds from one moment to the other, by the source's clock."""
    return (last.t_ns - first.t_ns) / 1e6


def span(ms: float) -> str:
    """A duration as text: ``84 ms``, ``1.42 s``."""
    return f"{ms:.0f} ms" if abs(ms) < 1000 else f"{ms / 1000:.2f} s"
