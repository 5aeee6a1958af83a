"""What happens when in a scene: which performances a frame shows, and the truth about those that are over."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import NamedTuple

from engines.errors import InputError
from engines.synthesis.performance import Performance, Truth, check_order, frames_of
from engines.synthesis.scene import Scene
from engines.synthesis.script import Script


class Seen(NamedTuple):
    """A performance seen at time t (s): its number, and what its field is to be multiplied with."""

    number: int
    event: Performance
    part: float
    t: float


class Timeline:
    """Reads a scene's performances, perhaps endless, as far as they are asked for.

    ``unit`` is the length of 1/200 of the face's width and ``lid_travel`` the way of a lid, both px of the frame.
    """

    def __init__(self, scene: Scene, unit: float, lid_travel: float) -> None:
        self._fps, self._unit, self._lid_travel = scene.fps, unit, lid_travel
        self._endless = isinstance(scene.performances, Script) and scene.performances.duration_s is None
        self._events: list[Performance] = []
        self._onsets: list[float] = []
        self._truths: list[Truth | None] = []
        self._longest = 0.0
        self._source: Iterator[Performance] | None = check_order(scene.performances)

    def _pull(self, t: float) -> None:
        """Reads performances until one begins after t."""
        while self._source is not None and (not self._onsets or self._onsets[-1] <= t):
            event = next(self._source, None)
            if event is None:
                self._source = None
                return
            self._events.append(event)
            self._onsets.append(event.onset_s)
            self._longest = max(self._longest, event.offset_s - event.onset_s)

    def active(self, i: int) -> list[Seen]:
        """Performances seen in frame i."""
        t = i / self._fps
        self._pull(t)
        found = []
        k = bisect.bisect_right(self._onsets, t) - 1
        while k >= 0 and self._onsets[k] >= t - self._longest:
            event = self._events[k]
            part = event.amplitude(t) if event.take is None else event.rise(t)
            if part > 0:
                found.append(Seen(k, event, part, t))
            k -= 1
        return found[::-1]

    def truth(self, until_frame: int | None = None, from_frame: int = 0) -> list[Truth]:
        """Performances that are over at frame `until_frame` (their offset is at or before it), in order of
        onset.

        None: all of them; InputError where they never end. Those over before `from_frame` are left out.
        """
        if until_frame is None:
            if self._endless:
                raise InputError("truth: this scene is endless; say until which frame")
            self._pull(float("inf"))
        else:
            self._pull(until_frame / self._fps)
        while len(self._truths) < len(self._events):
            self._truths.append(self._truth_of(self._events[len(self._truths)]))
        first = bisect.bisect_left(self._onsets, from_frame / self._fps - self._longest)
        last = bisect.bisect_right(
            self._onsets, float("inf") if until_frame is None else until_frame / self._fps
        )
        return [
            truth
            for truth in self._truths[first:last]
            if truth is not None
            and truth.offset >= from_frame
            and (until_frame is None or truth.offset <= until_frame)
        ]

    def _truth_of(self, event: Performance) -> Truth | None:
        frames = frames_of(event, self._fps)
        if frames is None:
            return None
        strongest = event.amplitude_px
        if event.kind == "blink":
            strongest = event.closure * self._lid_travel / self._unit
        return Truth(event.kind, event.label, event.aus, *frames, strongest, strongest * self._unit)
