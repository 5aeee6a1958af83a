"""The sinks of every run, called in its own thread: the bus, the recorder's process, the screen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from realtime.live.sinks import Published, Sink
from realtime.processes import wire

if TYPE_CHECKING:
    from realtime.live.run import Run


@dataclass(frozen=True)
class _Direct:
    """A sink of what the run itself opens before its first process and closes after its last word."""

    deliver: Callable[[Published], None]

    def open(self) -> None:
        """See `Sink`."""

    def event(self, published: Published) -> None:
        """See `Sink`."""
        self.deliver(published)

    def close(self) -> None:
        """See `Sink`."""


def builtin(run: "Run") -> list[Sink]:
    """In the order in which an event reaches them."""

    def publish(published: Published) -> None:
        run.bus.publish(published.event)
        if published.pictures:
            run.bus.publish(run.preview.of_event(run.bus, published.event, published.pictures))

    def record(published: Published) -> None:
        event = published.event
        if run.record is not None and event.kind in run.options.config.record.kinds:
            run.to_record += 1
            run.tell(
                run.record,
                wire.Record(event, published.pictures, published.crop_to_frame, published.taken_from),
            )

    def show(published: Published) -> None:
        run.screen.event(published.event, published.truth, rendered=published.rendered)

    return [_Direct(publish), _Direct(record), _Direct(show)]
