"""The sinks of every run, in its own thread: the bus, the recorder's process, the screen."""

from typing import TYPE_CHECKING

from realtime.live.sinks import Published
from realtime.processes import wire

if TYPE_CHECKING:
    from realtime.live.run import Run


class BusSink:
    """Publishes the event, then its pictures for whoever wants previews."""

    def __init__(self, run: "Run") -> None:
        self._run = run

    def open(self) -> None:
        """See `Sink`. The bus is open before the first process starts."""

    def event(self, published: Published) -> None:
        """See `Sink`."""
        bus = self._run.bus
        bus.publish(published.event)
        if published.pictures:
            bus.publish(self._run.preview.of_event(bus, published.event, published.pictures))

    def close(self) -> None:
        """See `Sink`. The bus is closed last, when everybody has had the last words."""


class RecordSink:
    """Asks the record process to keep the kinds that are recorded."""

    def __init__(self, run: "Run") -> None:
        self._run = run

    def open(self) -> None:
        """See `Sink`."""

    def event(self, published: Published) -> None:
        """See `Sink`."""
        run, event = self._run, published.event
        if run.record is not None and event.kind in run.options.config.record.kinds:
            run.to_record += 1
            run.tell(
                run.record,
                wire.Record(event, published.pictures, published.crop_to_frame, published.taken_from),
            )

    def close(self) -> None:
        """See `Sink`."""


class ScreenSink:
    """Shows the event to whoever started the run."""

    def __init__(self, run: "Run") -> None:
        self._run = run

    def open(self) -> None:
        """See `Sink`."""

    def event(self, published: Published) -> None:
        """See `Sink`."""
        self._run.screen.event(published.event, published.truth, rendered=published.rendered)

    def close(self) -> None:
        """See `Sink`. The screen shows the summary after the last event."""
