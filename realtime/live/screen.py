"""What a live run shows: a table that lives in a terminal, plain lines in a pipe or a log."""

import contextlib
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from realtime import messages
from realtime.processes.wire import Truth

if TYPE_CHECKING:
    from rich.console import Console


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
    return LiveTable() if sys.stdout.isatty() else PlainLines(several=cameras > 1)


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


_COLOUR = {"negative": "red", "positive": "green", "surprise": "yellow"}
_STATUS = {
    "ok": "green",
    "settling": "yellow",
    "lost": "red",
    "small": "red",
    "turned": "red",
    "covered": "red",
}


class LiveTable:
    """A rich display that is redrawn in place; lines that must stay are printed above it."""

    def __init__(self, events_shown: int = 10, console: "Console | None" = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = console or Console(highlight=False)
        self._events: deque[tuple[messages.Event, tuple[Truth, float] | None, bool]] = deque(
            maxlen=events_shown
        )
        self._early: messages.Event | None = None
        self._view: View | None = None
        self._live: Live | None = Live(console=self._console, auto_refresh=False, transient=False)
        self._live.start()

    def say(self, text: str) -> None:
        """See `Screen`."""
        with contextlib.suppress(OSError):
            self._console.print(text, markup=False, soft_wrap=True)

    def event(self, event: messages.Event, truth: tuple[Truth, float] | None, *, rendered: bool) -> None:
        """See `Screen`."""
        self._events.append((event, truth, rendered))
        if self._early is not None and self._early.event_id == event.event_id:
            self._early = None
        self._draw()

    def early(self, event: messages.Event) -> None:
        """See `Screen`: one line below the table, until it is settled."""
        self._early = event if event.stage == "provisional" else None
        self._draw()

    def show(self, view: View) -> None:
        """See `Screen`."""
        self._view = view
        self._draw()

    def _draw(self) -> None:
        if self._live is not None and self._view is not None:
            with contextlib.suppress(OSError):
                self._live.update(self._picture(self._view), refresh=True)

    def _picture(self, view: View) -> Any:
        from rich.console import Group

        return Group(*self._cameras(view), self._event_table(), *self._provisional(), self._processes(view))

    def _provisional(self) -> list[Any]:
        from rich.text import Text

        if self._early is None:
            return []
        event = self._early
        return [Text(f"  now: {name_of(event)}, {event.intensity_px:.2f} px, not over yet", style="italic")]

    def _cameras(self, view: View) -> list[Any]:
        from rich.text import Text

        lines = []
        for health, state, score in zip(view.health, view.states, view.score, strict=True):
            line = Text()
            line.append(f" {health.camera} ", style="bold reverse")
            line.append(f"  {health.status}  {view.uptime_s:6.1f} s  ")
            line.append(f"{health.delivered_fps:.0f}/{health.requested_fps:.0f} fps  ")
            lost = health.lost_driver + health.lost_ring
            line.append(f"lost {health.lost_driver}+{health.lost_ring}", style="red" if lost else "dim")
            line.append(f"  watched p99 {health.latency_ms['capture_to_watched']['p99']:.1f} ms  ")
            if state is not None:
                if not state.faces:
                    line.append("no face", style="red")
                for face in state.faces:
                    line.append(f"face {face.status} {face.phase}", style=_STATUS[face.status])
                    if face.reason:
                        line.append(f" ({face.reason})", style="dim")
            lines.append(line)
            if score is not None:
                lines.append(
                    Text(
                        f"  rendered micro-expressions {score['rendered']}: found {score['found']}, "
                        f"named right {score['right_label']}, missed {score['rendered'] - score['found']}, "
                        f"false {score['false_micro']}"
                    )
                )
        return lines

    def _event_table(self) -> Any:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        rendered = any(known for _, _, known in self._events)
        table = Table(box=box.SIMPLE_HEAD, expand=True)
        for name in ("time", "camera", "kind", "class", "px", "ms long", "ms after apex"):
            table.add_column(name, justify="right" if name in ("px", "ms long", "ms after apex") else "left")
        if rendered:
            table.add_column("truth")
        for event, truth, _ in self._events:
            row: list[str | Text] = [
                (event.apex.wall or "")[11:23] or f"{event.apex.t_ns / 1e9:.2f} s",
                event.camera,
                Text(event.kind, style="bold" if event.kind == "micro" else "dim"),
                Text(name_of(event), style=_COLOUR.get(event.label or "", "dim")),
                f"{event.intensity_px:.2f}",
                f"{(event.offset.t_ns - event.onset.t_ns) / 1e6:.0f}",
                f"{event.latency_ms.get('total', 0.0):.0f}",
            ]
            if rendered:
                right = truth is not None and truth[0].kind == event.kind and truth[0].label == event.label
                row.append(Text(truth_of(truth).removeprefix("truth: "), style="green" if right else "red"))
            table.add_row(*row)
        return table

    def _processes(self, view: View) -> Any:
        from rich.text import Text

        line = Text(style="dim")
        shown = set()
        for health in view.health:
            for process in health.processes:
                if process.pid in shown:
                    continue
                shown.add(process.pid)
                again = f" restarted {process.restarts}x" if process.restarts else ""
                state = f"{process.cpu_percent:.0f}% {process.rss_mb:.0f} MB" if process.alive else "down"
                line.append(f"{process.name} {state}{again}   ", style="" if process.alive else "red")
        return line

    def summary(self, report: dict[str, Any], written: Path | None) -> None:
        """See `Screen`."""
        self.close()
        for line in summary_lines(report, written):
            self.say(line)

    def close(self) -> None:
        """See `Screen`."""
        if self._live is not None:
            live, self._live = self._live, None
            with contextlib.suppress(OSError):
                live.stop()
