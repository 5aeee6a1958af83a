"""The main process of a live run: starts the others, hands out work, publishes, measures, ends in order.

It holds every candidate until it is answered, so that a recognise process that dies loses none and none is
published twice. Ctrl-C and SIGTERM end it in order at any moment, a second Ctrl-C at once; either way nothing
is left behind and the report is written.
"""

import contextlib
import importlib.util
import os
import platform
import signal
import sys
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any, Final

import msgspec
import psutil
import zmq

from engines.cuda.machine import TOGETHER
from engines.errors import InputError
from engines.files import check_file, check_folder
from realtime import messages, ring
from realtime.bus.preview import Previewer
from realtime.bus.publisher import Bus
from realtime.config import Config, dump
from realtime.live.lab_stream import LabStream
from realtime.live.score import Score, best_truth
from realtime.live.terminal import Screen, View
from realtime.output import write_json
from realtime.processes import table, wire
from realtime.processes.child import Spec, Stages
from realtime.processes.histogram import Histogram
from realtime.processes.supervisor import Member, Supervisor, remove_leftovers
from realtime.ring import segment
from realtime.stages.sight import Sight

_TICK_MS: Final = 50
_PATIENCE_S: Final = 6.0
_FINISH_S: Final = 4.0
_GRACE_S: Final = 5.0
_DRAIN_S: Final = 30.0
_RECORD_S: Final = 60.0
_ATTEMPTS: Final = 5


@dataclass(frozen=True)
class Options:
    """What `apexcam live` was asked to do.

    ``pace``: at how many frames a second recordings and the demo are played; ``rate``: at how many they were filmed.
    """

    sources: tuple[str, ...]
    config: Config
    duration_s: float | None = None
    pace: float | None = None
    rate: float | None = None
    dashboard: bool = True
    record: Path | None = None
    report: Path | None = None
    lsl: bool = False
    stages: Stages = field(default_factory=Stages)


@dataclass(eq=False)
class Line:
    """One camera: its two processes and what is known of it."""

    number: int
    source: str
    camera: str
    capture: Member | None = None
    watch: Member | None = None
    opened: wire.Opened | None = None
    serial: int = 0
    gone: bool = False
    capture_ended: bool = False
    watch_gone: bool = False
    read_serial: int = 0
    backoff_s: float = 0.5
    problem: str = ""
    first_ns: int = 0
    last_ns: int = 0
    rate: float = 0.0
    rate_from: tuple[int, int] = (0, 0)
    state: messages.State | None = None
    counts: Counter[str] = field(default_factory=Counter)
    sight: Sight = field(default_factory=Sight)
    score: Score = field(default_factory=Score)
    truths: deque[wire.Truth] = field(default_factory=lambda: deque(maxlen=200))
    apex_to_published: Histogram = field(default_factory=Histogram)
    flow: Histogram = field(default_factory=Histogram)
    classify: Histogram = field(default_factory=Histogram)

    def captured(self, name: str) -> int:
        """A counter of capture, over its restarts."""
        return self.capture.count(name) if self.capture else 0

    def watched(self, name: str) -> int:
        """A counter of watch, over its restarts."""
        return self.watch.count(name) if self.watch else 0

    @property
    def lost_ring(self) -> int:
        """Frames that were captured and not watched."""
        return self.watched("lost_ring") + self.counts["lost_unread"]

    @property
    def watch_ended(self) -> bool:
        """Whether nothing more will come of watch; it may read the end of the ring before capture's word comes."""
        return self.watch_gone or (self.capture_ended and self.read_serial == self.serial)

    @property
    def open(self) -> bool:
        """Whether the capture that lives now has opened the source."""
        capture, opened = self.capture, self.opened
        return bool(capture and opened and capture.alive and opened.generation == capture.spec.generation)


@dataclass(eq=False)
class Pending:
    """A candidate that is not answered yet."""

    line: Line
    found: wire.Spotted
    attempts: int = 0


@dataclass(eq=False)
class Stop:
    """What the signal handlers leave for the loop: why to stop, and whether at once."""

    why: str | None = None
    at_once: bool = False

    def ask(self, why: str) -> None:
        """An orderly end; asked a second time from the keyboard, an end at once."""
        self.at_once = self.at_once or (self.why == why == "Ctrl-C")
        self.why = self.why or why


