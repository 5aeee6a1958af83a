"""What main does with each message of its processes: one handler a message, in one registry."""

import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from engines.errors import InputError
from realtime import messages
from realtime.live import rings
from realtime.live.camera_run import CameraRun, CameraState
from realtime.live.ending import begin_end
from realtime.live.phases import Phase
from realtime.live.run import Run
from realtime.live.score import best_truth
from realtime.live.sinks import Published
from realtime.processes import wire
from realtime.processes.member import Member, MemberState


def handle(run: Run, member: Member, message: wire.Up) -> None:
    """Hands a message to its handler; those without one concern the supervisor alone. Raises InputError where a
    process that is needed refuses what it was given before the run began.
    """
    if handler := HANDLERS.get(type(message)):
        handler(run, member, message)


def _camera(run: Run, member: Member) -> CameraRun:
    camera = run.camera_of(member)
    assert camera is not None
    return camera


def on_opened(run: Run, member: Member, message: wire.Opened) -> None:
    """Capture opened its source."""
    rings.opened(run, _camera(run, member), message)


def on_ready(run: Run, member: Member, message: wire.Ready) -> None:
    """A capture that was started again while the run goes on begins at once."""
    camera = run.camera_of(member)
    if camera is not None and member is camera.capture and run.went is not None:
        run.tell(member, wire.Begin())


def on_state(run: Run, member: Member, message: wire.StateUpdate) -> None:
    """What watch sees goes out."""
    camera = _camera(run, member)
    camera.face = message.state
    camera.sight.look(message.state)
    run.bus.publish(message.state)
    for sink in run.isolated:
        sink.state(message.state, message.host_ns)


def on_candidates(run: Run, member: Member, message: wire.Candidates) -> None:
    """Kept until they are answered."""
    for spotted in message.candidates:
        run.candidates.add(_camera(run, member), spotted)


def on_rejected(run: Run, member: Member, message: wire.Rejected) -> None:
    """A candidate that cannot be recognised."""
    run.candidates.reject(message.number, message.why)


def on_recognised(run: Run, member: Member, message: wire.Recognised) -> None:
    """An answer: it is published once, everywhere."""
    pending = run.candidates.answered(message.number)
    if pending is None:
        return
    if run.progress.phase is Phase.DRAINING:
        # However long the queue is: nothing is given up while answers come.
        run.progress.touch()
    event = message.event
    if event.model is not None:
        if run.model is not None and event.model.sha256 != run.model.sha256:
            run.screen.say(f"another network from here on: {event.model.name} {event.model.sha256[:12]}")
        run.model = event.model
    camera, apex_host_ns = pending.camera, pending.spotted.apex_host_ns
    total_ms = (time.monotonic_ns() - apex_host_ns) / 1e6
    onset_host_ns = apex_host_ns - (event.apex.t_ns - event.onset.t_ns)
    event = msgspec.structs.replace(
        event,
        latency_ms={**event.latency_ms, "total": round(total_ms, 3)},
        since_marker=run.markers.before(onset_host_ns),
    )
    if event.stage == "provisional":
        if run.early.announce(event):
            _publish_early(run, event, message.pictures)
        return
    run.early.settle(event)
    run.markers.enter(event)
    camera.score.add_event(event)
    camera.events[event.kind] += 1
    camera.take_time(event, total_ms)
    published = Published(
        event=event,
        pictures=message.pictures,
        apex_host_ns=apex_host_ns,
        crop_to_frame=message.crop_to_frame,
        taken_from=message.taken_from,
        truth=best_truth(event, camera.truths),
        rendered=bool(camera.truths),
    )
    for sink in run.sinks:
        sink.event(published)


def on_withdrawn(run: Run, member: Member, message: wire.Withdrawn) -> None:
    """A provisional event that will not be confirmed."""
    event = run.early.withdraw(message.event_id, message.reason)
    if event is not None:
        _publish_early(run, event, {})


def _publish_early(run: Run, event: messages.Event, pictures: dict[str, bytes]) -> None:
    run.bus.publish(event)
    if pictures:
        run.bus.publish(run.preview.of_event(run.bus, event, pictures))
    run.screen.early(event)
    for sink in run.isolated:
        sink.early(event)


def withdraw_open(run: Run, reason: str, camera: CameraRun | None = None) -> None:
    """Nobody will confirm what is open, of one camera or of all."""
    for event in run.early.withdraw_all(reason, None if camera is None else camera.name):
        _publish_early(run, event, {})


def on_truths(run: Run, member: Member, message: wire.Truths) -> None:
    """What the demo knows about its own frames."""
    camera = _camera(run, member)
    camera.truths.extend(message.truths)
    camera.score.add_truths(message.truths)


def on_note(run: Run, member: Member, message: wire.Note) -> None:
    """One line for the user; what several processes find is said once."""
    if run.notes.setdefault(message.text, member) is member:
        run.screen.say(message.text)


def on_refused(run: Run, member: Member, message: wire.Refused) -> None:
    """A process cannot use what it was given. Raises InputError before the run has begun."""
    text, camera = message.text, run.camera_of(member)
    member.why = text
    if run.went is None and member.role.essential:
        raise InputError(text)
    if camera is not None and member is camera.capture:
        camera.problem = text
        if camera.live:
            if not camera.ended:
                camera.state = CameraState.LOST
        else:
            run.exit_code = 2
            begin_end(run, text)
    elif not member.role.essential:
        member.state = MemberState.DROPPED
        run.screen.say(text)


def on_ended(run: Run, member: Member, message: wire.Ended) -> None:
    """A process has sent all that it will send."""
    camera = run.camera_of(member)
    if camera is not None and member is camera.capture:
        if message.problem:
            camera.problem = message.problem
            run.screen.say(f"{camera.name}: {message.problem}")
        if message.damaged:
            run.damaged.append(message.problem)
        if message.lost and run.progress.phase is Phase.RUNNING:
            camera.state = CameraState.LOST
            member.state = MemberState.LEAVING
            run.tell(member, wire.Exit())
        else:
            camera.state = CameraState.ENDED
    elif camera is not None and member is camera.watch:
        camera.ring.read_serial = message.serial
    elif member is run.record:
        run.record_done = True


HANDLERS: Final[dict[type, Callable[[Run, Member, Any], None]]] = {
    wire.Opened: on_opened,
    wire.Ready: on_ready,
    wire.StateUpdate: on_state,
    wire.Candidates: on_candidates,
    wire.Rejected: on_rejected,
    wire.Recognised: on_recognised,
    wire.Withdrawn: on_withdrawn,
    wire.Truths: on_truths,
    wire.Note: on_note,
    wire.Refused: on_refused,
    wire.Ended: on_ended,
}
