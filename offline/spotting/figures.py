"""The page's figures: matplotlib's SVG, made to stand inside HTML and to follow its light and dark colours."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from offline.spotting.measure import Measured
from offline.spotting.results import watched
from offline.spotting.scoring import Row, rows_of
from offline.spotting.sweep import TITLES, VALUES, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for the page's own: matplotlib writes them, `_inline` puts the page's names in their place.
_PAGE = {
    "#010101": "var(--ink)",
    "#020202": "var(--soft)",
    "#030303": "var(--line)",
    "#040404": "var(--found)",
    "#050505": "var(--false)",
    "#060606": "var(--other)",
    "#070707": "var(--third)",
}
_INK, _SOFT, _LINE, _FOUND, _FALSE, _OTHER, _THIRD = _PAGE
_LOOK = {
    "svg.fonttype": "none",
    "font.size": 9.0,
    "text.color": _SOFT,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _SOFT,
    "axes.titlecolor": _SOFT,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _SOFT,
    "ytick.labelcolor": _SOFT,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


@contextmanager
def _figure(
    width: float, height: float, rows: int = 1, **more: Any
) -> Iterator[tuple["Figure", list["Axes"]]]:
    """A figure of so many inches with ``rows`` axes over each other, outside of pyplot's global state."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_LOOK):  # type: ignore[arg-type]  # keys are checked as literals
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, 1, squeeze=False, **more)[:, 0]
        yield figure, list(axes)


def _inline(figure: "Figure", name: str) -> str:
    """The figure as an <svg> element with ids of its own; ``name`` is said to those who cannot see it."""
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r' (xmlns|xmlns:xlink|version)="[^"]*"', "", svg).replace("xlink:href", "href")
    prefix = re.sub(r"\W", "", name)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg).replace("url(#", f"url(#{prefix}-")
    for colour, page in _PAGE.items():
        svg = svg.replace(colour, page)
    svg = svg.replace("'DejaVu Sans', ", "system-ui, ")
    return svg.replace("<svg", f'<svg role="img" aria-label="{name}"', 1)


def curves(points: Sequence[dict[str, Any]]) -> dict[str, str]:
    """A figure for each swept knob: recall with its interval and precision above, apex error below."""
    figures = {}
    for curve in VALUES:
        rows = sorted((p for p in points if p["curve"] == curve), key=lambda p: p["value"])
        if not rows:
            continue
        with _figure(4.3, 3.8, 2, sharex=True, height_ratios=(2, 1)) as (figure, (upper, lower)):
            x = [p["value"] for p in rows]
            low, high = zip(*(p["recall_ci95"] for p in rows), strict=True)
            upper.fill_between(x, low, high, color=_FOUND, alpha=0.15, linewidth=0)
            upper.plot(x, _numbers(rows, "recall"), color=_FOUND, marker="o", markersize=4, label="recall")
            upper.plot(
                x,
                _numbers(rows, "precision"),
                color=_OTHER,
                marker="s",
                markersize=4,
                linestyle="--",
                label="precision",
            )
            upper.set_ylim(0, 1.03)
            upper.grid(axis="y")
            upper.legend(loc="lower right" if curve in ("amplitude_px", "fps") else "lower left")
            errors = _numbers(rows, "apex_mae_ms")
            lower.plot(x, errors, color=_THIRD, marker="o", markersize=4)
            lower.set_ylim(0, 1.2 * max((e for e in errors if e > 0), default=1.0))
            lower.grid(axis="y")
            lower.set_ylabel("apex error, ms")
            lower.set_xlabel(TITLES[curve])
            if curve == "fps":
                lower.set_xscale("log")
                lower.minorticks_off()
                lower.set_xticks(x, [f"{v:g}" for v in x])
            figures[curve] = _inline(figure, f"curve over {curve}")
    return figures


def _numbers(rows: Sequence[dict[str, Any]], name: str) -> list[float]:
    return [float("nan") if row[name] is None else float(row[name]) for row in rows]


def recall_by_alarms(rates: Sequence[float], recalls: Sequence[float], now: float) -> str:
    """Recall against false alarms a minute, as an SVG; ``now`` is the rate in force."""
    from matplotlib.ticker import NullLocator, ScalarFormatter

    with _figure(4.3, 2.8) as (figure, (axes,)):
        axes.plot(rates, recalls, color=_FOUND, marker="o", markersize=4)
        axes.axvline(now, color=_THIRD, linestyle="--", linewidth=1)
        axes.annotate(
            "set now", (now, 0.02), color=_THIRD, fontsize=8, xytext=(4, 0), textcoords="offset points"
        )
        axes.set_xscale("log")
        axes.set_xticks(list(rates))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(0, 1.03)
        axes.grid(axis="y")
        axes.set_xlabel("false alarms a minute")
        axes.set_ylabel("implants found")
        return _inline(figure, "recall-by-alarms")


