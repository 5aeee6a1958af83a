"""A sink in a thread of its own: whatever it does, the run and the other sinks go on."""

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Final

from realtime import messages
from realtime.live.sinks import EarlySink, Published, Sink, StateSink

QUEUE: Final = 256
_CLOSE_S: Final = 2.0


_Seen = tuple[messages.State, int]


class Isolated:
    """Wraps ``sink``; ``say`` is given one line when it fails, from its thread."""

    def __init__(self, name: str, sink: Sink, say: Callable[[str], None]) -> None:
        self.name = name
        self.delivered = self.lost = 0
        self.problem = ""
        self._say = say
        self._sink = sink
        self._waiting: queue.Queue[Published | messages.Event | _Seen | None] = queue.Queue(QUEUE)
        self._takes_states = isinstance(sink, StateSink)
        self._takes_early = isinstance(sink, EarlySink)
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Opens the sink and starts its thread. Raises InputError where it cannot be used."""
        self._sink.open()
        self._thread = threading.Thread(target=self._deliver, name=f"sink {self.name}", daemon=True)
        self._thread.start()

    def event(self, published: Published) -> None:
        """Hands an event over; counts it as lost where the sink failed or is far behind."""
        if self.problem:
            self.lost += 1
            return
        try:
            self._waiting.put_nowait(published)
        except queue.Full:
            if not self.lost:
                self._say(f"sink {self.name}: too slow, events are lost to it")
            self.lost += 1

    def state(self, state: messages.State, host_ns: int) -> None:
        """Hands a state over to a sink that takes them; one that is far behind misses it."""
        if self._takes_states and not self.problem:
            with contextlib.suppress(queue.Full):
                self._waiting.put_nowait((state, host_ns))

    def early(self, event: messages.Event) -> None:
        """Hands a provisional or withdrawn event over to a sink that takes them; one that is far behind misses it."""
        if self._takes_early and not self.problem:
            with contextlib.suppress(queue.Full):
                self._waiting.put_nowait(event)

    def health(self) -> messages.SinkHealth:
        """What became of its events."""
        return messages.SinkHealth(
            name=self.name, delivered=self.delivered, lost=self.lost, problem=self.problem
        )

    def close(self) -> None:
        """Gives it two seconds for what it still holds; may be called twice."""
        if self._thread is None:
            return
        thread, self._thread = self._thread, None
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        thread.join(_CLOSE_S)
        self.lost += sum(isinstance(waiting, Published) for waiting in tuple(self._waiting.queue))

    def _deliver(self) -> None:
        try:
            while (waiting := self._waiting.get()) is not None:
                if isinstance(waiting, Published):
                    self._sink.event(waiting)
                    self.delivered += 1
                elif isinstance(waiting, messages.Event):
                    if isinstance(self._sink, EarlySink):
                        self._sink.early(waiting)
                elif isinstance(self._sink, StateSink):
                    self._sink.state(*waiting)
        except Exception as error:  # whatever a stranger's sink raises
            self.problem = f"{type(error).__name__}: {error}"
            self.lost += 1
            self._say(f"sink {self.name}: {self.problem}; going on without it")
        with contextlib.suppress(Exception):
            self._sink.close()
