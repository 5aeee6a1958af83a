"""One event as HTML: pictures by address, class probabilities, times. All text is escaped here."""

from collections.abc import Callable, Mapping
from html import escape

from engines.labels import CLASSES
from realtime import messages
from realtime.dashboard import words
from realtime.dashboard.feed import Entry

_PICTURES = (("onset", "onset"), ("apex", "apex"), ("flow", "flow"), ("strain", "strain"))


def article(entry: Entry, names: Mapping[str, str], address: Callable[[int, int, str], str]) -> str:
    """The content of a card.

    ``names`` are the viewer's names of classes; ``address(number, revision, name)`` is the URL of a picture.
    """
    event = entry.event
    if event.kind == "blink":
        return _blink(entry)
    head = f"""<header><h3>{escape(_title(event, names))}</h3>{_share(event)}{_kind(event)}
<time>{escape(words.clock(event.apex))}</time></header>"""
    pictures = "".join(
        f'<figure><img src="{escape(address(entry.number, entry.revision, name))}" alt="{name}" '
        f'width="140" height="170"><figcaption>{caption}</figcaption></figure>'
        for name, caption in _PICTURES
        if name in entry.pictures
    )
    if not pictures:
        hint = (
            "Pictures follow."
            if event.stage == "provisional"
            else "Pictures are kept only while this page is open."
        )
        pictures = f'<p class="nothing">{hint}</p>'
    body = f'<div class="body"><div class="pictures">{pictures}</div>{_side(event, names)}</div>'
    return f"{head}{body}{_facts(event)}"


def tone(event: messages.Event) -> str:
    """The CSS class for the colours of an event: its class, or its kind if it has none."""
    if event.kind == "micro":
        return event.label if event.label in CLASSES else "open"
    return event.kind


def _title(event: messages.Event, names: Mapping[str, str]) -> str:
    if event.label is not None:
        return class_name(event.label, names)
    return "Not named" if event.kind == "micro" else words.KINDS[event.kind]


def _kind(event: messages.Event) -> str:
    return f'<span class="kind">{escape(words.KINDS[event.kind])}</span>' if event.kind == "micro" else ""


def class_name(label: str, names: Mapping[str, str]) -> str:
    """The display name of a class."""
    return names.get(label) or label.capitalize()


def _share(event: messages.Event) -> str:
    if event.label is None or event.label not in event.probabilities:
        return ""
    return f'<span class="share">{event.probabilities[event.label]:.0%}</span>'


def _side(event: messages.Event, names: Mapping[str, str]) -> str:
    if not event.probabilities:
        return f'<div class="side"><p>{escape(_sentence(event.reason))}</p></div>'
    known = [name for name in CLASSES if name in event.probabilities]
    classes = known + [name for name in event.probabilities if name not in known]
    rows = "".join(
        f'<div class="bar {escape(name) if name in CLASSES else ""}{" chosen" if name == event.label else ""}">'
        f"<span>{escape(class_name(name, names))}</span><b>{event.probabilities[name]:.0%}</b>"
        f'<i><i style="width:{100 * event.probabilities[name]:.1f}%"></i></i></div>'
        for name in classes
    )
    return f'<div class="side">{rows}</div>'


def _facts(event: messages.Event) -> str:
    duration = words.milliseconds(event.onset, event.offset)
    rise = words.milliseconds(event.onset, event.apex)
    facts = [
        ("lasted", words.span(duration)),
        ("to apex", words.span(rise)),
        ("moved", f"{event.intensity_px:.2f} px"),
        ("known after", words.span(event.latency_ms["total"]) if "total" in event.latency_ms else "–"),
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    notes = []
    if event.stage == "provisional":
        notes.append(f"Not over yet: {event.confirmation or 0.0:.0%} sure, if it goes back as it came")
    elif event.stage == "withdrawn":
        notes.append(_sentence(f"withdrawn: {event.reason}"))
    if event.abstained:
        notes.append(_sentence(event.reason or "no class is probable enough"))
    if event.since_marker is not None:
        notes.append(f"{words.span(event.since_marker.ms)} after {event.since_marker.text}")
    if event.frames_lost:
        notes.append(f"{event.frames_lost} frames lost during it")
    note = f'<p class="note">{escape(" · ".join(notes))}</p>' if notes else ""
    frames = f"frames {event.onset.frame} · {event.apex.frame} · {event.offset.frame}"
    stages = ", ".join(f"{stage} {ms:.1f} ms" for stage, ms in event.latency_ms.items())
    hint = "\n".join(line for line in (frames, stages, event.reason) if line)
    return f'<dl title="{escape(hint)}">{cells}</dl>{note}'


def _blink(entry: Entry) -> str:
    event = entry.event
    title = "Blink" if entry.count == 1 else f"{entry.count} blinks"
    lasted = words.span(words.milliseconds(event.onset, event.offset))
    return (
        f"<header><h3>{title}</h3>"
        f'<span class="kind">{lasted}</span><time>{escape(words.clock(event.apex))}</time></header>'
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
