"""``--markers lsl``: the markers of every marker stream of the Lab Streaming Layer, on this machine's clock."""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from engines.errors import InputError
from realtime.live.sinks.lab_stream import NAME, load_pylsl
from realtime.markers import Marker

_LOOK_S: Final = 1.0


class LslMarkers:
    """A thread that finds streams of type Markers, named ``name`` if given, but never this program's own.

    ``put`` takes each marker, ``say`` a line when a stream is found; both are called from the thread. Raises InputError
    without pylsl or its library.
    """

    def __init__(self, name: str, put: Callable[[Marker], None], say: Callable[[str], None]) -> None:
        self._pylsl: Any = load_pylsl("--markers lsl")
        self._name, self._put, self._say = name, put, say
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="lsl markers", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        pylsl = self._pylsl
        resolver = pylsl.ContinuousResolver("type", "Markers")
        inlets: dict[str, Any] = {}
        looked = 0.0
        while not self._leave.is_set():
            now = time.monotonic()
            if now - looked > _LOOK_S or not inlets:
                looked = now
                self._find(resolver, inlets)
            for inlet in inlets.values():
                self._pull(inlet)
            self._leave.wait(0.02)
        for inlet in inlets.values():
            inlet.close_stream()

    def _find(self, resolver: Any, inlets: dict[str, Any]) -> None:
        for info in resolver.results():
            if info.uid() in inlets or info.name() == NAME or (self._name and info.name() != self._name):
                continue
            # Its clock's offset is measured and taken off the stamps.
            flags = self._pylsl.proc_clocksync
            inlets[info.uid()] = self._pylsl.StreamInlet(info, processing_flags=flags)
            self._say(f"markers of the LSL stream {info.name()} on {info.hostname()}")

    def _pull(self, inlet: Any) -> None:
        try:
            samples, stamps = inlet.pull_chunk(timeout=0.0)
        except self._pylsl.LostError:
            return
        for sample, stamp in zip(samples, stamps, strict=True):
            age_s = self._pylsl.local_clock() - stamp
            self._put(Marker(time.monotonic_ns() - round(age_s * 1e9), str(sample[0])[:200]))

    def close(self) -> None:
        """Leaves every stream."""
        self._leave.set()
        self._thread.join(2.0)


def open_markers(spec: str, put: Callable[[Marker], None], say: Callable[[str], None]) -> LslMarkers:
    """``lsl`` or ``lsl:NAME``. Raises InputError for anything else."""
    kind, _, name = spec.partition(":")
    if kind != "lsl":
        raise InputError(
            f"--markers {spec}: give lsl, or lsl:NAME for one stream; apexcam mark needs no option"
        )
    return LslMarkers(name, put, say)
