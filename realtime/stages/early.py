"""Early events in one process: provisional ones with their class, and the withdrawal of those not confirmed."""

from collections.abc import Iterator

from realtime import messages
from realtime.stages.recogniser import Recogniser
from realtime.stages.watcher import Watcher


class EarlyStage:
    """Asks a watcher what is new, and has it recognised."""

    def __init__(self, watcher: Watcher, recogniser: Recogniser) -> None:
        self._watcher, self._recogniser = watcher, recogniser
        self._open: dict[str, messages.Event] = {}

    def news(self) -> Iterator[messages.Event]:
        """Provisional and withdrawn events since the last call."""
        provisional, withdrawn = self._watcher.early()
        for candidate in provisional:
            event, _ = self._recogniser(candidate)
            self._open[event.event_id] = event
            yield event
        for one in withdrawn:
            if one.event_id in self._open:
                yield messages.withdrawn(self._open.pop(one.event_id), one.reason)

    def settle(self, event: messages.Event) -> None:
        """A final event: its provisional one is done with."""
        self._open.pop(event.event_id, None)
