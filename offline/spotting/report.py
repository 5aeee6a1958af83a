"""What was measured as one HTML page that needs nothing beside itself."""

from collections.abc import Sequence
from typing import Any, Final

from offline import pages
from offline.pages import escaped, number, table
from offline.spotting import figures
from offline.spotting.measure import Measured
from offline.spotting.results import watched
from offline.spotting.scoring import Row, rows_of

STYLE: Final = """
.scroll table{min-width:44rem}.row figure{max-width:28rem}td:nth-child(-n+2){white-space:nowrap}
.key i{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 .9em}
"""
# More lines than this are read in events.csv.
_MOST_FAILURES = 200
_MOST_TIMELINES = 16


def page(results: dict[str, Any], measured: Sequence[Measured]) -> str:
    """The whole page; ``measured`` are the videos of ``results``, without those of the sweep."""
    full = results["metrics"]["full"]
    parts = [
        f"<h1>Spotting micro-expressions: {escaped(results['source'])}</h1>",
        f'<p class="soft">method {escaped(results["method"])}, {full["videos"]} videos, {full["minutes"]:.1f} minutes, '
        f"code {escaped(results['version'])}</p>",
        _headline(full),
        *(f'<p class="note">{escaped(note)}</p>' for note in results["notes"]),
        "<h2>Found, by kind</h2>",
        _kinds(results["metrics"]),
        *_neutral(results["metrics"]),
        *_recognition(results),
        *_sweep(results.get("sweep", [])),
        *_sizes(full, measured, results["apex_rules"]),
        *_over_time(measured),
        *_failures(measured),
    ]
    return pages.page(f"Spotting: {results['source']}", parts, STYLE)


def _headline(full: dict[str, Any]) -> str:
    micro = full.get("micro")
    if not micro or micro["f1"] is None:
        return '<p class="big">no micro-expression was performed or spotted</p>'
    error = micro["apex_mae_frames"]
    apex = f", their apex {error:.1f} frames ({micro['apex_mae_ms']:.0f} ms) off" if error is not None else ""
    return (
        f'<p class="big">F1 {micro["f1"]:.3f}</p><p>{micro["hits"]} of {micro["performed"]} micro-expressions were '
        f"found at an IoU of .5 or more{apex}; {micro['spotted'] - micro['hits']} false alarms.</p>"
    )


def _kinds(metrics: dict[str, Any]) -> str:
    rows = []
    for group, scores in metrics.items():
        for kind in ("micro", "macro", "blink"):
            if kind not in scores:
                continue
            s = scores[kind]
            false = ", ".join(f"{count} {cause}" for cause, count in s["false_by"].items())
            rows.append(
                [
                    "all videos" if group == "full" else group,
                    kind,
                    s["performed"],
                    s["spotted"],
                    s["hits"],
                    *(number(s[name], 3) for name in ("precision", "recall", "f1")),
                    number(s["apex_mae_frames"], 1),
                    number(s["apex_mae_ms"], 1),
                    number(s["asr"], 3),
                    false,
                ]
            )
    head = (
        *("videos", "kind", "performed", "spotted", "hits", "precision", "recall", "F1"),
        *("apex error, frames", "ms", "ASR", "false: performed then"),
    )
    return table(head, rows, text=(0, 1, 11))


def _neutral(metrics: dict[str, Any]) -> list[str]:
    rows = []
    for group, scores in metrics.items():
        neutral = scores["neutral"]
        if not neutral:
            continue
        performed = ", ".join(f"{count} {kind}" for kind, count in neutral["performed"].items())
        for kind in ("micro", "macro"):
            false = neutral[kind]
            causes = ", ".join(f"{count} {cause}" for cause, count in false["by_cause"].items())
            name = "all videos" if group == "full" else group
            rows.append(
                [
                    name,
                    kind,
                    number(neutral["minutes"], 1),
                    false["false"],
                    number(false["per_minute"], 2),
                    causes,
                    performed,
                ]
            )
    if not rows:
        return []
    head = ("videos", "told", "minutes", "false", "a minute", "performed then", "performed in all")
    return [
        "<h2>False alarms on neutral video</h2>",
        "<p>These videos hold no micro-expression; the head sways and jolts, the light changes.</p>",
        table(head, rows, text=(0, 1, 5, 6)),
    ]


def _recognition(results: dict[str, Any]) -> list[str]:
    full = results["metrics"]["full"]["recognition"]
    if not full:
        return []
    true = results["recognition_at_true_moments"]
    beside = (
        f" At the true onset and apex it is {true['acc']:.3f} over {true['clips']} clips." if true else ""
    )
    return [
        "<h2>Named</h2>",
        f"<p>Of {full['named']} hits with a class, {full['acc']:.3f} were named rightly (UF1 {full['uf1']:.3f}) "
        f"by {escaped(results['model']['name'])}; STRS, spotting F1 by recognition F1 ({full['f1']:.3f}), is "
        f"{full['strs']:.3f}."
        f"{beside}</p>",
    ]


