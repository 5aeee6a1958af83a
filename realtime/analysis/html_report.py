"""The report of `apexcam analyze`: one self-contained HTML file that opens from a file:// address."""

import base64
import html
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.labels import CLASSES
from realtime import messages
from realtime.analysis.course import Refused
from realtime.analysis.report_style import STYLE
from realtime.analysis.report_timeline import plot, rows
from realtime.analysis.result import Analysed, Analysis

_FLOW: Final = (("flow", "flow"), ("strain", "optical strain"))
_KINDS: Final = {"micro": "Micro-expression", "macro": "Macro-expression", "blink": "Blink"}
# Margin of the curves around an event and around a refused movement.
_AROUND_S, _REFUSED_AROUND_S = 0.8, 0.6
# Pictures beyond this many bytes are left out, so that the file stays small enough to send.
_PICTURE_BYTES: Final = 12_000_000
_REFUSED_DRAWN: Final = 120
_LEGEND: Final = (
    "<h2>Motion of the face</h2><p class=soft>The largest displacement among the regions of each group, pixels of the "
    "170&times;140 crop, the head's own motion removed. <span class=key><i class=k-level></i>what counts as a movement"
    "</span><span class=key><i class=k-band></i>onset to offset, apex</span><span class=key><i class=k-not></i>seen, "
    "not counted</span><span class=key><i class=k-lost></i>face not usable</span></p>"
)


