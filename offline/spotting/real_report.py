"""The page of real videos: alarms a minute, recall of the implants, and pictures of both."""

from collections.abc import Sequence
from typing import Any

from offline import pages
from offline.pages import escaped, number, table
from offline.spotting import figures
from offline.spotting.real_results import NAMED_AT, Watching
from offline.spotting.report import STYLE
from offline.spotting.strips import Strip, strips

# Pictures of more would make the page too heavy to open.
_MOST_STRIPS = 60
_MORE_STYLE = """
.strip{margin:0 0 1.6rem}.strip .scroll{display:flex;gap:3px}.strip div div{font-size:.8rem;color:var(--soft);
text-align:center;font-variant-numeric:tabular-nums}.strip img{display:block;width:110px;height:134px}
.strip .at{color:var(--ink);font-weight:600}.strip .change{margin-left:.8rem}
"""


def page(results: dict[str, Any], plain: Sequence[Watching], changed: Sequence[Watching]) -> str:
    """The whole page; ``plain`` are the videos as they are, ``changed`` those with implants."""
    real, implanted = results["real"], results.get("implanted")
    parts = [
        "<h1>Spotting micro-expressions: real videos</h1>",
        f'<p class="soft">method {escaped(results["method"])}, {real["total"]["videos"]} videos, '
        f"{real['total']['usable_s'] / 60:.1f} minutes of usable face, code {escaped(results['version'])}</p>",
        *_alarm_rate(real),
        *_curve(results),
        *(f'<p class="note">{escaped(note)}</p>' for note in results["notes"]),
        "<h2>By video</h2>",
        _videos(real["videos"]),
        "<h2>By what the person does meanwhile</h2>",
        "<p>Measured from the landmarks of FaceMesh, not by the spotter. Speech is whatever moves the mouth: laughter, "
        "chewing and smiles too.</p>",
        _activities(real["by_activity"]),
        *_refused(real, "Why nothing was spotted"),
        *(_implants(implanted) if implanted else []),
        *_pictures("Alarms on the videos as they are", "alarm", real["alarms"], plain),
    ]
    if implanted:
        parts += [
            *_pictures("Implanted and missed", "miss", implanted["misses"], changed),
            *_refused(implanted, "Why nothing was spotted of the implanted videos"),
        ]
    return pages.page("Spotting: real videos", parts, STYLE + _MORE_STYLE)


def _curve(results: dict[str, Any]) -> list[str]:
    """What the network's file knows of recall against alarms."""
    odds = results.get("odds")
    if not odds or len(odds["recalls"]) != len(odds["alarms"]):
        return []
    rates = [rate for rate, _ in odds["alarms"]]
    now = results["settings"]["alarms_per_minute"]
    return [
        "<h2>Recall against false alarms</h2>",
        f"<figure>{figures.recall_by_alarms(rates, odds['recalls'], now)}<figcaption>As measured when the network was "
        "trained, on people left out: known micro-expressions implanted into recorded motion, against what was spotted "
        "in the same recordings as they are. <code>--alarms</code> here and <code>spotting.alarms_per_minute</code> in "
        "apexcam move along it.</figcaption></figure>",
    ]


def _alarm_rate(real: dict[str, Any]) -> list[str]:
    total = real["total"]
    if total["told_per_minute"] is None:
        return ['<p class="big">no face could be measured</p>']

    def interval(word: str) -> str:
        ends = total[f"{word}_per_minute_ci95"]
        return f" ({ends[0]:.2f} to {ends[1]:.2f})" if ends else ""

    seed, resamples = total["bootstrap"]["seed"], total["bootstrap"]["resamples"]
    return [
        f'<p class="big">{total["told_per_minute"]:.2f} alarms a minute</p>',
        f"<p>{total['told']} micro-expressions were spotted{interval('told')}, {total['named']} of them named, "
        f"{number(total['named_per_minute'], 2)} a minute{interval('named')}: the likeliest class has a probability of "
        f"{NAMED_AT:g} or more. In brackets 95 % of {resamples} resamples over {total['people']} people (seed {seed}); "
        "each video is another person's unless --people says otherwise. A minute is one in which the face was usable "
        "and the spotter was not blind.</p>",
    ]


def _videos(rows: Sequence[dict[str, Any]]) -> str:
    head = (
        "video",
        "fps",
        "usable, s",
        "told",
        "named",
        "alarms a minute",
        "named a minute",
        "macro",
        "blink",
    )
    cells = [
        [
            row["name"],
            f"{row['fps']:g}",
            number(row["usable_s"], 1),
            row["told"],
            row["named"],
            *(number(row[f"{word}_per_minute"], 2) for word in ("told", "named", "macro", "blink")),
        ]
        for row in rows
    ]
    return table(head, cells, text=(0,))


def _activities(rows: Sequence[dict[str, Any]]) -> str:
    head = ("activity", "usable, s", "told", "named", "told a minute", "named a minute")
    cells = [
        [
            row["activity"],
            number(row["usable_s"], 1),
            row["told"],
            row["named"],
            number(row["told_per_minute"], 2),
            number(row["named_per_minute"], 2),
        ]
        for row in rows
    ]
    return table(head, cells, text=(0,))


def _refused(section: dict[str, Any], title: str) -> list[str]:
    refused = [[why, count] for why, count in section["refused"].items()]
    blind = [[why, f"{seconds:.1f}"] for why, seconds in section["blind_s"].items()]
    return [
        f"<h2>{title}</h2>",
        table(("a movement was refused: why", "times"), refused, text=(0,)) if refused else "",
        table(("nothing could be spotted: why", "seconds"), blind, text=(0,)) if blind else "",
    ]


