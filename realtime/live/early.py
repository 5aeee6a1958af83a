"""Early events: what was announced before it was over, until its final event or its withdrawal."""

from collections import deque
from typing import Any, Final

from realtime import messages
from realtime.processes.histogram import Histogram

_WITHDRAWN_KEPT: Final = 100


class EarlyEvents:
    """Keeps what is open, by event id, and counts how early and how often right."""

    def __init__(self) -> None:
        self.announced = self.confirmed = self.withdrawn = self.unannounced = 0
        self.apex_to_announced = Histogram()
        self._open: dict[str, messages.Event] = {}
        self._too_late: deque[str] = deque(maxlen=_WITHDRAWN_KEPT)

    def announce(self, event: messages.Event) -> bool:
        """A provisional event; False where it was withdrawn before it could be recognised."""
        if event.event_id in self._too_late:
            return False
        self._open[event.event_id] = event
        self.announced += 1
        self.apex_to_announced.add(event.latency_ms["total"])
        return True

    def settle(self, event: messages.Event) -> None:
        """A final event: it confirms the provisional one of its id, if there was one."""
        if self._open.pop(event.event_id, None) is not None:
            self.confirmed += 1
        elif event.kind == "micro":
            self.unannounced += 1

    def withdraw(self, event_id: str, reason: str) -> messages.Event | None:
        """The event to publish; None where the provisional one never went out."""
        event = self._open.pop(event_id, None)
        if event is None:
            self._too_late.append(event_id)
            return None
        self.withdrawn += 1
        return messages.withdrawn(event, reason)

    def withdraw_all(self, reason: str, camera: str | None = None) -> list[messages.Event]:
        """The same for everything that is open, of one camera or of all."""
        ids = [event_id for event_id, event in self._open.items() if camera in (None, event.camera)]
        return [event for event_id in ids if (event := self.withdraw(event_id, reason)) is not None]

    def summary(self) -> dict[str, Any]:
        """For report.json."""
        return {
            "provisional": self.announced,
            "confirmed": self.confirmed,
            "withdrawn": self.withdrawn,
            "final_without": self.unannounced,
            "apex_to_provisional_ms": self.apex_to_announced.summary(),
        }
