"""Watch: the ring → candidates and state. Every frame, in order; what it was too slow for is counted."""

import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from realtime import ring
from realtime.processes import wire
from realtime.processes.child import Link, load, retitle
from realtime.processes.counts import WatchCounts
from realtime.processes.histogram import Histogram
from realtime.processes.spec import Spec


def run(link: Link, spec: Spec) -> None:
    """Loads the models while capture opens the source, then follows the ring to its end."""
    make_watcher = load(spec.stages.watcher)
    import cv2

    cv2.setNumThreads(1)
    watch = Watch(link, spec, make_watcher)
    watch.attach(link.wait_for(wire.Attach))
    link.send(wire.Ready({"spotting": spec.config.spotting.method}))
    try:
        watch.follow()
    finally:
        watch.close()


class Watch:
    """One camera's watcher and the ring it reads."""

    def __init__(self, link: Link, spec: Spec, make_watcher: Any) -> None:
        self._link = link
        self._spec = spec
        self._make_watcher = make_watcher
        self._watcher: Any = None
        self._reader: ring.RingReader | None = None
        self._encoder = msgspec.msgpack.Encoder()
        self._latency = Histogram()
        self._counts = WatchCounts()
        self._state_every_ns = round(1e9 / spec.config.bus.state_hz)
        self._next_state_ns = 0
        self._finished = False
        self._refused: Counter[str] = Counter()

    def attach(self, order: wire.Attach) -> None:
        """Goes over to another ring: what was begun on the old one is finished first, what was not read is
        counted.
        """
        self._finish_movements()
        if self._reader is not None:
            self._counts.lost_ring += self._reader.lag
        self.close()
        self._reader = ring.RingReader(order.ring, order.position, timeout_s=5.0)
        self._image = np.empty((self._reader.height, self._reader.width, 3), np.uint8)
        config = self._spec.config
        self._watcher = self._make_watcher(config.faces, config.spotting, order.camera, wall)
        self._counts.serial = order.serial
        retitle(self._spec, order.camera)

    def _finish_movements(self) -> None:
        if self._watcher is not None and not self._finished:
            self._send(self._watcher.flush())
            self._send_early()
        self._finished = False

    def close(self) -> None:
        """Lets the ring go."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if self._watcher is not None:
            self._refused += self._watcher.refused()
            self._watcher.close()
        self._watcher = None

    def follow(self) -> None:
        """Reads until main says bye; ends by raising `Leave`."""
        link, ended, last_words = self._link, False, False
        while True:
            order = link.receive(0.1 if ended else 0.0)
            if isinstance(order, wire.Attach):
                self.attach(order)
                ended = last_words = False
            elif isinstance(order, wire.Finish):
                # Capture is gone and cannot mark the end: what the ring still holds is all there is.
                last_words = True
            if link.due():
                self._beat()
            if ended:
                continue
            assert self._reader is not None
            item = self._reader.read(0.1, self._image)
            if isinstance(item, ring.Frame):
                self._step(item)
            elif isinstance(item, ring.Lapped):
                self._counts.lost_ring += item.count
                self._watcher.lost(item.count)
            elif isinstance(item, ring.End) or last_words:
                ended = True
                self._finish_movements()
                self._finished = True
                self._beat(now=True)
                if not isinstance(item, ring.Replaced):
                    link.send(wire.Ended(serial=self._counts.serial))
                # A capture that starts again may need its memory.
                self._reader.close()
                self._reader = None

    def _step(self, frame: ring.Frame) -> None:
        assert self._reader is not None
        candidates = self._watcher.step(frame)
        done_ns = time.monotonic_ns()
        self._latency.add((done_ns - frame.host_ns) / 1e6)
        self._counts.processed += 1
        self._send(candidates)
        self._send_early()
        if done_ns >= self._next_state_ns:
            self._next_state_ns = max(self._next_state_ns + self._state_every_ns, done_ns)
            self._link.send(wire.StateUpdate(self._watcher.state(frame), frame.host_ns))

    def _send(self, candidates: list[Any]) -> None:
        if candidates:
            spotted = [wire.Spotted(one.apex_host_ns, self._encoder.encode(one)) for one in candidates]
            self._link.send(wire.Candidates(spotted, wire.Heartbeat(self._count(), self._latencies())))

    def _send_early(self) -> None:
        provisional, withdrawn = self._watcher.early()
        self._send(provisional)
        for one in withdrawn:
            self._link.send(wire.Withdrawn(one.event_id, one.reason))

    def _beat(self, *, now: bool = False) -> None:
        self._link.beat(self._count(), self._latencies(), now=now)

    def _count(self) -> WatchCounts:
        if self._reader is not None:
            self._counts.position = self._reader.position
        self._counts.refused = dict(
            self._refused if self._watcher is None else self._refused + self._watcher.refused()
        )
        return self._counts

    def _latencies(self) -> dict[str, bytes]:
        return {"capture_to_watched": self._latency.pack()}


def wall(host_ns: int) -> str:
    """ISO-8601 UTC of a time of `time.monotonic_ns`, milliseconds."""
    at_ns = host_ns + time.time_ns() - time.monotonic_ns()
    text = datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
