"""Stimulus markers that clients send to a running program through the public socket.

Each is a message of an XSUB socket: the byte 2, then msgpack of `Mark`. ZeroMQ uses 0 and 1 for subscriptions.
"""

import time
from dataclasses import dataclass
from typing import Final

import msgspec

PREFIX: Final = b"\x02"
LONGEST: Final = 200
_SAME_CLOCK_NS: Final = 5 * 10**9


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A marker as sent; ``wall_ns`` is `time.time_ns` of the stimulus."""

    text: str
    wall_ns: int


@dataclass(frozen=True)
class Arrived:
    """A marker as received, on this machine's monotonic clock (ns)."""

    text: str
    host_ns: int


def encode(text: str, wall_ns: int) -> bytes:
    """The message for one marker."""
    return PREFIX + msgspec.msgpack.encode(Mark(text, wall_ns))


def decode(message: bytes) -> Arrived | None:
    """The marker in a message that just arrived; None for anything else.

    If the sender's clock differs by seconds, it is another machine's, and the time of arrival counts.
    """
    if message[:1] != PREFIX:
        return None
    try:
        mark = msgspec.msgpack.decode(message[1:], type=Mark)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not is_text(mark.text):
        return None
    age_ns = time.time_ns() - mark.wall_ns
    return Arrived(mark.text, time.monotonic_ns() - (age_ns if 0 <= age_ns <= _SAME_CLOCK_NS else 0))


def is_text(text: str) -> bool:
    """Whether ``text`` is valid for a marker: 1 to `LONGEST` printable characters."""
    return 0 < len(text) <= LONGEST and text.isprintable()
