"""Recognise: candidates → events. One worker for all cameras; candidates that wait go together."""

from typing import Any

import msgspec

from engines.errors import InputError
from realtime.processes import wire
from realtime.processes.child import Link, load
from realtime.processes.counts import RecogniseCounts
from realtime.processes.spec import Spec


def run(link: Link, spec: Spec) -> None:
    """Loads flow solver and network, then answers every `wire.Recognise`, those that wait together."""
    recogniser = load(spec.stages.recogniser)(
        spec.config.recognise, lambda text: link.send(wire.Note(f"recognise: {text}"))
    )
    decoder = msgspec.msgpack.Decoder(load(spec.stages.candidate))
    backends = recogniser.backends
    link.send(wire.Ready(backends))
    counts = RecogniseCounts()
    while True:
        works, order = _waiting(link)
        _answer(link, recogniser, _decoded(link, decoder, works))
        counts.recognised += len(works)
        if recogniser.backends != backends:
            backends = recogniser.backends
            link.send(wire.Ready(backends))
        if isinstance(order, wire.Finish):
            link.beat(counts, now=True)
            link.send(wire.Ended())
        link.beat(counts)


def _waiting(link: Link) -> tuple[list[wire.Recognise], wire.Down | None]:
    """Every candidate that waits, and the order after them."""
    works: list[wire.Recognise] = []
    order = link.receive(0.1)
    while isinstance(order, wire.Recognise):
        works.append(order)
        order = link.receive()
    return works, order


def _decoded(link: Link, decoder: Any, works: list[wire.Recognise]) -> list[tuple[int, Any]]:
    """Number and candidate; one that cannot be read is answered here."""
    found = []
    for work in works:
        try:
            candidate = decoder.decode(work.candidate)
            candidate.crops()
        except (msgspec.MsgspecError, ValueError) as error:
            link.send(wire.Rejected(work.number, str(error)))
        else:
            found.append((work.number, candidate))
    return found


def _answer(link: Link, recogniser: Any, waiting: list[tuple[int, Any]]) -> None:
    """Each as soon as it is known; one that cannot be recognised does not keep the others from it."""
    while waiting:
        try:
            for event, pictures in recogniser.many([candidate for _, candidate in waiting]):
                number, candidate = waiting.pop(0)
                link.send(
                    wire.Recognised(number, event, pictures, candidate.crop_to_frame, candidate.taken_from)
                )
        except (InputError, ValueError) as error:
            number, _ = waiting.pop(0)
            link.send(wire.Rejected(number, str(error)))