class _Pictures:
    """Data URIs of pictures up to `_PICTURE_BYTES` in all; none unless ``wanted``."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self.left = _PICTURE_BYTES
        self.omitted = 0

    def uri(self, image: NDArray[np.uint8], quality: int = 82) -> str:
        import cv2

        _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        text = f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"
        self.left -= len(text)
        if self.left < 0:
            self.omitted += 1
            return ""
        return text


def page(analysis: Analysis, *, pictures: bool = True) -> str:
    """The whole document, with or without ``pictures`` of the face and its motion."""
    return "".join(_parts(analysis, _Pictures(pictures)))


def _parts(analysis: Analysis, pictures: _Pictures) -> Iterator[str]:
    title = html.escape(analysis.info.name)
    yield "<!doctype html><html lang=en><head><meta charset=utf-8>"
    yield "<meta name=viewport content='width=device-width,initial-scale=1'>"
    yield f"<title>{title}: micro-expressions</title><style>{STYLE}</style></head><body>"
    yield f"<header><h1>{title}</h1><p class=soft>{html.escape(_recording(analysis))}</p></header>"
    if analysis.problem:
        yield f"<p class=problem>Partial: {html.escape(analysis.problem)}</p>"
    if blind := analysis.seen.problem():
        yield f"<p class=problem>{html.escape(blind[:1].upper() + blind[1:])}</p>"
    if analysis.again:
        lines = ". ".join(line[:1].upper() + line[1:] for line in analysis.again)
        yield f"<p class=again>{html.escape(lines)}.</p>"
    yield from _tiles(analysis)
    if analysis.course.times:
        yield _LEGEND
        yield "<div class=timeline>"
        yield from rows(analysis.course, [one.event for one in analysis.events], _not_counted(analysis))
        yield "</div>"
    yield from _table(analysis)
    yield from _stimuli(analysis)
    for kind, title in _KINDS.items():
        group = [one for one in analysis.events if one.event.kind == kind]
        if group:
            yield f"<h2>{title}s</h2><div class='events {kind}s'>"
            for one in group:
                yield from _card(one, analysis, pictures)
            yield "</div>"
    yield from _refused(analysis)
    if pictures.omitted:
        yield f"<p class=soft>{pictures.omitted} pictures left out to keep this file small.</p>"
    yield from _made_with(analysis)
    yield "</body></html>\n"


def _recording(analysis: Analysis) -> str:
    summary = analysis.summary()
    return (
        f"{summary['width']}×{summary['height']}, {summary['fps']:g} fps, {summary['frames']} frames, "
        f"{summary['seconds']:.2f} s"
        + (f", {summary['frames_lost']} frames lost" if summary["frames_lost"] else "")
        + (f"; {summary['advice']}" if summary["advice"] else "")
    )


def _tiles(analysis: Analysis) -> Iterator[str]:
    summary = analysis.summary()
    labels = ", ".join(f"{count} {label}" for label, count in summary["labels"].items())
    usable = summary["face"].get("ok")
    tiles = [
        (str(summary["events"]["micro"]), "micro-expressions", labels),
        (str(summary["events"]["macro"]), "macro-expressions", ""),
        (str(summary["events"]["blink"]), "blinks", ""),
    ]
    if analysis.course.times:
        seen = sorted(summary["face"].items(), key=lambda pair: -pair[1])
        rest = ", ".join(f"{status} {share:.0%}" for status, share in seen if status != "ok")
        tiles.append((str(len(_not_counted(analysis))), "seen, not counted", ""))
        tiles.append((f"{usable or 0:.0%}", "of the time the face was usable", rest))
    yield "<section class=tiles>"
    for number, caption, detail in tiles:
        yield f"<div><b>{number}</b><span>{caption}</span><small>{html.escape(detail)}</small></div>"
    yield "</section>"


def _table(analysis: Analysis) -> Iterator[str]:
    if not analysis.events:
        yield "<p>No movement was found.</p>"
        return
    named = CLASSES if any(one.event.kind == "micro" for one in analysis.events) else ()
    yield "<h2>Events</h2><table><thead><tr><th>apex<th>kind"
    yield ("<th>class" if named else "") + "".join(f"<th class=n>{name}" for name in named)
    yield "<th class=n>onset<th class=n>offset<th class=n>lasted<th class=n>moved<th class=n>confidence"
    yield "</thead><tbody>"
    for event in sorted((one.event for one in analysis.events), key=lambda event: event.onset.t_ns):
        probabilities = (
            f"{event.probabilities[name]:.2f}" if name in event.probabilities else "" for name in named
        )
        label = html.escape(event.label or ("not named" if event.abstained else ""))
        yield f"<tr><td><a href='#{html.escape(event.event_id)}'>{_s(event.apex)}</a><td>{event.kind}"
        yield f"<td><b class={_colour(event)}>{label}</b>" if named else ""
        yield "".join(f"<td class=n>{probability}" for probability in probabilities)
        yield f"<td class=n>{_s(event.onset)}<td class=n>{_s(event.offset)}<td class=n>{_ms(event):.0f} ms"
        moved = "" if event.kind == "blink" else f"{event.intensity_px:.2f} px"
        yield f"<td class=n>{moved}<td class=n>{event.confidence:.2f}"
    yield "</tbody></table>"


def _stimuli(analysis: Analysis) -> Iterator[str]:
    if not analysis.stimuli:
        return
    yield "<h2>After each stimulus</h2><table><thead><tr><th>stimulus<th>shown<th>micro<th>macro<th>blinks"
    yield "<th>named<th>onset after, micro</tr></thead><tbody>"
    for one in analysis.stimuli:
        labels = ", ".join(f"{count} {label}" for label, count in one["labels"].items())
        after = one["onset_latency_ms"].get("micro")
        counts = "".join(f"<td>{one['events'].get(kind, 0)}" for kind in ("micro", "macro", "blink"))
        yield (
            f"<tr><td>{html.escape(one['text'])}<td>{one['markers']}{counts}<td>{html.escape(labels)}"
            f"<td>{'' if after is None else f'{after:.0f} ms'}</tr>"
        )
    yield "</tbody></table>"


def _card(one: Analysed, analysis: Analysis, pictures: _Pictures) -> Iterator[str]:
    event = one.event
    name = event.label or ("Not named" if event.kind == "micro" else _KINDS[event.kind])
    yield f"<article id='{html.escape(event.event_id)}' class=c-{_colour(event)}>"
    yield f"<h3><b class={_colour(event)}>{html.escape(name.capitalize())}</b> <span>{_s(event.apex)}</span></h3>"
    lost = f", {event.frames_lost} frames lost" if event.frames_lost else ""
    facts = f"{_ms(event):.0f} ms"
    if event.kind != "blink":
        facts += f", {event.intensity_px:.2f} px"
    yield (
        f"<p class=soft>{facts}; onset {_s(event.onset)} (frame {event.onset.frame}), apex frame {event.apex.frame}, "
        f"offset {_s(event.offset)} ({event.offset.frame}){lost}. {html.escape(event.reason)}</p>"
    )
    yield from _strip(one, pictures)
    if event.kind == "micro":
        yield "<div class=measured>"
        for key, caption in _FLOW:
            if pictures.wanted and key in one.pictures:
                yield _figure(_decoded(one.pictures[key]), caption, pictures, 88)
        yield "<div class=bars>"
        for label in CLASSES:
            if label in event.probabilities:
                share = event.probabilities[label]
                yield (
                    f"<div class=bar><span>{label}</span><div><i class={label} style='width:{100 * share:.1f}%'></i>"
                    f"</div><span>{share:.0%}</span></div>"
                )
        yield "</div>"
    if event.kind != "blink" and analysis.course.times:
        first, last = event.onset.t_ns / 1e9 - _AROUND_S, event.offset.t_ns / 1e9 + _AROUND_S
        svg = plot(
            analysis.course, [event], first, last, width=470 if event.kind == "micro" else 640, lane=24
        )
        yield f"<div class=zoom>{svg}</div>"
    if event.kind == "micro":
        yield "</div>"
    yield "</article>"


def _strip(one: Analysed, pictures: _Pictures) -> Iterator[str]:
    import cv2

    if not pictures.wanted:
        return

    event = one.event
    if not one.strip:
        figures = "".join(
            _figure(_decoded(one.pictures[name]), name, pictures)
            for name in ("onset", "apex")
            if name in one.pictures
        )
        yield f"<div class=strip>{figures}</div>"
        return
    nearest = min(range(len(one.strip)), key=lambda i: abs(one.strip[i][0] - event.apex.frame))
    yield "<div class=strip>"
    for i, (frame, _, crop) in enumerate(one.strip):
        ms = (frame - event.onset.frame) * _ms(event) / max(1, event.offset.frame - event.onset.frame)
        caption = f"+{ms:.0f} ms"
        if i == 0 or i == len(one.strip) - 1 or i == nearest:
            name = f"<b>{'apex' if i == nearest else 'onset' if i == 0 else 'offset'}</b>"
            caption = name if event.kind == "blink" else f"{name} {caption}"
        small = cv2.resize(crop, (70, 85), interpolation=cv2.INTER_AREA) if event.kind == "blink" else crop
        yield _figure(np.asarray(small, dtype=np.uint8), caption, pictures, 80, "at" if i == nearest else "")
    yield "</div>"


def _figure(
    image: NDArray[np.uint8], caption: str, pictures: _Pictures, quality: int = 82, mark: str = ""
) -> str:
    uri = pictures.uri(image, quality)
    picture = f"<img alt='' src='{uri}'>" if uri else "<div class=none></div>"
    return f"<figure class='{mark}'>{picture}<figcaption>{caption}</figcaption></figure>"


def _refused(analysis: Analysis) -> Iterator[str]:
    refused = _not_counted(analysis)
    if not analysis.refused:
        return
    yield "<h2>Seen, not counted</h2><p class=soft>Movements above the threshold that were taken for something else: "
    counts = analysis.refused.most_common()
    yield html.escape("; ".join(f"{count} × {reason}" for reason, count in counts)) + ".</p>"
    yield "<div class='events not'>"
    for one in refused[:_REFUSED_DRAWN]:
        svg = plot(
            analysis.course,
            [],
            one.at_s - _REFUSED_AROUND_S,
            one.at_s + _REFUSED_AROUND_S,
            width=300,
            lane=16,
            mark_s=one.at_s,
        )
        yield f"<article><p><b>{one.at_s:.2f} s</b> {html.escape(one.reason)}</p>{svg}</article>"
    yield "</div>"
    if len(refused) > _REFUSED_DRAWN:
        yield f"<p class=soft>The first {_REFUSED_DRAWN} of {len(refused)} are drawn.</p>"


def _not_counted(analysis: Analysis) -> list[Refused]:
    """The refused movements, except those that are part of a blink event."""
    blinks = [one.event for one in analysis.events if one.event.kind == "blink"]
    return [
        one
        for one in analysis.course.refused
        if not any(b.onset.t_ns / 1e9 - 0.1 <= one.at_s <= b.offset.t_ns / 1e9 + 0.1 for b in blinks)
    ]


def _made_with(analysis: Analysis) -> Iterator[str]:
    summary = analysis.summary()
    model = next((one.event.model for one in analysis.events if one.event.model), None)
    flow = next((one.event.flow for one in analysis.events if one.event.flow), None)
    text = f"Made by apexcam analyze in {summary['took_s']:.1f} s ({summary['ms_per_frame'] or 0:.2f} ms a frame)"
    if model is not None and flow is not None:
        text += f"; network {model.name} {model.sha256[:12]} on {model.runtime}, flow {flow.backend} {flow.preset}"
    yield f"<footer class=soft>{html.escape(text)}. A label is a guess from one movement, not a feeling.</footer>"


def _decoded(png: bytes) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED), dtype=np.uint8)


def _colour(event: messages.Event) -> str:
    return event.label if event.label in CLASSES else event.kind


def _s(moment: messages.Moment) -> str:
    return f"{moment.t_ns / 1e9:.3f} s"


def _ms(event: messages.Event) -> float:
    return (event.offset.t_ns - event.onset.t_ns) / 1e6
