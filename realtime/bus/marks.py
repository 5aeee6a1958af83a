"""Stimulus markers on their way into a running program: what a client sends up the public socket.

One message of an XSUB socket: the byte 2, then msgpack of `Mark`. 0 and 1 are ZeroMQ's own, for subscriptions.
"""

import time
from dataclasses import dataclass
from typing import Final

import msgspec

PREFIX: Final = b"\x02"
LONGEST: Final = 200
_SAME_CLOCK_NS: Final = 5 * 10**9


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``wall_ns`` is `time.time_ns` when the stimulus was shown."""

    text: str
    wall_ns: int


@dataclass(frozen=True)
class Arrived:
    """A mark on this machine's monotonic clock."""

    text: str
    host_ns: int


def encode(text: str, wall_ns: int) -> bytes:
    """The message of one marker."""
    return PREFIX + msgspec.msgpack.encode(Mark(text, wall_ns))


def decode(message: bytes) -> Arrived | None:
    """A marker that just arrived; None for anything else.

    A sender whose clock is off by seconds is another machine's: its marker counts from its arrival.
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
    """Whether it may be a marker: 1 to `LONGEST` printable characters."""
    return 0 < len(text) <= LONGEST and text.isprintable()
