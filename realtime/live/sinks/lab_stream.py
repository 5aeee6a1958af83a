"""``--sink lsl``: events as a marker stream of the Lab Streaming Layer, beside EEG and what else a laboratory records.

One string a sample: the event as JSON, the same object as on the bus. Its LSL time is that of the apex.
"""

import math
import socket
import time
from typing import Any, Final

import msgspec

from engines.errors import InputError
from realtime import messages
from realtime.live.sinks import Published

NAME: Final = "apexcam"


def load_pylsl(option: str) -> Any:
    """The module. Raises InputError naming the option where it or its library is missing."""
    try:
        import pylsl
    except ImportError:
        raise InputError(f"{option}: pylsl is not installed; pip install 'apexcam[lsl]'") from None
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{option}: pylsl finds no liblsl library: {reason}") from None
    return pylsl


class LabStream:
    """An outlet of type Markers. LSL has no keys: the whole local network sees it."""

    def __init__(self) -> None:
        self._outlet: Any = None
        self._clock: Any = None

    def open(self) -> None:
        """Makes the outlet. Raises InputError without pylsl or its library."""
        pylsl = load_pylsl("--sink lsl")
        self._clock = pylsl.local_clock
        info = pylsl.StreamInfo(
            NAME, "Markers", 1, pylsl.IRREGULAR_RATE, "string", f"{NAME}-{socket.gethostname()}"
        )
        about = info.desc()
        about.append_child_value("manufacturer", NAME)
        about.append_child_value("schema", "apexcam.event/1, JSON; time stamps are those of the apex")
        self._outlet = pylsl.StreamOutlet(info)

    def event(self, published: Published) -> None:
        """Sends an event, stamped with the time of its apex."""
        stamp = self._clock() - (time.monotonic_ns() - published.apex_host_ns) / 1e9
        self._outlet.push_sample([msgspec.json.encode(published.event).decode()], stamp)

    def close(self) -> None:
        """Ends the stream; nothing can be sent any more."""
        self._outlet = None


class LabMotion:
    """``--sink lsl-motion``: the motion of every region, x and y in pixels of the crop, at the bus's rate of states.

    Samples are stamped with the time of their frame; NaN while there is no face. The channels are those of the first
    state that shows a face.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._pylsl: Any = None
        self._outlet: Any = None
        self._names: list[str] = []

    def open(self) -> None:
        """Raises InputError without pylsl or its library."""
        self._pylsl = load_pylsl("--sink lsl-motion")

    def event(self, published: Published) -> None:
        """Events are the stream of ``--sink lsl``."""

    def state(self, state: messages.State, host_ns: int) -> None:
        """Sends one sample, stamped with the time at which its frame came."""
        face = state.faces[0] if state.faces and state.faces[0].regions else None
        if self._outlet is None:
            if face is None:
                return
            self._names = [region.name for region in face.regions]
            self._outlet = self._make()
        sample = [math.nan] * (2 * len(self._names))
        if face is not None:
            motion = {region.name: (region.dx, region.dy) for region in face.regions}
            sample = [value for name in self._names for value in motion.get(name, (math.nan, math.nan))]
        stamp = self._pylsl.local_clock() - (time.monotonic_ns() - host_ns) / 1e9
        self._outlet.push_sample(sample, stamp)

    def _make(self) -> Any:
        pylsl = self._pylsl
        host = socket.gethostname()
        info = pylsl.StreamInfo(
            f"{NAME} motion",
            "Motion",
            2 * len(self._names),
            self._rate_hz,
            "float32",
            f"{NAME}-motion-{host}",
        )
        channels = info.desc().append_child("channels")
        for name in self._names:
            for axis in ("x", "y"):
                channel = channels.append_child("channel")
                channel.append_child_value("label", f"{name} {axis}")
                channel.append_child_value("unit", "pixels of the 170x140 crop")
        return pylsl.StreamOutlet(info)

    def close(self) -> None:
        """Ends the stream."""
        self._outlet = None