def found_by_size(bins: Sequence[dict[str, Any]]) -> str | None:
    """Share of micro-expressions found in bins of their displacement, with 95 % intervals."""
    if not bins:
        return None
    with _figure(4.3, 2.6) as (figure, (axes,)):
        for at, row in enumerate(bins):
            share = row["hits"] / row["performed"]
            low, high = wilson(row["hits"], row["performed"])
            axes.plot([at, at], [low, high], color=_FOUND, linewidth=3, alpha=0.35, solid_capstyle="butt")
            axes.plot([at], [share], color=_FOUND, marker="o", markersize=6)
            axes.text(at + 0.12, share - 0.045, f"{row['hits']}/{row['performed']}")
        names = [f"{b['from']:g}–{b['to']:g}" if b["to"] else f"> {b['from']:g}" for b in bins]
        axes.set_xticks(range(len(bins)), names)
        axes.set_xlim(-0.5, len(bins) - 0.2)
        axes.set_ylim(0, 1.08)
        axes.grid(axis="y")
        axes.set_xlabel(TITLES["amplitude_px"])
        axes.set_ylabel("share found")
        return _inline(figure, "share found by displacement")


def apex_errors(measured: Sequence[Measured]) -> str | None:
    """Share of clips whose apex is no farther off than so many milliseconds, a line a rule."""
    errors: dict[str, list[float]] = {}
    for m in measured:
        for row in rows_of(watched(m)):
            if row.kind == "micro" and row.apex_error is not None:
                errors.setdefault("streaming, nothing known", []).append(1000 * abs(row.apex_error) / m.fps)
        for clip in m.clips:
            for rule, error in clip.errors.items():
                errors.setdefault(rule, []).append(1000 * abs(error) / m.fps)
    if not errors:
        return None
    styles = ((_FOUND, "-"), (_FOUND, "--"), (_OTHER, "-"), (_OTHER, "--"), (_THIRD, "-"), (_THIRD, "--"))
    order = sorted(errors, key=lambda rule: float(np.mean(errors[rule])))
    with _figure(4.3, 2.6) as (figure, (axes,)):
        most = max(50.0, float(np.quantile(np.concatenate([errors[r] for r in order]), 0.97)))
        for rule, (colour, line) in zip(order, styles, strict=False):
            sizes = np.sort(errors[rule])
            share = np.arange(1, len(sizes) + 1) / len(sizes)
            axes.step(
                [0, *sizes, most],
                [0, *share, share[-1]],
                where="post",
                color=colour,
                linestyle=line,
                label=rule,
            )
        axes.set_xlim(0, most)
        axes.set_ylim(0, 1.03)
        axes.grid(axis="y")
        axes.set_xlabel("apex error, ms")
        axes.set_ylabel("share of clips")
        axes.legend(loc="lower right")
        return _inline(figure, "apex error by rule")


def timelines(measured: Sequence[Measured]) -> str:
    """What was performed (above the line) and spotted (below), a line a video; what does not fit is outlined."""
    height = 0.42 * len(measured) + 0.5
    with _figure(9.0, height) as (figure, (axes,)):
        for at, m in enumerate(measured):
            axes.plot([0, m.frames / m.fps], [-at, -at], color=_LINE, linewidth=0.6)
            first = m.performed[0].onset if m.performed else 0
            start = 0 if first < m.frames else first
            for row in rows_of(watched(m)):
                _draw(axes, row, at, start)
            for t in m.performed:
                if t.kind in ("speech", "laughter"):
                    span = ((t.onset - start) / m.fps, (t.offset - t.onset) / m.fps)
                    axes.broken_barh([span], (-at + 0.03, 0.3), facecolor=_THIRD, alpha=0.5)
        axes.set_yticks([-at for at in range(len(measured))], [m.name for m in measured])
        axes.set_ylim(-len(measured) + 0.4, 0.6)
        axes.set_xlabel("seconds")
        axes.spines[["left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return _inline(figure, "performed and spotted over time")


_COLOURS = {"micro": _FOUND, "macro": _OTHER, "blink": _LINE}


def _draw(axes: "Axes", row: Row, line: int, start: int) -> None:
    for interval, low in ((row.truth, 0.03), (row.found, -0.33)):
        if interval is None:
            continue
        span = ((interval.onset - start) / row.fps, (interval.offset - interval.onset + 1) / row.fps)
        wrong = row.outcome != "hit" and row.kind != "blink"
        axes.broken_barh(
            [span],
            (-line + low, 0.3),
            facecolor=_COLOURS[row.kind],
            edgecolor=_FALSE if wrong else "none",
            linewidth=1.2 if wrong else 0,
        )
