"""The health of a run as HTML: frame rate, losses, delay, back ends, and CPU load of each process."""

from html import escape

from realtime import messages
from realtime.dashboard import words

_STATUS = {"starting": "Starting", "running": "Live", "source lost": "Camera gone", "ending": "Ending"}
_BACKENDS = {"flow": "flow", "classify": "network", "spotting": "spotting"}


def status(health: messages.Health | None, *, silent: bool) -> tuple[str, str]:
    """The status for the header, and its CSS class."""
    if health is None:
        return "Waiting", "calm"
    if silent:
        return "No data", "alarm"
    tone = {"running": "good", "source lost": "alarm"}.get(health.status, "calm")
    return _STATUS[health.status], tone


def panel(health: messages.Health | None) -> str:
    """The content of the panel."""
    if health is None:
        return '<p class="nothing">Waiting for the first report.</p>'
    share = health.delivered_fps / health.requested_fps if health.requested_fps else 1.0
    slow = " slow" if share < 0.97 and health.status == "running" else ""
    requested = f"of {health.requested_fps:g} requested" if health.requested_fps else "frames a second"
    found = health.events
    parts = [
        f'<div class="rate{slow}"><b>{health.delivered_fps:.1f}</b><span>fps<br>{requested}</span></div>',
        _rows(
            "",
            [
                ("lost by the camera", f"{health.lost_driver:,}", "bad" if health.lost_driver else ""),
                ("lost by this machine", f"{health.lost_ring:,}", "bad" if health.lost_ring else ""),
            ],
        ),
        _rows("", _delays(health)),
        _rows(
            "",
            [
                ("micro-expressions", f"{found.get('micro', 0):,}", ""),
                ("macro, blinks", f"{found.get('macro', 0):,}, {found.get('blink', 0):,}", ""),
            ],
        ),
        _rows(
            "Runs on",
            [(_BACKENDS.get(name, name), what, "") for name, what in sorted(health.backends.items())],
        ),
        _processes(health),
    ]
    if health.sinks:
        parts.append(
            _rows(
                "Sent to",
                [
                    (
                        sink.name,
                        f"{sink.delivered:,}" + (f", {sink.lost:,} lost" if sink.lost else ""),
                        "bad" * bool(sink.lost),
                    )
                    for sink in health.sinks
                ],
            )
        )
    dropped = sum(health.dropped_messages.values())
    if dropped:
        parts.append(_rows("", [("messages dropped", f"{dropped:,}", "bad")]))
    return "".join(parts)


def _delays(health: messages.Health) -> list[tuple[str, str, str]]:
    found = health.latency_ms.get("apex_to_published", {})
    if not found.get("count", found.get("p50", 0)):
        return [("apex to result", "–", "")]
    return [
        ("apex to result", words.span(found["p50"]), ""),
        ("99 % within", words.span(found.get("p99", found["p50"])), ""),
    ]


def _rows(title: str, rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    lines = "".join(
        f'<div class="{tone}"><dt>{escape(name)}</dt><dd title="{escape(value)}">{escape(value)}</dd></div>'
        for name, value, tone in rows
    )
    head = f"<h4>{title}</h4>" if title else ""
    return f"<section>{head}<dl>{lines}</dl></section>"


def _processes(health: messages.Health) -> str:
    lines = ""
    for process in health.processes:
        what = f"{process.cpu_percent:.0f} %" if process.alive else "ended"
        again = f" ↻{process.restarts}" if process.restarts else ""
        hint = f"process {process.pid}, {process.rss_mb:.0f} MB" + (
            f", {process.note}" if process.note else ""
        )
        lines += (
            f'<div class="{"" if process.alive else "bad"}" title="{escape(hint)}">'
            f"<dt>{escape(process.name)}{again}</dt>"
            f'<dd><i><i style="width:{min(100.0, process.cpu_percent):.0f}%"></i></i>{what}</dd></div>'
        )
    return (
        f'<section class="processes"><h4>CPU, share of a core</h4><dl>{lines}</dl></section>' if lines else ""
    )
