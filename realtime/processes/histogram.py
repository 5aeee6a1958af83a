"""Latency histograms of constant size, which a process sends with every beat."""

import math
from typing import Final

import msgspec
import numpy as np

_LEAST_MS: Final = 1e-3
_PER_OCTAVE: Final = 16
_BINS: Final = 27 * _PER_OCTAVE  # up to 134 s


class Histogram:
    """Times in milliseconds, counted in bins 4.4 % wide from 1 microsecond to two minutes; memory never
    grows.
    """

    def __init__(self) -> None:
        self._bins = np.zeros(_BINS, dtype=np.int64)
        self.count = 0
        self.max = 0.0

    def add(self, ms: float) -> None:
        """Counts one time."""
        place = 0 if ms <= _LEAST_MS else int(math.log2(ms / _LEAST_MS) * _PER_OCTAVE)
        self._bins[min(place, _BINS - 1)] += 1
        self.count += 1
        self.max = max(self.max, ms)

    def quantile(self, q: float) -> float:
        """The time below which a share ``q`` of them lies: the upper edge of its bin, never more than the
        largest.
        """
        if not self.count:
            return 0.0
        place = int(np.searchsorted(np.cumsum(self._bins), max(1, math.ceil(q * self.count))))
        return min(self.max, _LEAST_MS * 2 ** ((place + 1) / _PER_OCTAVE))

    def summary(self) -> dict[str, float]:
        """p50, p99, max and how many."""
        return {
            "p50": round(self.quantile(0.5), 3),
            "p99": round(self.quantile(0.99), 3),
            "max": round(self.max, 3),
            "count": self.count,
        }

    def merge(self, other: "Histogram") -> None:
        """Adds another's counts."""
        self._bins += other._bins
        self.count += other.count
        self.max = max(self.max, other.max)

    def pack(self) -> bytes:
        """For the way between processes."""
        places = np.flatnonzero(self._bins)
        return msgspec.msgpack.encode((self.max, places.tolist(), self._bins[places].tolist()))

    @classmethod
    def unpack(cls, packed: bytes) -> "Histogram":
        """The inverse of `pack`. Raises msgspec.ValidationError or ValueError on anything else."""
        largest, places, counts = msgspec.msgpack.decode(packed, type=tuple[float, list[int], list[int]])
        if (
            len(places) != len(counts)
            or any(not 0 <= place < _BINS for place in places)
            or min(counts, default=0) < 0
            or sum(counts) >= 1 << 62
        ):
            raise ValueError("not a histogram")
        made = cls()
        made._bins[places] = counts
        made.count = sum(counts)
        made.max = largest
        return made
