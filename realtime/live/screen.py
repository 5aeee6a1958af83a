"""What a live run shows: a table that lives in a terminal, plain lines in a pipe or a log."""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from realtime import messages
from realtime.processes.wire import Truth

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class View:
    """The numbers of this moment, one entry a camera."""

    phase: str
    uptime_s: float
    health: list[messages.Health]
    states: list[messages.State | None]
    score: list[dict[str, Any] | None]


class Screen(Protocol):
    """Where a live run shows itself."""

    def say(self, text: str) -> None:
        """One line that stays."""

    def event(self, event: messages.Event, truth: tuple[Truth, float] | None, *, rendered: bool) -> None:
        """A published event and, where the source knows it, the truth it overlaps most and the IoU."""

    def early(self, event: messages.Event) -> None:
        """A provisional event, or one that is withdrawn."""

    def show(self, view: View) -> None:
        """The numbers of this moment."""

    def summary(self, report: dict[str, Any], written: Path | None) -> None:
        """The end."""

    def close(self) -> None:
        """Gives the terminal back; may be called twice."""


def open_screen(cameras: int = 1) -> Screen:
    """A live table on a terminal, else plain lines."""
    if not sys.stdout.isatty():
        return PlainLines(several=cameras > 1)
    from realtime.live.live_table import LiveTable

    return LiveTable()


def event_line(event: messages.Event, truth: tuple[Truth, float] | None, *, rendered: bool) -> str:
    """One event in one line."""
    fields = [
        f"{event.kind:<5}",
        f"frames {event.onset.frame}-{event.apex.frame}-{event.offset.frame}",
        name_of(event),
        f"{event.intensity_px:.2f} px",
        f"{event.latency_ms.get('total', 0.0):.0f} ms after apex",
    ]
    if event.since_marker is not None:
        fields.append(f"{event.since_marker.ms:.0f} ms after {event.since_marker.text}")
    if event.frames_lost:
        fields.append(f"{event.frames_lost} frames lost")
    if rendered:
        fields.append(truth_of(truth))
    return "  ".join(fields)


def name_of(event: messages.Event) -> str:
    """The label and its probability, or why there is none."""
    if event.label is not None:
        return f"{event.label} {event.probabilities.get(event.label, 0.0):.2f}"
    if event.abstained and event.probabilities:
        best = max(event.probabilities, key=lambda name: event.probabilities[name])
        return f"not named ({best} {event.probabilities[best]:.2f})"
    return "-"


def truth_of(truth: tuple[Truth, float] | None) -> str:
    """The rendered movement in words."""
    if truth is None:
        return "truth: nothing there"
    one, iou = truth
    what = f"{one.kind} {one.label}" if one.label else one.kind
    return f"truth: {what} {one.onset}-{one.apex}-{one.offset} (IoU {iou:.2f})"


def summary_lines(report: dict[str, Any], written: Path | None) -> list[str]:
    """The end of a run in a few lines."""
    lines = [f"ended: {report['ended']} after {report['seconds']:.0f} s, {report['restarts']} restarts"]
    for one in report.get("cameras", [report]):
        frames, latency, events = one["frames"], one["latency_ms"], one["events"]
        lines.append(
            f"{one['camera']}: {frames['captured']} frames at {one['fps']['delivered']:g} fps, lost "
            f"{frames['lost_driver']} by the driver, {frames['lost_ring']} by the ring; watched within "
            f"{latency['capture_to_watched']['p99']:.1f} ms (p99), published "
            f"{latency['apex_to_published']['p50']:.0f} ms after the apex (median)"
        )
        lines.append("  " + ", ".join(f"{count} {kind}" for kind, count in events.items()))
        if truth := one.get("truth"):
            lines.append(
                f"  of {truth['rendered']} rendered micro-expressions {truth['found']} found, "
                f"{truth['right_label']} named right; {truth['false_micro']} false"
            )
        if one["problem"]:
            lines.append(f"  {one['problem']}")
    if written is not None:
        lines.append(f"report: {written}")
    return lines


class PlainLines:
    """One line an event, each flushed, for pipes and logs; with its camera where there are ``several``."""

    def __init__(self, several: bool = False) -> None:
        self._several = several
        self._mute = False

    def say(self, text: str) -> None:
        """See `Screen`."""
        if self._mute:
            return
        try:
            print(text, flush=True)
        except OSError:
            # Whoever read this has gone; the run goes on.
            self._mute = True

    def event(self, event: messages.Event, truth: tuple[Truth, float] | None, *, rendered: bool) -> None:
        """See `Screen`."""
        who = f"{event.camera}  " if self._several else ""
        self.say(who + event_line(event, truth, rendered=rendered))

    def early(self, event: messages.Event) -> None:
        """See `Screen`: what is not final is no line."""

    def show(self, view: View) -> None:
        """See `Screen`."""

    def summary(self, report: dict[str, Any], written: Path | None) -> None:
        """See `Screen`."""
        for line in summary_lines(report, written):
            self.say(line)

    def close(self) -> None:
        """See `Screen`."""
        if self._mute:
            # The interpreter would complain about the broken pipe when it flushes at exit.
            with contextlib.suppress(OSError, ValueError):
                sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115, PTH123
