"""The report of `apexcam analyze`: one HTML file with everything in it, readable from a file:// address."""

import base64
import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from engines.labels import CLASSES
from realtime import messages

if TYPE_CHECKING:
    from realtime.analyze import Analysed, Analysis

_QUALITY: Final = 88
_PICTURES: Final = (("onset", "onset"), ("apex", "apex"), ("flow", "flow"), ("strain", "optical strain"))
_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#667;--line:#d8dce2;--ground:#fff;--card:#f6f7f9;
--negative:#c0392b;--positive:#1e8e4e;--surprise:#b9770e;--other:#7a8494;--lost:#e3b7b2}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#98a2b0;--line:#343b46;--ground:#14171c;--card:#1c2027;
--negative:#ff7b6b;--positive:#5fd38d;--surprise:#f0b85a;--lost:#5a3330}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);margin:0 auto;max-width:1100px;
padding:1.5rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .6rem}p,dt,dd{margin:.2rem 0}.soft{color:var(--soft)}
.problem{border-left:4px solid var(--negative);padding:.4rem .8rem;background:var(--card)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.8rem 0}dt{color:var(--soft)}
svg{width:100%;height:auto;display:block}
.events{display:grid;gap:.8rem}
article{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem;
display:grid;grid-template-columns:minmax(15rem,1fr) auto;gap:1rem}
article h3{font-size:1rem;margin:0 0 .3rem}
.strip{display:flex;gap:.5rem;flex-wrap:wrap}figure{margin:0}figure img{width:112px;height:136px;border-radius:4px;
display:block;background:#0003}figcaption{font-size:.8rem;color:var(--soft);text-align:center}
.bar{display:grid;grid-template-columns:5rem 1fr 3rem;gap:.5rem;align-items:center;font-size:.85rem}
.bar i{display:block;height:.6rem;border-radius:3px}
.bar div{background:var(--line);border-radius:3px}
@media(max-width:700px){article{grid-template-columns:1fr}}
"""


def page(analysis: "Analysis") -> str:
    """The whole document."""
    return "".join(_parts(analysis))


def _parts(analysis: "Analysis") -> Iterator[str]:
    told = analysis.summary()
    title = html.escape(analysis.info.name)
    yield "<!doctype html><html lang=en><head><meta charset=utf-8>"
    yield "<meta name=viewport content='width=device-width,initial-scale=1'>"
    yield f"<title>{title}: micro-expressions</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{title}</h1><p class=soft>apexcam analyze</p>"
    if analysis.problem:
        yield f"<p class=problem>Partial: {html.escape(analysis.problem)}</p>"
    events = told["events"]
    faces = ", ".join(f"{status} {share:.0%}" for status, share in told["face"].items())
    labels = ", ".join(f"{count} {label}" for label, count in told["labels"].items())
    facts = {
        "recording": f"{told['width']}x{told['height']}, {told['fps']:g} fps, {told['frames']} frames, "
        f"{told['seconds']:.2f} s",
        "micro-expressions": f"{events['micro']}" + (f" ({labels})" if labels else ""),
        "macro-expressions": f"{events['macro']}",
        "blinks": f"{events['blink']}",
        "face": faces or "never seen",
        "frames lost": f"{told['frames_lost']}",
        "work": f"{told['took_s']:.1f} s, {told['ms_per_frame'] or 0:.2f} ms a frame",
    }
    model = next((one.event.model for one in analysis.events if one.event.model), None)
    flow = next((one.event.flow for one in analysis.events if one.event.flow), None)
    if model is not None and flow is not None:
        facts["model"] = (
            f"{model.name} {model.sha256[:12]} on {model.runtime}; flow {flow.backend} {flow.preset}"
        )
    yield (
        "<dl>"
        + "".join(f"<dt>{name}</dt><dd>{html.escape(what)}</dd>" for name, what in facts.items())
        + "</dl>"
    )
    yield from _timeline(analysis)
    micro = [one for one in analysis.events if one.event.kind == "micro"]
    others = [one for one in analysis.events if one.event.kind != "micro"]
    for heading, group in (("Micro-expressions", micro), ("Macro-expressions and blinks", others)):
        if group:
            yield f"<h2>{heading}</h2><div class=events>"
            for one in group:
                yield from _card(one)
            yield "</div>"
    if not analysis.events:
        yield "<p>No movement was found.</p>"
    yield "</body></html>\n"


def _timeline(analysis: "Analysis") -> Iterator[str]:
    seconds = max(analysis.seconds, 1e-3)
    width, height = 1000, 70

    def x(at_s: float) -> float:
        return width * min(1.0, at_s / seconds)

    yield f"<h2>Timeline</h2><svg viewBox='0 0 {width} {height}' role=img aria-label='events over time'>"
    yield f"<rect x=0 y=18 width={width} height=30 rx=3 fill='var(--card)' stroke='var(--line)'/>"
    ends = [*(at_s for at_s, _ in analysis.track[1:]), seconds]
    for (at_s, status), end_s in zip(analysis.track, ends, strict=False):
        if status != "ok":
            yield (
                f"<rect x={x(at_s):.2f} y=18 width={max(0.5, x(end_s) - x(at_s)):.2f} height=30 fill='var(--lost)'>"
                f"<title>{status} {at_s:.2f}-{end_s:.2f} s</title></rect>"
            )
    for one in analysis.events:
        event = one.event
        left, right = x(event.onset.t_ns / 1e9), x(event.offset.t_ns / 1e9)
        top, tall = (14, 38) if event.kind == "micro" else (26, 14)
        yield (
            f"<a href='#{html.escape(event.event_id)}'><rect x={left:.2f} y={top} width={max(2.0, right - left):.2f} "
            f"height={tall} rx=1 fill='var(--{_colour(event)})'><title>{html.escape(_title(event))}</title></rect></a>"
        )
    for tick in range(6):
        at_s = seconds * tick / 5
        anchor = "start" if tick == 0 else "end" if tick == 5 else "middle"
        yield f"<text x={x(at_s):.1f} y=64 font-size=11 fill='var(--soft)' text-anchor={anchor}>{at_s:.1f} s</text>"
    yield "</svg><p class=soft>Tall: micro-expressions by class; low: macro-expressions and blinks; "
    yield "shaded: face not usable.</p>"


def _colour(event: messages.Event) -> str:
    return event.label if event.label in CLASSES else "other"


def _title(event: messages.Event) -> str:
    name = event.label or ("not named" if event.kind == "micro" else "")
    return f"{event.kind} {name} at {event.apex.t_ns / 1e9:.3f} s".replace("  ", " ")


def _card(one: "Analysed") -> Iterator[str]:
    event = one.event
    yield f"<article id='{html.escape(event.event_id)}'><div>"
    yield f"<h3 style='color:var(--{_colour(event)})'>{html.escape(_title(event))}</h3>"
    length_ms = (event.offset.t_ns - event.onset.t_ns) / 1e6
    yield (
        f"<p>onset {event.onset.t_ns / 1e9:.3f} s (frame {event.onset.frame}), apex {event.apex.t_ns / 1e9:.3f} s "
        f"({event.apex.frame}), offset {event.offset.t_ns / 1e9:.3f} s ({event.offset.frame}); {length_ms:.0f} ms</p>"
    )
    yield f"<p>{event.intensity_px:.2f} px at the apex, confidence {event.confidence:.2f}"
    yield (f"; {event.frames_lost} frames lost" if event.frames_lost else "") + "</p>"
    for name in CLASSES:
        if name in event.probabilities:
            share = event.probabilities[name]
            yield (
                f"<div class=bar><span>{name}</span><div><i style='width:{100 * share:.1f}%;"
                f"background:var(--{name})'></i></div><span>{share:.2f}</span></div>"
            )
    yield f"<p class=soft>{html.escape(event.reason)}</p></div><div class=strip>"
    for key, caption in _PICTURES:
        if key in one.pictures:
            yield (
                f"<figure><img alt='{caption}' src='{_data_uri(one.pictures[key])}'>"
                f"<figcaption>{caption}</figcaption></figure>"
            )
    yield "</div></article>"


def _data_uri(png: bytes) -> str:
    """JPEG, a third of the PNG's size: these pictures are for looking at."""
    import cv2
    import numpy as np

    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    data, kind = (jpeg.tobytes(), "jpeg") if done else (png, "png")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
