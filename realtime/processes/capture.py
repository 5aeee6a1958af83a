"""Capture: the source → the ring. Nothing else happens here, so that it is back in time for the next frame."""

import time
from typing import Any

from engines.errors import InputError
from realtime import ring
from realtime.config import Config
from realtime.processes import wire
from realtime.processes.child import Link, load, retitle
from realtime.processes.counts import CaptureCounts
from realtime.processes.spec import Spec
from realtime.sources.base import PacedSource

_LEAST_SLOTS = 8
_MEASURE_S = 4.0
_LET_GO_S = 5.0
_TOLD_KEPT = 1000
# Waits longer than this are told to main all the while; a pause longer than that is told to the user.
_SLICE_S, _PAUSE_S = 0.1, 3.0


class _Finished(BaseException):
    """Main asked for the end, or the time is over, while capture waited for a frame's time."""


def run(link: Link, spec: Spec) -> None:
    """Opens the source, makes the ring, waits for everybody, then writes every frame into it."""
    source = open_for_live(spec)
    try:
        info = source.info
        slots, advice = _slots_left(link, spec, info)
        name = ring.free_name(f"{info.name}-{spec.camera}" if spec.camera else info.name, spec.main_pid)
        with ring.RingWriter(name, slots, info.height, info.width) as writer:
            link.send(
                wire.Opened(
                    ring=name,
                    generation=spec.generation,
                    name=info.name,
                    spec=info.spec,
                    kind=info.kind,
                    width=info.width,
                    height=info.height,
                    fps=info.fps,
                    frames=info.frames,
                    advice=". ".join(
                        line for line in (info.advice, pace_advice(spec.pace, info), advice) if line
                    ),
                )
            )
            link.send(wire.Ready())
            retitle(spec, info.name)
            _wait_for_go(link, spec, source)
            _capture(link, spec, source, writer)
            link.wait_for_exit()
    finally:
        source.close()


def open_for_live(spec: Spec) -> Any:
    """The source, paced as a camera would be: a file at its own times unless told otherwise."""
    from realtime.sources import kind_row

    asked = spec.config.source
    row = kind_row(spec.source)
    pace: float | str | None = spec.pace
    if pace is None and not row.paces_itself:
        pace = asked.fps if row.takes_size else "own"
    # After `kind_row`, whose package sets what OpenCV reads when it is loaded.
    import cv2

    cv2.setNumThreads(1)
    return load(spec.stages.open_source)(
        spec.source, fps=asked.fps, width=asked.width, height=asked.height, pace=pace, rate=spec.rate
    )


def pace_advice(pace: float | None, info: Any) -> str:
    """One line where a recording is played at another rate than its times say; else empty."""
    if pace is None or not info.fps or info.kind not in ("file", "images") or abs(pace / info.fps - 1) < 0.02:
        return ""
    return (
        f"played at {pace:g} fps, but its times stay those of {info.fps:.5g}; if it was filmed at {pace:g}: "
        f"--fps {pace:g}"
    )


def _slots_left(link: Link, spec: Spec, info: Any) -> tuple[int, str]:
    """`ring_slots`; whoever still copies out of the ring of a capture that died is waited for."""
    give_up = time.monotonic() + (_LET_GO_S if spec.generation else 0.0)
    while True:
        try:
            return ring_slots(spec.config, info.fps, info.height, info.width, recording=bool(spec.record))
        except InputError:
            if time.monotonic() > give_up:
                raise
        link.beat()
        time.sleep(0.05)


def _wait_for_go(link: Link, spec: Spec, source: Any) -> None:
    """Waits until everybody is ready. A live source is read meanwhile: its buffers stay fresh and it is measured."""
    if source.info.kind not in ("camera", "url"):
        link.wait_for(wire.Begin)
        return
    from realtime.sources import cameras

    meter, since = cameras.Meter(), time.monotonic()
    while not isinstance(link.receive(), wire.Begin):
        link.beat()
        frame = source.read()
        if frame is None:
            link.wait_for(wire.Begin)
            return
        if time.monotonic() - since > _MEASURE_S:
            meter, since = cameras.Meter(), time.monotonic()
        meter.add(frame)
    measured = meter.measured()
    if measured.seconds < _MEASURE_S / 8:
        return
    link.send(
        wire.Note(
            f"{source.info.name}: delivers {measured.fps:.1f} fps, jitter {measured.jitter_p99_ms:.1f} ms"
        )
    )
    asked = spec.config.source.fps
    if source.info.kind == "camera" and (why := cameras.diagnose(asked, source.granted, measured)):
        link.send(wire.Note(f"{source.info.name}: {why}"))
    if loses := cameras.advice(measured.fps):
        link.send(wire.Note(f"{source.info.name}: {loses}"))


