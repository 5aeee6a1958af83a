"""Waiting for a 32-bit word in shared memory to change: a futex on Linux, adaptive short sleeps elsewhere.

A futex wakes a reader within tens of microseconds and costs nothing while it waits. It needs no handles passed
between processes, and a killed process leaves nothing locked.
"""

import ctypes
import platform
import sys
import time
from collections.abc import Callable

_FUTEX_WAIT, _FUTEX_WAKE = 0, 1
_SLICE_S = 0.1  # signals are handled between waits
_SYSCALL = {"x86_64": 202, "AMD64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "s390x": 238}


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def _futex() -> Callable[..., int] | None:
    """The raw system call, after a trial call; None where it is absent or forbidden."""
    number = _SYSCALL.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return None
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long

    def futex(address: int, operation: int, value: int, timeout: _Timespec | None) -> int:
        return int(
            syscall(
                ctypes.c_long(number),
                ctypes.c_void_p(address),
                ctypes.c_long(operation),
                ctypes.c_uint32(value),
                ctypes.byref(timeout) if timeout is not None else None,
                None,
                ctypes.c_long(0),
            )
        )

    word = ctypes.c_uint32(0)
    return futex if futex(ctypes.addressof(word), _FUTEX_WAKE, 1, None) == 0 else None


FUTEX = _futex()


def wake_all(address: int) -> None:
    """Wakes every process that waits on the word at ``address``, which must have been changed before."""
    if FUTEX is not None:
        FUTEX(address, _FUTEX_WAKE, 0x7FFFFFFF, None)


class Waiter:
    """Waits until ``word()`` changes.

    Without a futex it sleeps for most of the usual interval between changes and then polls every half millisecond,
    which bounds both delay and load.
    """

    def __init__(self, address: int, word: Callable[[], int], *, futex: bool = True) -> None:
        self._address = address
        self._word = word
        self._futex = FUTEX if futex else None
        self._interval = 0.0
        self._changed = 0.0

    def wait(self, seen: int, timeout_s: float) -> bool:
        """Waits until the word differs from ``seen``; returns False if ``timeout_s`` seconds pass first."""
        deadline = time.monotonic() + timeout_s
        if self._futex is None:
            return self._poll(seen, deadline)
        while self._word() == seen:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            left = min(left, _SLICE_S)
            self._futex(self._address, _FUTEX_WAIT, seen, _Timespec(int(left), int(left % 1 * 1e9)))
        return True

    def _poll(self, seen: int, deadline: float) -> bool:
        while self._word() == seen:
            now = time.monotonic()
            if now >= deadline:
                return False
            since = now - self._changed
            ahead = 0.8 * self._interval - since
            # A silent source is polled less and less often, but at least every 5 ms.
            rest = ahead if ahead > 0.0005 else min(0.005, max(0.0005, 0.05 * since))
            time.sleep(min(rest, 0.02, deadline - now))
        now = time.monotonic()
        if self._changed:
            self._interval += 0.1 * (min(now - self._changed, 0.1) - self._interval)
        self._changed = now
        return True
