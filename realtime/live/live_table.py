"""A live run on a terminal: a table that is redrawn in place."""

import contextlib
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime import messages
from realtime.live.screen import View, name_of, summary_lines, truth_of
from realtime.processes.wire import Truth

if TYPE_CHECKING:
    from rich.console import Console

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