def _implants(found: dict[str, Any]) -> list[str]:
    lengths = "{:g} to {:g} s".format(*found["length_s"])
    sizes = "{:g} to {:g} px at a face 200 px wide".format(*found["size_px"])
    groups = (
        ("by_size", "size_px", "size, px"),
        ("by_activity", "activity", "meanwhile"),
        ("by_label", "label", "class"),
        ("by_action_units", "action_units", "action units"),
        ("by_video", "video", "video"),
    )
    apex, named = found["apex"], found["class"]
    rate = number(found["alarms_per_minute"], 2)
    ends = found["recall_ci95_over_people"]
    over = f"; 95 % of resamples over people find {ends[0]:.3f} to {ends[1]:.3f} of them" if ends else ""
    said = [
        f"{len(found['alarms'])} alarms, {rate} a minute, match no implant.",
        f"The apex of what was found is {apex['mae_frames']:.2f} frames ({apex['mae_ms']:.0f} ms) off."
        if apex
        else "",
        f"The class is right in {named['acc']:.3f} of {named['hits']} found; {named['abstained']} were not named."
        if named
        else "",
    ]
    return [
        "<h2>Implanted micro-expressions</h2>",
        f'<p class="big">{found["hits"]} of {found["implanted"]} found</p>',
        f"<p>The skin of the videos was moved by the fields of action units, {sizes}, {lengths}, course "
        f"{escaped(found['course'])}, expressions: {escaped(found['expressions'])}, seeds "
        f"{', '.join(map(str, found['seeds']))}. Found is an IoU of .5 or more{over}. "
        f"{' '.join(filter(None, said))}</p>",
        *(_recall(found[name], key, title) for name, key, title in groups),
        *_confusion(named),
        table(("missed because", "times"), [list(item) for item in found["missed_by"].items()], text=(0,))
        if found["missed_by"]
        else "",
    ]


def _recall(rows: Sequence[dict[str, Any]], key: str, title: str) -> str:
    cells = [
        [
            row[key],
            row["implanted"],
            row["hits"],
            number(row["recall"], 3),
            "{:.2f}–{:.2f}".format(*row["recall_ci95"]),
        ]
        for row in rows
    ]
    return table((title, "implanted", "found", "recall", "95 %"), cells, text=(0,))


def _confusion(named: dict[str, Any] | None) -> list[str]:
    if not named:
        return []
    from engines.labels import CLASSES

    rows = [[name, *counts] for name, counts in zip(CLASSES, named["confusion"], strict=True)]
    return [table(("implanted, named as", *CLASSES), rows, text=(0,))]


def _pictures(
    title: str, kind: str, moments: Sequence[dict[str, Any]], watchings: Sequence[Watching]
) -> list[str]:
    """A strip each, the first `_MOST_STRIPS` of every so many, spread over all videos."""
    if not moments:
        return [f"<h2>{title}</h2><p>None.</p>"]
    shown = spread(moments, _MOST_STRIPS)
    drawn = []
    for w in watchings:
        here = [moment for moment in shown if moment["video"] == w.measured.name]
        for moment, strip in zip(here, strips(w.video, here) if here else [], strict=True):
            drawn.append(_strip(kind, moment, strip))
    left = len(moments) - len(shown)
    return [
        f"<h2>{title}</h2>",
        f'<p class="soft">{left} of {len(moments)} are not shown; all are in results.json.</p>'
        if left
        else "",
        *drawn,
    ]


def spread(moments: Sequence[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """At most so many of them, evenly over all."""
    if len(moments) <= most:
        return list(moments)
    return [moments[k * len(moments) // most] for k in range(most)]


def _strip(kind: str, moment: dict[str, Any], strip: Strip) -> str:
    names = {moment["onset"]: "onset", moment["apex"]: "apex", moment["offset"]: "offset"}
    cells = "".join(
        f'<div{" class=at" if frame in names else ""}><img alt="frame {frame}" src="{picture}">{frame} '
        f"{names.get(frame, '')}</div>"
        for frame, picture in zip(strip.frames, strip.pictures, strict=True)
    )
    change = f'<div class=change><img alt="what changed" src="{strip.change}">apex − onset, × 6</div>'
    where = f"{moment['video']}, {moment['onset_s']:.2f}–{moment['offset_s']:.2f} s, {moment['activity']}"
    return (
        f"<figure class=strip><figcaption>{escaped(where)}: {escaped(_said(kind, moment))}</figcaption>"
        f'<div class="scroll">{cells}{change}</div></figure>'
    )


def _said(kind: str, moment: dict[str, Any]) -> str:
    if kind == "miss":
        units = "+".join(map(str, moment["action_units"]))
        return f"{moment['label']}, AU {units}, {moment['size_px']:.2f} px; {moment['why']}"
    odds = max(moment["probabilities"], default=0.0)
    name = f"{moment['label']} ({odds:.2f})" if moment["label"] else "no class"
    where = ", ".join(moment["regions"][:4]) or "no region"
    unsure = "" if moment["named"] else ", not named"
    return (
        f"{name}{unsure}, {moment['intensity_px']:.2f} px at {where}, confidence {moment['confidence']:.2f}; "
        f"{moment['reason']}"
    )
