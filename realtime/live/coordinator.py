"""The main process of a live run: starts the others, hands out work, publishes, measures, ends in order.

It holds every candidate until it is answered, so that a recognise process that dies loses none and none is
published twice. Ctrl-C and SIGTERM end it in order at any moment, a second Ctrl-C at once; either way nothing
is left behind and the report is written.
"""

import contextlib
import queue
import time
from dataclasses import replace
from typing import Final

import zmq

from engines.cuda.machine import TOGETHER
from engines.errors import InputError
from realtime.bus.preview import Previewer
from realtime.bus.publisher import Bus
from realtime.live import ending, exits, options, report, rings, sinks, starting
from realtime.live.camera_run import CameraRun
from realtime.live.candidates import CandidateQueue
from realtime.live.handlers import handle, withdraw_open
from realtime.live.health import Monitor
from realtime.live.lsl_markers import LslMarkers, open_markers
from realtime.live.options import Options
from realtime.live.phases import Phase
from realtime.live.run import Run
from realtime.live.screen import Screen
from realtime.live.sinks.builtin import builtin
from realtime.live.sinks.isolated import Isolated
from realtime.live.stop import Stop, on_signals
from realtime.markers import Marker
from realtime.output import write_json
from realtime.processes import wire
from realtime.processes.private_folder import remove_leftovers
from realtime.processes.supervisor import Supervisor

_TICK_MS: Final = 50
_ASLEEP_S: Final = 2.0


def run(asked: Options, screen: Screen) -> int:
    """Runs until the source ends, the duration is over or somebody stops it.

    Returns 0, or 1 when a process could not be kept alive. Raises InputError when something given is unusable; for a
    truncated file only after everything that could be read was recognised and reported.
    """
    options.check(asked)
    if asked.config.recognise.at is not None:
        remote = replace(asked.stages, recogniser="realtime.stages.remote:RemoteRecogniser")
        asked = replace(asked, stages=remote)
    stop = Stop()
    with on_signals(stop):
        live = Coordinator(asked, screen, stop)
        try:
            return live.run()
        finally:
            live.close()


class Coordinator:
    """Turns one `Run` from its first process to its report."""

    def __init__(self, asked: Options, screen: Screen, stop: Stop) -> None:
        remove_leftovers()
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._marked: queue.SimpleQueue[Marker] = queue.SimpleQueue()
        self._inlet: LslMarkers | None = None
        bus = Bus(asked.config.bus)
        try:
            supervisor = Supervisor()
        except BaseException:
            bus.close(linger_ms=0)
            raise
        self._state = state = Run(
            options=asked,
            screen=screen,
            stop=stop,
            bus=bus,
            supervisor=supervisor,
            preview=Previewer(asked.config.bus.preview_hz),
            cameras=[
                CameraRun(number, source, starting.provisional_name(source))
                for number, source in enumerate(asked.sources)
            ],
            candidates=CandidateQueue(self._hand, self._say_rejected, TOGETHER),
        )
        self._monitor = Monitor(state)

    def _hand(self, work: wire.Recognise) -> None:
        self._state.tell(self._state.recognise, work)

    def _say_rejected(self, why: str) -> None:
        self._state.screen.say(f"a candidate could not be recognised: {why}")

    def run(self) -> int:
        """The whole run, from the first process to the report."""
        state = self._state
        state.screen.say(f"bus {state.bus.endpoint}")
        self._open_sinks()
        starting.start(state)
        self._loop()
        self._leave()
        written = report.build(state)
        if state.options.report is not None:
            write_json(state.options.report, written)
        state.screen.summary(written, state.options.report)
        if state.damaged:
            raise InputError("; ".join(state.damaged))
        return state.exit_code

    def _open_sinks(self) -> None:
        state = self._state
        for spec in state.options.sinks:
            name, sink, title = sinks.make(spec, state.options.config)
            state.isolated.append(Isolated(name, sink, self._lines.put))
            state.screen.say(f"sink {name}: {title}")
        state.sinks += [*builtin(state), *state.isolated]
        for each in state.sinks:
            each.open()
        if state.options.markers is not None:
            self._inlet = open_markers(state.options.markers, self._marked.put, self._lines.put)

    def close(self) -> None:
        """Ends whatever is left and removes every trace; safe at any moment and twice."""
        state = self._state
        state.screen.close()
        state.preview.close()
        if self._inlet is not None:
            self._inlet.close()
        state.supervisor.kill_all()
        state.supervisor.close()
        for sink in state.isolated:
            sink.close()
        state.bus.close()

    def _loop(self) -> None:
        state, supervisor = self._state, self._state.supervisor
        poller = zmq.Poller()
        poller.register(supervisor.socket, zmq.POLLIN)
        poller.register(state.bus.socket, zmq.POLLIN)
        turned = time.monotonic()
        while state.progress.phase is not Phase.DONE:
            poller.poll(_TICK_MS)
            now = time.monotonic()
            if now - turned > _ASLEEP_S:
                supervisor.forgive_silence()
            turned = now
            state.bus.serve()
            self._take_markers()
            for member, message in supervisor.receive():
                handle(state, member, message)
            for member in supervisor.exits():
                exits.handle_exit(state, member)
            exits.restart_due(state, now)
            if state.recognise is not None and state.recognise.ready and state.recognise.alive:
                state.candidates.hand_out()
            if state.stop.why and state.progress.going:
                ending.begin_end(state, state.stop.why)
            if state.stop.at_once:
                state.exit_code = 130
                return
            if state.progress.phase is Phase.STARTING:
                starting.begin_if_ready(state, now)
            else:
                ending.advance(state, now)
            self._say_what_sinks_said()
            self._monitor.look(now)
        withdraw_open(state, "the run ended")
        self._monitor.publish(now)

    def _take_markers(self) -> None:
        markers = self._state.markers
        for mark in self._state.bus.take_marks():
            markers.add(Marker(mark.host_ns, mark.text))
        with contextlib.suppress(queue.Empty):
            while True:
                markers.add(self._marked.get_nowait())

    def _say_what_sinks_said(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._state.screen.say(self._lines.get_nowait())

    def _leave(self) -> None:
        state = self._state
        self._monitor.measure()
        for sink in state.isolated:
            sink.close()
        if not state.stop.at_once:
            state.supervisor.end(hurry=lambda: state.stop.at_once)
        state.supervisor.kill_all()
        self._say_what_sinks_said()
        for camera in state.cameras:
            rings.settle(camera)