def ring_slots(config: Config, fps: float, height: int, width: int, *, recording: bool) -> tuple[int, str]:
    """How many frames the ring holds, and a line of advice if shared memory is short. Raises InputError."""
    seconds = config.ring.seconds
    if recording:
        # The recorder comes when an event is over and named: the whole of it must still be there.
        seconds = max(seconds, 2.0 + config.record.before_s)
    wanted = max(_LEAST_SLOTS, round(seconds * (fps or config.source.fps)))
    free = ring.free_slots(height, width)
    if free is None or free * 0.9 >= wanted:
        return min(wanted, 65536), ""
    fit = int(free * 0.9)
    if fit < _LEAST_SLOTS:
        raise InputError(
            f"/dev/shm has room for {free} frames of {width}x{height}, at least {_LEAST_SLOTS} are needed; "
            "enlarge it (in a container: --shm-size=512m) or ask for smaller frames"
        )
    held = fit / (fps or config.source.fps)
    return (
        fit,
        f"/dev/shm holds only {held:.2f} s of frames, {seconds:g} s were asked; enlarge it (--shm-size)",
    )


def _capture(link: Link, spec: Spec, source: Any, writer: ring.RingWriter) -> None:
    counts = CaptureCounts()
    until_ns: int | None = None
    offset = _resume(link, spec, source)
    lost = False
    truth = Truth(source)
    paused = False

    def wait(seconds: float) -> None:
        """Sleeps, and is heard of and hears meanwhile: a pause of seconds in a film's times is no hang."""
        nonlocal paused
        due = time.monotonic() + seconds
        if seconds > _PAUSE_S and spec.pace is None and not paused:
            paused = True
            link.send(wire.Note(f"{source.info.name}: its times pause for {seconds:.0f} s; waiting"))
        while (left := due - time.monotonic()) > _SLICE_S:
            if isinstance(link.receive(_SLICE_S / 2), wire.Finish):
                raise _Finished
            if until_ns is not None and time.monotonic_ns() >= until_ns:
                raise _Finished
            link.beat()
            writer.beat()
        time.sleep(max(0.0, left))

    if isinstance(source, PacedSource):
        source.wait_with(wait)
    try:
        while True:
            if isinstance(link.receive(), wire.Finish):
                break
            frame = source.read()
            if frame is None:
                lost = source.lost
                break
            if offset is None:
                # What was read while the others got ready does not count.
                offset = spec.first_index - frame.index
            if spec.duration_s is not None:
                until_ns = until_ns or frame.host_ns + round(spec.duration_s * 1e9)
                if frame.host_ns >= until_ns:
                    break
            frame.index += offset
            writer.write(frame)
            counts.captured += 1
            counts.lost_driver += frame.gap
            counts.first_ns = counts.first_ns or frame.host_ns
            counts.last_ns = frame.host_ns
            counts.last_index = frame.index
            if link.due():
                link.beat(counts)
                truth.send(link, frame.index)
    except _Finished:
        pass
    finally:
        # However it ends: what was counted tells the next capture where to go on.
        link.beat(counts, now=True)
    writer.end()
    truth.send(link, counts.last_index)
    link.send(wire.Ended(lost=lost, damaged=getattr(source, "damaged", False), problem=source.problem))


def _resume(link: Link, spec: Spec, source: Any) -> int | None:
    """What is added to every index: a live source goes on counting after a crash, any other goes on where it was."""
    if source.info.kind in ("camera", "url"):
        return None
    source.skip(spec.first_index, link.beat)
    return 0


class Truth:
    """What the demo knows about its own frames; nothing for every other source.

    Told a little ahead, so that a published event can be shown beside it.
    """

    def __init__(self, source: Any) -> None:
        self._ask = getattr(getattr(source, "renderer", source), "truth", None)
        self._ahead = round(source.info.fps or 25.0)
        self._told: dict[tuple[int, int, str], None] = {}

    def send(self, link: Link, frame: int) -> None:
        """Sends the movements that are new since the last call."""
        if self._ask is None:
            return
        known = self._ask(frame + self._ahead, max(0, frame - 2 * self._ahead))
        new = [one for one in known if (one.onset, one.offset, one.kind) not in self._told]
        for one in new:
            self._told[one.onset, one.offset, one.kind] = None
        while len(self._told) > _TOLD_KEPT:
            del self._told[next(iter(self._told))]
        if new:
            link.send(wire.Truths([_truth(one) for one in new]))


def _truth(one: Any) -> wire.Truth:
    return wire.Truth(
        kind=str(one.kind),
        label=one.label,
        onset=int(one.onset),
        apex=int(one.apex),
        offset=int(one.offset),
        amplitude_px=float(one.amplitude_px),
    )
