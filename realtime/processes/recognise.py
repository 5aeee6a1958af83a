"""Recognise: candidates → events. One at a time, at lower priority than capture and watch."""

import msgspec

from engines.errors import InputError
from realtime.processes import wire
from realtime.processes.child import Link, Spec, load


def run(link: Link, spec: Spec) -> None:
    """Loads flow solver and network, then answers every `wire.Work`."""
    recogniser = load(spec.stages.recogniser)(spec.config.recognise)
    decoder = msgspec.msgpack.Decoder(load(spec.stages.candidate))
    link.send(
        wire.Ready(
            {
                "flow": f"{recogniser.flow.backend} {recogniser.flow.preset}",
                "classify": f"{recogniser.model.name} on {recogniser.model.runtime}",
            }
        )
    )
    done = 0
    while True:
        order = link.receive(0.1)
        if isinstance(order, wire.Work):
            try:
                candidate = decoder.decode(order.candidate)
                event, pictures = recogniser(candidate)
            except (InputError, msgspec.MsgspecError, ValueError) as error:
                link.send(wire.Useless(order.number, str(error)))
            else:
                link.send(
                    wire.Named(order.number, event, pictures, candidate.crop_to_frame, candidate.taken_from)
                )
            done += 1
        elif isinstance(order, wire.Finish):
            link.beat({"recognised": done}, now=True)
            link.send(wire.Ended())
        link.beat({"recognised": done})
