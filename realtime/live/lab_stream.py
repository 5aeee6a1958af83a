"""``--lsl``: events as a marker stream of the Lab Streaming Layer, beside EEG and whatever else a laboratory records.

One string a sample: the event as JSON, the same object as on the bus. Its LSL time is that of the apex.
"""

import socket
import time
from typing import Any, Final

import msgspec

from engines.errors import InputError
from realtime import messages

NAME: Final = "apexcam"


class LabStream:
    """An outlet of type Markers. LSL has no keys: the whole local network sees it. InputError without pylsl."""

    def __init__(self) -> None:
        try:
            import pylsl
        except ImportError:
            raise InputError("--lsl: pylsl is not installed; pip install 'apexcam[lsl]'") from None
        except (OSError, RuntimeError) as error:
            said = " ".join(str(error).split())[:160]
            raise InputError(f"--lsl: pylsl finds no liblsl library: {said}") from None
        self._clock: Any = pylsl.local_clock
        info = pylsl.StreamInfo(
            NAME, "Markers", 1, pylsl.IRREGULAR_RATE, "string", f"{NAME}-{socket.gethostname()}"
        )
        about = info.desc()
        about.append_child_value("manufacturer", NAME)
        about.append_child_value("schema", "apexcam.event/1, JSON; time stamps are those of the apex")
        self._outlet: Any = pylsl.StreamOutlet(info)

    def push(self, event: messages.Event, apex_host_ns: int) -> None:
        """Sends an event whose apex came at a time of `time.monotonic_ns` of this machine."""
        stamp = self._clock() - (time.monotonic_ns() - apex_host_ns) / 1e9
        self._outlet.push_sample([msgspec.json.encode(event).decode()], stamp)

    def close(self) -> None:
        """Ends the stream; nothing can be pushed any more."""
        self._outlet = None