def _sweep(points: Sequence[dict[str, Any]]) -> list[str]:
    if not points:
        return []
    drawn = "".join(f"<figure>{svg}</figure>" for svg in figures.curves(points).values())
    head = (
        "knob",
        "value",
        "performed",
        "recall",
        "95 %",
        "precision",
        "F1",
        "apex error, ms",
        "false a minute",
    )
    rows = [
        [
            p["curve"],
            f"{p['value']:g}",
            p["performed"],
            number(p["recall"], 3),
            "{:.2f}–{:.2f}".format(*p["recall_ci95"]),
            number(p["precision"], 3),
            number(p["f1"], 3),
            number(p["apex_mae_ms"], 1),
            number(p["false_per_minute"], 2),
        ]
        for p in points
    ]
    return [
        "<h2>One thing at a time</h2>",
        "<p>A face 200 px wide, noise of 2 grey levels, 4 px of sway, displacements of .8 to 2.6 px; in each figure "
        "one of these changes. The shade is the 95 % interval of the recall.</p>",
        f'<div class="row">{drawn}</div>',
        f"<details><summary>As a table</summary>{table(head, rows, text=(0,))}</details>",
    ]


def _sizes(full: dict[str, Any], measured: Sequence[Measured], rules: Sequence[dict[str, Any]]) -> list[str]:
    drawn = [
        (
            figures.found_by_size(full["micro_recall_by"]["amplitude_px"]),
            "Share of micro-expressions found, by displacement.",
        ),
        (
            figures.apex_errors(measured),
            "Share of apexes no farther off than so much. The streaming spotter knows nothing and counts what it "
            "found; the other rules are given the true onset and offset.",
        ),
    ]
    shown = [
        f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"
        for svg, caption in drawn
        if svg is not None
    ]
    if not shown:
        return []
    head = (
        "frames a second",
        "rule",
        "clips",
        "mean error, frames",
        "median",
        "ms",
        "mean on what streaming found",
    )
    rows = [
        [
            f"{r['fps']:g}",
            r["rule"],
            r["clips"],
            number(r["mae_frames"], 2),
            number(r["median_frames"], 1),
            number(r["mae_ms"], 1),
            number(r["mae_frames_on_hits"], 2),
        ]
        for r in rules
    ]
    return [
        "<h2>How small, and how well timed</h2>",
        f'<div class="row">{"".join(shown)}</div>',
        table(head, rows, text=(1,)) if rows else "",
    ]


def _over_time(measured: Sequence[Measured]) -> list[str]:
    if not measured:
        return []
    wrong = {
        m.name: sum(r.outcome != "hit" and r.kind == "micro" for r in rows_of(watched(m))) for m in measured
    }
    shown = sorted(measured, key=lambda m: -wrong[m.name])[:_MOST_TIMELINES]
    names = {m.name for m in shown}
    left = len(measured) - len(shown)
    caption = "Above each line what was performed, below it what was spotted." + (
        f" The {len(shown)} videos with the most mistakes; {left} others are not drawn." if left else ""
    )
    return [
        "<h2>Over time</h2>",
        '<p class="key"><i style="background:var(--found)"></i>micro <i style="background:var(--other)"></i>macro '
        '<i style="background:var(--line)"></i>blink <i style="background:var(--third);opacity:.5"></i>speech '
        '<i style="outline:2px solid var(--false)"></i>missed or false</p>',
        f"<figure>{figures.timelines([m for m in measured if m.name in names])}"
        f"<figcaption>{caption}</figcaption></figure>",
    ]


def _failures(measured: Sequence[Measured]) -> list[str]:
    wrong = [
        row
        for m in measured
        for row in sorted(rows_of(watched(m)), key=lambda r: r.began)
        if row.kind == "micro" and row.outcome != "hit"
    ]
    if not wrong:
        return ["<h2>Missed and false</h2><p>None.</p>"]
    rows = [_failure(row) for row in wrong[:_MOST_FAILURES]]
    more = len(wrong) - len(rows)
    head = ("video", "frames", "", "what", "why")
    return [
        "<h2>Missed and false</h2>",
        table(head, rows, text=(0, 1, 2, 3, 4)),
        f"<p class=soft>{more} more in events.csv.</p>" if more else "",
    ]


def _failure(row: Row) -> list[Any]:
    if row.truth is not None:
        truth = row.truth
        size = "" if truth.amplitude_px is None else f", {truth.amplitude_px:.2f} px"
        units = f", AU {'+'.join(map(str, truth.aus))}" if truth.aus else ""
        return [
            row.video,
            f"{truth.onset}–{truth.offset}",
            "missed",
            f"{truth.label or 'micro'}{units}{size}",
            row.cause,
        ]
    found = row.found
    assert found is not None
    where = ", ".join(found.regions[:3]) or "no region"
    head = "" if found.head_px is None else f"; the head travelled {found.head_px:.1f} px"
    return [
        row.video,
        f"{found.onset}–{found.offset}",
        "false",
        f"{found.intensity_px:.2f} px at {where}",
        f"performed then: {row.cause}{head}",
    ]
