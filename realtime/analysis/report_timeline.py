"""The curves of the report: motion over time as inline SVG, with events and refused movements."""

import html
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.labels import CLASSES
from realtime import messages
from realtime.analysis.course import Course, Refused

POINTS: Final = 2000
# The timeline of a recording: at most so many rows, none shorter than so many seconds.
_ROWS, _ROW_S = 12, 20.0
_STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
_LEFT: Final = 58


def rows(course: Course, events: Sequence[messages.Event], refused: Sequence[Refused]) -> Iterator[str]:
    """The timeline of the whole recording, one SVG for each row."""
    first, end = course.times[0], max(course.times[-1], course.times[0] + 0.1)
    span = max(_ROW_S, (end - first) / _ROWS)
    if end - first <= 1.5 * _ROW_S:
        span = end - first
    for n in range(max(1, math.ceil((end - first) / span - 1e-9))):
        begin = first + n * span
        yield plot(course, events, begin, begin + span, width=1060, lane=34, links=True, refused=refused)


def plot(
    course: Course,
    events: Sequence[messages.Event],
    first: float,
    last: float,
    *,
    width: int,
    lane: int,
    links: bool = False,
    refused: Sequence[Refused] = (),
    mark_s: float | None = None,
) -> str:
    """Seconds ``first`` to ``last`` as one SVG with a lane for each group; at most `POINTS` points in a curve.

    ``width`` and ``lane`` (the height of a lane) are pixels; ``links`` makes events link to their cards; ``mark_s``
    draws a vertical line.
    """
    lanes = list(course.motion)
    if not lanes:
        return ""
    height, inner = len(lanes) * lane, width - _LEFT
    times = np.array(course.times, dtype=np.float64)
    inside = slice(int(np.searchsorted(times, first)), int(np.searchsorted(times, last, side="right")))
    moved = course.array()
    limit = _limit(moved if links else moved[:, inside], whole=links)
    if links and (micro := [event.intensity_px for event in events if event.kind == "micro"]):
        limit = max(1.0, math.ceil(2.4 * max(micro)) / 2)

    def x(at_s: float) -> float:
        return _LEFT + inner * min(1.0, max(0.0, (at_s - first) / (last - first)))

    top = 14
    out = [f"<svg viewBox='0 0 {width} {top + height + 15}' role=img aria-label='motion over time'>"]
    ends = [*(at_s for at_s, _ in course.track[1:]), float(times[-1])]
    for (at_s, status), end_s in zip(course.track, ends, strict=True):
        if status != "ok" and end_s > first and at_s < last:
            out.append(
                f"<rect class=lost x={x(at_s):.1f} y={top} width={max(0.5, x(end_s) - x(at_s)):.1f} height={height}>"
                f"<title>{status} {at_s:.2f}-{end_s:.2f} s</title></rect>"
            )
    for event in events:
        out.append(_band(event, x, first, last, top, height, links))
    for n, name in enumerate(lanes):
        base = top + (n + 1) * lane
        out.append(f"<path class=base d='M{_LEFT} {base}H{width}'/>")
        out.append(f"<text class=lane x=0 y={base - lane / 2 + 4:.0f}>{html.escape(name)}</text>")
        for kind, values, most in (
            ("level", course.level[name], 200),
            ("curve", course.motion[name], POINTS),
        ):
            xs = np.asarray(_LEFT + inner * (times[inside] - first) / (last - first), dtype=np.float64)
            ys = np.asarray(
                base - np.minimum(np.array(values)[inside] / limit, 1.0) * (lane - 4), dtype=np.float64
            )
            out.append(f"<path class={kind} d='{_path(xs, ys, most)}'/>")
    for one in refused:
        if first <= one.at_s < last:
            out.append(
                f"<path class=not d='M{x(one.at_s) - 3:.1f} {top - 9}l6 6m0 -6l-6 6'>"
                f"<title>{one.at_s:.2f} s: {html.escape(one.reason)}</title></path>"
            )
    if mark_s is not None:
        out.append(f"<path class=mark d='M{x(mark_s):.1f} {top}V{top + height}'/>")
    out.append(f"<text class=tick x={_LEFT - 6} y={top - 4} text-anchor=end>{limit:.1f} px</text>")
    out.extend(_ticks(x, first, last, top, height))
    out.append("</svg>")
    return "".join(out)


def _band(
    event: messages.Event,
    x: Callable[[float], float],
    first: float,
    last: float,
    top: int,
    height: int,
    links: bool,
) -> str:
    onset, apex, offset = (one.t_ns / 1e9 for one in (event.onset, event.apex, event.offset))
    if offset < first or onset > last:
        return ""
    colour = event.label if event.label in CLASSES else event.kind
    left, right = x(onset), x(offset)
    name = event.label or ("not named" if event.kind == "micro" else event.kind)
    band = (
        f"<rect class='band {colour}' x={left:.1f} y={top} width={max(1.0, right - left):.1f} height={height}>"
        f"<title>{html.escape(f'{event.kind} {event.label or str()} {apex:.3f} s')}</title></rect>"
    )
    if first <= apex <= last and event.kind != "blink":
        band += f"<path class='apex {colour}' d='M{x(apex):.1f} {top}V{top + height}'/>"
        if event.kind == "micro":
            band += f"<text class='{colour} name' x={x(apex):.1f} y=9 text-anchor=middle>{html.escape(name)}</text>"
    return f"<a href='#{html.escape(event.event_id)}'>{band}</a>" if links else band


def _limit(moved: NDArray[np.float64], *, whole: bool) -> float:
    """The value at the top of a lane, pixels: the maximum, or for the whole recording a high quantile."""
    moved = moved[~np.isnan(moved)]
    high = float(np.quantile(moved, 0.98 if whole else 1.0)) if moved.size else 1.0
    return min(8.0, max(1.5, math.ceil(2.4 * high) / 2)) if whole else max(0.5, math.ceil(2.1 * high) / 2)


def _path(xs: NDArray[np.float64], ys: NDArray[np.float64], most: int) -> str:
    """Path data; beyond ``most`` points, the lowest and highest of each stretch. NaN interrupts the line."""
    if len(xs) > most:
        edges = np.linspace(0, len(xs), most // 2 + 1).astype(int)
        keep: list[int] = []
        for begin, end in pairwise(edges):
            part = ys[begin:end]
            if not np.isnan(part).all():
                keep += sorted({begin + int(np.nanargmin(part)), begin + int(np.nanargmax(part))})
            else:
                keep.append(begin)
        xs, ys = xs[keep], ys[keep]
    commands, pen = [], "M"
    for px, py in zip(xs, ys, strict=True):
        if math.isnan(py):
            pen = "M"
            continue
        commands.append(f"{pen}{px:.1f} {py:.1f}")
        pen = "L"
    return "".join(commands)


def _ticks(x: Callable[[float], float], first: float, last: float, top: int, height: int) -> Iterator[str]:
    step = next((s for s in _STEPS if (last - first) / s <= 11), _STEPS[-1])
    at = math.ceil(first / step - 1e-9) * step
    while at <= last + 1e-9:
        px = x(at)
        anchor = "end" if px > x(last) - 12 else "middle"
        yield f"<path class=base d='M{px:.1f} {top + height}v3'/>"
        yield f"<text class=tick x={px:.1f} y={top + height + 13} text-anchor={anchor}>{_clock(at, step)}</text>"
        at += step


def _clock(at_s: float, step: float) -> str:
    if step < 1:
        return f"{at_s:.1f} s"
    return f"{at_s:.0f} s" if at_s < 60 else f"{int(at_s) // 60}:{int(at_s) % 60:02d}"