def run(options: Options, screen: Screen) -> int:
    """Runs until the source ends, the duration is over or somebody stops it.

    Returns 0, or 1 when a process could not be kept alive. Raises InputError when something given is unusable; for a
    truncated file only after everything that could be read was recognised and reported.
    """
    _check_places(options)
    stop = Stop()
    with _signals(stop):
        live = Live(options, screen, stop)
        try:
            return live.run()
        finally:
            live.close()


class Live:
    """One live run."""

    def __init__(self, options: Options, screen: Screen, stop: Stop) -> None:
        remove_leftovers()
        self.options = options
        self.screen = screen
        self.phase = "starting"
        self.ended_because = ""
        self.exit_code = 0
        self.began = time.monotonic()
        self.began_wall = time.time()
        self.went: float | None = None
        self._stop = stop
        self._stages = options.stages
        if options.config.recognise.at is not None:
            self._stages = replace(options.stages, recogniser="realtime.stages.remote:RemoteRecogniser")
        self._said_slow = False
        self._noted: dict[str, Member] = {}
        self._pending: OrderedDict[int, Pending] = OrderedDict()
        self._next_number = 0
        self._at_work: set[int] = set()
        self._model: messages.Model | None = None
        self._phase_since = self.began
        self._record_done = True
        self._to_record = 0
        self._peak_rss_mb = 0.0
        self._next_health = 0.0
        self._next_look = 0.0
        self._me = psutil.Process()
        self._me_rss_mb = self._me_cpu = 0.0
        self.unrecognised = 0
        self.damaged: list[str] = []
        self.lab_stream = LabStream() if options.lsl else None
        self.bus = Bus(options.config.bus)
        try:
            self.supervisor = Supervisor()
        except BaseException:
            self.bus.close(linger_ms=0)
            raise
        self.preview = Previewer(options.config.bus.preview_hz)
        self.lines = [Line(number, source, _word(source)) for number, source in enumerate(options.sources)]
        self.recognise: Member | None = None
        self.record: Member | None = None
        self.dashboard: Member | None = None

    def run(self) -> int:
        """The whole run, from the first process to the report."""
        self._start()
        self._loop()
        self._leave()
        told = self.report()
        if self.options.report is not None:
            write_json(self.options.report, told)
        self.screen.summary(told, self.options.report)
        if self.damaged:
            raise InputError("; ".join(self.damaged))
        return self.exit_code

    def close(self) -> None:
        """Ends whatever is left and removes every trace; safe at any moment and twice."""
        self.screen.close()
        self.preview.close()
        self.supervisor.kill_all()
        self.supervisor.close()
        self.bus.close()
        if self.lab_stream is not None:
            self.lab_stream.close()

    # --- starting

    def _spec(self, role: table.Role, title: str, **more: Any) -> Spec:
        options = self.options
        return Spec(
            role=role,
            title=title,
            identity=b"",
            address="",
            folder=str(self.supervisor.folder),
            main_pid=os.getpid(),
            generation=0,
            config=options.config,
            stages=self._stages,
            record=None if options.record is None else str(options.record),
            endpoint=self.bus.endpoint,
            **more,
        )

    def _start(self) -> None:
        options, supervisor = self.options, self.supervisor
        self.screen.say(f"bus {self.bus.endpoint}")
        if self.lab_stream is not None:
            self.screen.say(
                "Lab Streaming Layer: stream apexcam, type Markers, seen by the whole local network"
            )
        for line in self.lines:
            if self._stop.why:
                return
            spec = self._spec(
                table.CAPTURE,
                f"{line.camera} capture",
                line=line.number,
                source=line.source,
                pace=options.pace,
                rate=options.rate,
                duration_s=options.duration_s,
            )
            line.capture = supervisor.add(table.CAPTURE, line.number, spec)
            line.watch = supervisor.add(
                table.WATCH, line.number, self._spec(table.WATCH, f"{line.camera} watch")
            )
        who = self.lines[0].camera if len(self.lines) == 1 else "all"
        self.recognise = supervisor.add(
            table.RECOGNISE, None, self._spec(table.RECOGNISE, f"{who} recognise")
        )
        if options.record is not None:
            self.record = supervisor.add(table.RECORD, None, self._spec(table.RECORD, f"{who} record"))
        if options.dashboard:
            module = table.DASHBOARD.target.partition(":")[0]
            if _exists(module):
                self.dashboard = supervisor.add(
                    table.DASHBOARD, None, self._spec(table.DASHBOARD, f"{who} dashboard")
                )
            else:
                self.screen.say("no dashboard: it is not part of this installation")

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self._phase_since = time.monotonic()

    @property
    def _in_phase_s(self) -> float:
        return time.monotonic() - self._phase_since

    # --- the loop

    def _loop(self) -> None:
        poller = zmq.Poller()
        poller.register(self.supervisor.socket, zmq.POLLIN)
        poller.register(self.bus.socket, zmq.POLLIN)
        turned = time.monotonic()
        while self.phase != "done":
            poller.poll(_TICK_MS)
            now = time.monotonic()
            if now - turned > 2.0:
                self.supervisor.forgive_silence()
            turned = now
            self.bus.serve()
            for member, message in self.supervisor.receive():
                self._hear(member, message)
            for member in self.supervisor.newly_dead():
                self._bury(member)
            self._restart_due(now)
            self._hand_out()
            if self._stop.why and self.phase in ("starting", "running"):
                self._begin_end(self._stop.why)
            if self._stop.at_once:
                self.exit_code = 130
                return
            self._advance(now)
            self._look(now)
        self._health(now)

    def _hear(self, member: Member, message: wire.Up) -> None:
        line = None if member.line is None else self.lines[member.line]
        match message:
            case wire.Opened():
                assert line is not None
                self._opened(line, message)
            case wire.Ready() if line is not None and member is line.capture and self.went is not None:
                self.supervisor.send(member, wire.Go())
            case wire.Seen(state):
                assert line is not None
                line.state = state
                line.sight.look(state)
                self.bus.publish(state)
            case wire.Found(candidates):
                assert line is not None
                for found in candidates:
                    self._pending[self._next_number] = Pending(line, found)
                    self._next_number += 1
            case wire.Named():
                self._named(message)
            case wire.Useless(number, why):
                self._give_up(number, why)
            case wire.Truths(truths):
                assert line is not None
                line.truths.extend(truths)
                line.score.add_truths(truths)
            case wire.Note(text):
                # What several processes find is one thing.
                if self._noted.setdefault(text, member) is member:
                    self.screen.say(text)
            case wire.Refused(text):
                self._refused(member, line, text)
            case wire.Ended():
                self._ended(member, line, message)
            case _:
                pass

    def _opened(self, line: Line, opened: wire.Opened) -> None:
        first = line.opened is None
        line.opened = opened
        line.gone = False
        line.backoff_s = 0.5
        if opened.kind == "camera" and line.capture is not None:
            line.capture.silent_s = table.CAMERA_SILENT_S
        if not first:
            rate = f" at {opened.fps:g} fps" if opened.fps else ""
            self.screen.say(f"{line.camera}: capturing again, {opened.width}x{opened.height}{rate}")
            self._attach_all(line)
        elif all(each.opened is not None for each in self.lines):
            # Names are given when all are known: a second `clip` is `clip-2`, whoever was quicker.
            taken: Counter[str] = Counter()
            for each in self.lines:
                assert each.opened is not None
                name = each.opened.name
                taken[name] += 1
                each.camera = name if taken[name] == 1 else f"{name}-{taken[name]}"
                self._introduce(each.camera, each.opened)
                self._attach_all(each)

    def _introduce(self, camera: str, opened: wire.Opened) -> None:
        rate = f"{opened.fps:g} fps" if opened.fps else "unknown rate"
        length = f", {opened.frames} frames" if opened.frames else ""
        self.screen.say(
            f"{camera}: {opened.kind} {opened.spec}, {opened.width}x{opened.height}, {rate}{length}"
        )
        if opened.advice:
            self.screen.say(f"{camera}: {opened.advice}")

    def _attach_all(self, line: Line) -> None:
        line.serial += 1
        for member in (line.watch, self.record, self.dashboard):
            self._attach(line, member)
        if line.opened is not None:
            self.preview.attach(line.camera, line.opened.ring)

    def _attach(self, line: Line, member: Member | None) -> None:
        if member is None or line.opened is None or not line.open:
            return
        position = 0
        if member is line.watch and line.counts["position_serial"] == line.serial:
            position = line.counts["position"]
        elif member is line.watch and line.counts["position_serial"] and line.capture is not None:
            # Watch and capture died together: what the old ring still held is gone with it.
            unread = line.capture.past("captured") - member.count("processed") - member.count("lost_ring")
            line.counts["lost_unread"] = max(0, unread)
            line.counts["position_serial"] = 0
        self.supervisor.send(
            member,
            wire.Attach(
                serial=line.serial,
                camera=line.camera,
                ring=line.opened.ring,
                fps=line.opened.fps or self.options.config.source.fps,
                kind=line.opened.kind,
                position=position,
            ),
        )

    def _named(self, named: wire.Named) -> None:
        event, pictures = named.event, named.pictures
        pending = self._pending.pop(named.number, None)
        self._at_work.discard(named.number)
        if pending is None:
            return
        line = pending.line
        if self.phase == "draining":
            # However long the queue is: nothing is given up while answers come.
            self._phase_since = time.monotonic()
        if event.model is not None:
            if self._model is not None and event.model.sha256 != self._model.sha256:
                self.screen.say(f"another network from here on: {event.model.name} {event.model.sha256[:12]}")
            self._model = event.model
        total = (time.monotonic_ns() - pending.found.apex_host_ns) / 1e6
        event = msgspec.structs.replace(event, latency_ms={**event.latency_ms, "total": round(total, 3)})
        self.bus.publish(event)
        if self.lab_stream is not None:
            self.lab_stream.push(event, pending.found.apex_host_ns)
        if pictures:
            self.bus.publish(self.preview.of_event(self.bus, event, pictures))
        line.counts[event.kind] += 1
        line.score.add_event(event)
        line.apex_to_published.add(total)
        for name, histogram in (("flow", line.flow), ("classify", line.classify)):
            if name in event.latency_ms:
                histogram.add(event.latency_ms[name])
        if self.record is not None and event.kind in self.options.config.record.kinds:
            self._to_record += 1
            self.supervisor.send(
                self.record, wire.Keep(event, pictures, named.crop_to_frame, named.taken_from)
            )
        self.screen.event(event, best_truth(event, line.truths), rendered=bool(line.truths))

    def _give_up(self, number: int, why: str) -> None:
        if self._pending.pop(number, None) is not None:
            self.unrecognised += 1
            self.screen.say(f"a candidate could not be recognised: {why}")
        self._at_work.discard(number)

    def _hand_out(self) -> None:
        """Those that wait, together; what was at work when a process died goes alone, so that a deadly one is known."""
        if self.recognise is None or not self.recognise.ready or not self.recognise.alive:
            return
        for number, pending in list(self._pending.items()):
            if number not in self._at_work:
                if len(self._at_work) >= TOGETHER or (pending.attempts and self._at_work):
                    return
                pending.attempts += 1
                if pending.attempts > _ATTEMPTS:
                    self._give_up(number, f"the recognise process died {_ATTEMPTS} times at it")
                    continue
                self._at_work.add(number)
                self.supervisor.send(self.recognise, wire.Work(number, pending.found.candidate))
            if pending.attempts > 1:
                return

    def _refused(self, member: Member, line: Line | None, text: str) -> None:
        member.why = text
        if self.went is None and member.role.essential:
            raise InputError(text)
        if line is not None and member is line.capture:
            line.problem = text
            if line.opened is not None and line.opened.kind in ("camera", "url"):
                line.gone = True
            else:
                self.exit_code = 2
                self._begin_end(text)
        elif not member.role.essential:
            member.given_up = True
            self.screen.say(text)

    def _ended(self, member: Member, line: Line | None, ended: wire.Ended) -> None:
        if line is not None and member is line.capture:
            if ended.problem:
                line.problem = ended.problem
                self.screen.say(f"{line.camera}: {ended.problem}")
            if ended.damaged:
                self.damaged.append(ended.problem)
            if ended.lost and self.phase == "running":
                line.gone = True
                member.leaving = True
                self.supervisor.send(member, wire.Bye())
            else:
                line.capture_ended = True
        elif line is not None and member is line.watch:
            line.read_serial = ended.serial
        elif member is self.record:
            self._record_done = True

    # --- death and return

    def _bury(self, member: Member) -> None:
        """A process is dead: count it, and start it again if it is still needed and the budget allows."""
        line = None if member.line is None else self.lines[member.line]
        if self.phase not in ("starting", "running"):
            self._bury_at_end(member, line)
            return
        self._keep_books(member, line)
        if member is self.recognise:
            self._at_work.clear()
        if member.given_up:
            return
        if line is not None and member is line.capture and line.gone:
            if line.backoff_s < 1.0:
                self.screen.say(f"{line.camera}: source lost; trying to open it again")
            member.start_again = time.monotonic() + line.backoff_s
            line.backoff_s = min(10.0, line.backoff_s * 2)
            member.restarts += 1
            return
        member.restarts += 1
        if member is self.record and (
            missing := self._to_record - member.count("recorded") - member.count("skipped")
        ):
            self.screen.say(f"the recorder died: up to {missing} events are not recorded")
            self._to_record -= missing
        if self.supervisor.may_restart(member, self.options.config.supervise.restarts_a_minute):
            self.screen.say(f"{member.spec.title}: {member.why}; starting it again")
            member.start_again = time.monotonic()
        elif member.role.essential:
            self.exit_code = 1
            often = f"died {len(member.deaths)} times within a minute"
            if member.unheard > 1:
                often = f"was started {member.unheard} times in vain"
            self._begin_end(f"{member.spec.title} {often}, the last time: {member.why}")
            self._bury_at_end(member, line)
        else:
            member.given_up = True
            self.screen.say(f"{member.spec.title}: {member.why}; going on without it")

    def _keep_books(self, member: Member, line: Line | None) -> None:
        if line is not None and member is line.watch:
            line.counts["position"] = member.beat.counts.get("position", 0)
            line.counts["position_serial"] = member.beat.counts.get("serial", 0)
        if line is not None and member is line.capture:
            self._read_on(line)
            self._note_times(line)
            line.counts["next_index"] = max(
                line.counts["next_index"], member.beat.counts.get("last_index", -1) + 1
            )
        member.close_books()

    def _read_on(self, line: Line) -> None:
        """Capture is dead: the ring of one that was killed knows the frames written since its last beat. Whoever
        reads it finishes what it holds and lets it go, since the next one may need the memory.
        """
        assert line.capture is not None
        self.preview.detach(line.camera)
        if line.watch is not None:
            self.supervisor.send(line.watch, wire.Finish())
        if self.record is not None:
            self.supervisor.send(self.record, wire.Detach(line.camera))
        self._count_written(line)
        if line.opened is not None and line.opened.generation == line.capture.spec.generation:
            ring.unlink(line.opened.ring)

    def _count_written(self, line: Line) -> None:
        """Counts what a capture that is dead wrote after its last beat, where its ring is still there."""
        if line.capture is None or line.opened is None:
            return
        if line.opened.generation != line.capture.spec.generation:
            return
        counts = line.capture.beat.counts
        with contextlib.suppress(InputError), ring.RingReader(line.opened.ring, "newest") as reader:
            newest = reader.latest()
            if newest is None:
                return
            unheard = range(counts.get("last_index", -1) + 1, newest.index + 1)
            frames = [frame for index in unheard if (frame := reader.read_at(index)) is not None]
            counts["captured"] = reader.head
            counts["lost_driver"] = counts.get("lost_driver", 0) + sum(frame.gap for frame in frames)
            counts["first_ns"] = counts.get("first_ns") or newest.host_ns
            counts["last_index"], counts["last_ns"] = newest.index, newest.host_ns

    def _close_books(self, line: Line) -> None:
        """Everybody is gone: what was captured was processed or is lost, whoever died when."""
        self._count_written(line)
        unread = line.captured("captured") - line.watched("processed") - line.watched("lost_ring")
        line.counts["lost_unread"] = max(0, unread)

    def _bury_at_end(self, member: Member, line: Line | None) -> None:
        if line is not None and member is line.capture and not line.capture_ended:
            line.capture_ended = True
            if line.watch is not None:
                self.supervisor.send(line.watch, wire.Finish())
        elif line is not None and member is line.watch:
            line.watch_gone = True
        elif member is self.recognise:
            self._at_work.clear()
            member.close_books()
            if self._pending and self.supervisor.may_restart(
                member, self.options.config.supervise.restarts_a_minute
            ):
                member.restarts += 1
                member.start_again = time.monotonic()
            else:
                for number in list(self._pending):
                    self._give_up(number, member.why)
        elif member is self.record:
            self._record_done = True

    def _restart_due(self, now: float) -> None:
        for member in self.supervisor.members:
            if member.start_again is None or now < member.start_again:
                continue
            line = None if member.line is None else self.lines[member.line]
            if line is not None and member is line.capture:
                left = self.options.duration_s
                if left is not None and self.went is not None:
                    left = max(0.1, left - (now - self.went))
                member.spec = replace(member.spec, first_index=line.counts["next_index"], duration_s=left)
            if why := self.supervisor.listen_again():
                self.screen.say(why)
            self.supervisor.start(member)
            if line is not None and member is line.watch:
                self._attach(line, member)
                if line.open and line.opened is not None and segment.is_gone(line.opened.ring):
                    assert line.capture is not None
                    line.capture.why = "its ring was removed from shared memory"
                    self.supervisor.kill(line.capture)
            if member is self.record or member is self.dashboard:
                for each in self.lines:
                    self._attach(each, member)

    # --- phases

    def _begin_end(self, why: str) -> None:
        self.ended_because = self.ended_because or why
        if self.phase == "starting":
            self._enter("done")
            return
        self._enter("ending")
        for line in self.lines:
            if line.capture is not None and line.capture.alive and not line.gone:
                self.supervisor.send(line.capture, wire.Finish())
            else:
                line.capture_ended = True
                if line.watch is not None:
                    self.supervisor.send(line.watch, wire.Finish())
                    # It waits for a ring that will not come.
                    line.watch_gone = line.watch_gone or not (line.watch.ready or line.open)

    def _advance(self, now: float) -> None:
        if self.phase == "starting":
            awaited = [member for member in self.supervisor.members if member.role.essential]
            if self.record is not None and not self.record.given_up:
                awaited.append(self.record)
            if awaited and all(member.ready for member in awaited):
                self.went = now
                self._enter("running")
                self.screen.say(f"ready after {now - self.began:.1f} s; {self._backends_in_words()}")
                for line in self.lines:
                    if line.capture is not None:
                        self.supervisor.send(line.capture, wire.Go())
            elif now - self.began > _PATIENCE_S and not self._said_slow:
                self._said_slow = True
                missing = ", ".join(member.role.name for member in awaited if not member.ready)
                self.screen.say(
                    f"still loading: {missing}; the first start after an installation compiles, once"
                )
        elif self.phase == "running":
            over_s = now - (self.went or now) - (self.options.duration_s or float("inf"))
            waiting = any(line.open and not (line.capture_ended or line.gone) for line in self.lines)
            # Capture ends by itself; one that hangs, or waits for its camera to come back, does not.
            if over_s > (_GRACE_S if waiting else 0.0):
                self._begin_end("duration")
            elif all(line.capture_ended for line in self.lines):
                self._begin_end(self._natural_end(now))
        elif self.phase == "ending":
            self._press_on()
            if all(line.watch_ended for line in self.lines):
                self._enter("draining")
        elif self.phase == "draining":
            hopeless = self.recognise is None or (
                self.recognise.mourned and self.recognise.start_again is None
            )
            if self._pending and (hopeless or self._in_phase_s > _DRAIN_S):
                why = "the recognise process is gone" if hopeless else f"no answer within {_DRAIN_S:g} s"
                for number in list(self._pending):
                    self._give_up(number, why)
            if not self._pending:
                self._record_done = self.record is None or not self.record.alive or self.record.given_up
                if self.record is not None and not self._record_done:
                    self.supervisor.send(self.record, wire.Finish())
                self._enter("recording")
        elif self.phase == "recording" and (self._record_done or self._in_phase_s > _RECORD_S):
            if not self._record_done:
                self.screen.say(
                    f"the recorder did not finish within {_RECORD_S:g} s; its last event is incomplete"
                )
            self._enter("done")

    def _natural_end(self, now: float) -> str:
        duration = self.options.duration_s
        if duration is not None and self.went is not None and now - self.went >= duration - 0.5:
            return "duration"
        return "end of source"

    def _press_on(self) -> None:
        """Whoever does not end within a few seconds is ended."""
        for line in self.lines:
            if not line.capture_ended and self._in_phase_s > _FINISH_S and line.capture is not None:
                self.supervisor.kill(line.capture)
            if not line.watch_ended and self._in_phase_s > 3 * _FINISH_S and line.watch is not None:
                self.supervisor.kill(line.watch)

    def _leave(self) -> None:
        for line in self.lines:
            self._note_times(line)
        self._measure()
        if not self._stop.at_once:
            self.supervisor.end(hurry=lambda: self._stop.at_once)
        self.supervisor.kill_all()
        for line in self.lines:
            self._close_books(line)

    # --- once in a while

    def _look(self, now: float) -> None:
        for line in self.lines:
            if line.opened is not None:
                self.preview.publish_if_due(self.bus, line.camera, now)
        if now >= self._next_look:
            self._next_look = now + 0.2
            for line in self.lines:
                self._note_times(line)
            self.screen.show(self._view())
        if now >= self._next_health:
            self._next_health = max(now, self._next_health + 1.0 / self.options.config.bus.health_hz)
            self._measure()
            self._health(now)
            self.supervisor.trim_logs()
            for line in self.lines:
                line.score.settle(self._last_frame(line))

    def _note_times(self, line: Line) -> None:
        if line.capture is None:
            return
        counts = line.capture.beat.counts
        if first := counts.get("first_ns", 0):
            line.first_ns = line.first_ns or first
            line.last_ns = counts["last_ns"]

    def _measure(self) -> None:
        for member in self.supervisor.members:
            member.measure()
        with contextlib.suppress(psutil.Error):
            self._me_cpu = round(self._me.cpu_percent(None), 1)
            self._me_rss_mb = round(self._me.memory_info().rss / 2**20, 1)
        total = self._me_rss_mb + sum(member.rss_mb for member in self.supervisor.members if member.alive)
        self._peak_rss_mb = max(self._peak_rss_mb, total)

    def _health(self, now: float) -> None:
        for line in self.lines:
            captured, last = line.captured("captured"), line.last_ns
            before, before_ns = line.rate_from
            if last > before_ns and before_ns:
                line.rate = (captured - before) / ((last - before_ns) / 1e9)
            elif last == before_ns:
                line.rate = 0.0
            line.rate_from = (captured, last)
            if line.opened is None:
                continue
            self.bus.publish(self.health(line, now))
            if line.lost_ring > 2 * line.counts["skips_told"]:
                line.counts["skips_told"] = line.lost_ring
                self.screen.say(
                    f"{line.camera}: {line.lost_ring} frames skipped so far, watch was behind or started again; "
                    "if it goes on, ask for fewer: --set source.fps"
                )

    def health(self, line: Line, now: float) -> messages.Health:
        """The health of one camera and of the processes it depends on."""
        status = {"starting": "starting", "running": "running"}.get(self.phase, "ending")
        if status == "running" and not line.capture_ended and (line.gone or not line.open):
            status = "source lost"
        opened = line.opened
        return messages.Health(
            camera=line.camera,
            uptime_s=round(now - self.began, 3),
            status=status,  # type: ignore[arg-type]  # one of the four words above
            advice=line.problem or (opened.advice if opened else ""),
            requested_fps=self._requested(line),
            delivered_fps=round(line.rate, 2),
            captured=line.captured("captured"),
            processed=line.watched("processed"),
            lost_driver=line.captured("lost_driver"),
            lost_ring=line.lost_ring,
            events={kind: line.counts[kind] for kind in ("micro", "macro", "blink")},
            latency_ms=self._latencies(line),
            backends=self._backends(),
            dropped_messages=dict(self.bus.dropped),
            processes=[
                *(self._process_health(member) for member in self._members_of(line)),
                messages.ProcessHealth(
                    name="main",
                    pid=os.getpid(),
                    alive=True,
                    restarts=0,
                    cpu_percent=self._me_cpu,
                    rss_mb=self._me_rss_mb,
                ),
            ],
        )

    def _process_health(self, member: Member) -> messages.ProcessHealth:
        return messages.ProcessHealth(
            name=member.role.name,
            pid=(member.process.pid or 0) if member.process else 0,
            alive=member.alive,
            restarts=member.restarts,
            cpu_percent=member.cpu_percent if member.alive else 0.0,
            rss_mb=member.rss_mb if member.alive else 0.0,
            note=member.why,
        )

    def _members_of(self, line: Line) -> Iterator[Member]:
        for member in self.supervisor.members:
            if member.line in (None, line.number):
                yield member

    def _requested(self, line: Line) -> float:
        if self.options.pace is not None:
            return self.options.pace
        if line.opened is not None and line.opened.kind in ("file", "images", "url"):
            return line.opened.fps
        return self.options.config.source.fps

    def _latencies(self, line: Line) -> dict[str, dict[str, float]]:
        watched = line.watch.latency("capture_to_watched") if line.watch else Histogram()
        return {
            "capture_to_watched": watched.summary(),
            "apex_to_published": line.apex_to_published.summary(),
            "flow": line.flow.summary(),
            "classify": line.classify.summary(),
        }

    def _backends(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for member in self.supervisor.members:
            found.update(member.backends)
        return found

    def _backends_in_words(self) -> str:
        return ", ".join(f"{name}: {what}" for name, what in sorted(self._backends().items()))

    def _view(self) -> View:
        now = time.monotonic()
        return View(
            phase=self.phase,
            uptime_s=now - (self.went or now),
            health=[self.health(line, now) for line in self.lines],
            states=[line.state for line in self.lines],
            score=[
                line.score.summary(self._last_frame(line)) if line.truths else None for line in self.lines
            ],
        )

    def _last_frame(self, line: Line) -> int:
        return line.capture.beat.counts.get("last_index", -1) if line.capture else -1

    # --- report.json

    def report(self) -> dict[str, Any]:
        """What `--report` writes: one object for one camera, a list ``cameras`` for several."""
        head: dict[str, Any] = {
            "schema": "apexcam.report/1",
            "began": _iso(self.began_wall),
            "seconds": 0.0 if self.went is None else round(time.monotonic() - self.went, 2),
            "startup_s": round((self.went or time.monotonic()) - self.began, 2),
            "ended": self.ended_because or "failed",
            "restarts": sum(member.restarts for member in self.supervisor.members),
            "peak_rss_mb": round(self._peak_rss_mb, 1),
            "unrecognised": self.unrecognised,
            "backends": self._backends(),
            "dropped_messages": dict(self.bus.dropped),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "config": dump(self.options.config),
        }
        if len(self.lines) == 1:
            return {**self._line_report(self.lines[0]), **head}
        return {"cameras": [self._line_report(line) for line in self.lines], **head}

    def _line_report(self, line: Line) -> dict[str, Any]:
        captured, opened = line.captured("captured"), line.opened
        seconds = (line.last_ns - line.first_ns) / 1e9
        told: dict[str, Any] = {
            "camera": line.camera,
            "source": None if opened is None else _source(opened),
            "problem": "; ".join(filter(None, (line.problem, line.sight.problem()))),
            "frames": {
                "captured": captured,
                "processed": line.watched("processed"),
                "lost_driver": line.captured("lost_driver"),
                "lost_ring": line.lost_ring,
            },
            "fps": {
                "requested": self._requested(line),
                "delivered": round((captured - 1) / seconds, 2) if captured > 1 and seconds > 0 else 0.0,
            },
            "latency_ms": self._latencies(line),
            "events": {kind: line.counts[kind] for kind in ("micro", "macro", "blink")},
            "refused": line.watch.counts(wire.REFUSED) if line.watch else {},
            "processes": {
                member.role.name: {
                    "restarts": member.restarts,
                    "peak_rss_mb": member.peak_rss_mb,
                    "cpu_s": member.cpu_s,
                }
                for member in self._members_of(line)
            },
        }
        if line.truths:
            told["truth"] = line.score.summary(self._last_frame(line))
        return told


def _check_places(options: Options) -> None:
    """Finds unusable places now and not after an hour of recording. Raises InputError."""
    if not options.sources:
        raise InputError("no source given; give a camera index, a video, an image folder, a URL or demo")
    if options.duration_s is not None and not options.duration_s > 0:
        raise InputError(f"--duration {options.duration_s:g}: must be more than 0 seconds")
    if options.pace is not None and not options.pace > 0:
        raise InputError(f"--pace {options.pace:g}: must be more than 0 frames a second")
    segment.check()
    _allow_open_files(len(options.sources))
    if options.dashboard and _exists("realtime.dashboard.address"):
        from realtime.dashboard import address

        address.check(options.config.dashboard)
    if options.report is not None:
        check_file("--report", options.report)
    if options.record is not None:
        check_folder("--record", options.record)
        options.record.mkdir(parents=True, exist_ok=True)


def _allow_open_files(cameras: int) -> None:
    """Asks for as many as a run may want. Raises InputError where it does not even get the least."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least, wanted = 28 + 12 * cameras, 256 + 16 * cameras
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
        if soft < least:
            raise InputError(
                f"only {soft} files may be open at once and {least} are needed; allow more (ulimit -n 256)"
            )


@contextlib.contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal become an orderly end while the run lasts."""
    words = {"SIGINT": "Ctrl-C", "SIGTERM": "SIGTERM", "SIGHUP": "terminal closed"}
    before: dict[int, Any] = {}

    def handler(word: str) -> Callable[[int, FrameType | None], None]:
        return lambda number, frame: stop.ask(word)

    for name, word in words.items():
        number = getattr(signal, name, None)
        if number is not None:
            before[number] = signal.signal(number, handler(word))
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _source(opened: wire.Opened) -> dict[str, Any]:
    names = ("spec", "kind", "width", "height", "fps", "frames", "advice")
    return {name: getattr(opened, name) for name in names}


def _word(source: str) -> str:
    """What a camera is called before it is open: the last part of its spec; of a URL that may be its password."""
    from realtime.sources import kind_of
    from realtime.sources.base import camera_word

    if kind_of(source) == "url":
        return "stream"
    return camera_word(Path(source).stem if not source.isdigit() else f"camera{source}")


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
