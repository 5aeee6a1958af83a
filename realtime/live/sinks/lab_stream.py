"""``--sink lsl``: events as a marker stream of the Lab Streaming Layer, beside EEG and what else a laboratory records.

One string a sample: the event as JSON, the same object as on the bus. Its LSL time is that of the apex.
"""

import socket
import time
from typing import Any, Final

import msgspec

from engines.errors import InputError
from realtime.live.sinks import Published

NAME: Final = "apexcam"


class LabStream:
    """An outlet of type Markers. LSL has no keys: the whole local network sees it."""

    def __init__(self) -> None:
        self._outlet: Any = None
        self._clock: Any = None

    def open(self) -> None:
        """Makes the outlet. Raises InputError without pylsl or its library."""
        try:
            import pylsl
        except ImportError:
            raise InputError(
                "Lab Streaming Layer: pylsl is not installed; pip install 'apexcam[lsl]'"
            ) from None
        except (OSError, RuntimeError) as error:
            said = " ".join(str(error).split())[:160]
            raise InputError(f"Lab Streaming Layer: pylsl finds no liblsl library: {said}") from None
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
