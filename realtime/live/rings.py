"""Who reads which ring, and what becomes of the frames in the ring of a capture that died."""

import contextlib
from collections import Counter

from engines.errors import InputError
from realtime import ring
from realtime.live.camera_run import CameraRun, CameraState
from realtime.live.run import Run
from realtime.processes import table, wire
from realtime.processes.counts import CaptureCounts, WatchCounts
from realtime.processes.member import Member
from realtime.ring import segment


def opened(run: Run, camera: CameraRun, message: wire.Opened) -> None:
    """Capture opened its source and made a ring: who reads it is told once all cameras have their names."""
    first = camera.opened is None
    camera.opened = message
    camera.backoff_s = 0.5
    if not camera.ended:
        camera.state = CameraState.CAPTURING
    if message.kind == "camera" and camera.capture is not None:
        camera.capture.silent_s = table.CAMERA_SILENT_S
    if not first:
        rate = f" at {message.fps:g} fps" if message.fps else ""
        run.screen.say(f"{camera.name}: capturing again, {message.width}x{message.height}{rate}")
        _attach_all(run, camera)
    elif all(each.opened is not None for each in run.cameras):
        _name_all(run)


def _name_all(run: Run) -> None:
    """Names are given when all are known: a second `clip` is `clip-2`, whichever was quicker."""
    taken: Counter[str] = Counter()
    for camera in run.cameras:
        assert camera.opened is not None
        name = camera.opened.name
        taken[name] += 1
        camera.name = name if taken[name] == 1 else f"{name}-{taken[name]}"
        _introduce(run, camera.name, camera.opened)
        _attach_all(run, camera)


def _introduce(run: Run, name: str, message: wire.Opened) -> None:
    rate = f"{message.fps:g} fps" if message.fps else "unknown rate"
    length = f", {message.frames} frames" if message.frames else ""
    run.screen.say(f"{name}: {message.kind} {message.spec}, {message.width}x{message.height}, {rate}{length}")
    if message.advice:
        run.screen.say(f"{name}: {message.advice}")


def _attach_all(run: Run, camera: CameraRun) -> None:
    camera.ring.serial += 1
    for member in run.supervisor.members:
        if member.role.reads_ring and member.camera in (None, camera.number):
            attach(run, camera, member)
    if camera.opened is not None:
        run.preview.attach(camera.name, camera.opened.ring)


def attach(run: Run, camera: CameraRun, member: Member) -> None:
    """Gives a process the ring of a camera, if it is open; watch goes on where its predecessor stopped."""
    if camera.opened is None or not camera.open:
        return
    position, place = 0, camera.ring
    if member is camera.watch and place.stopped_serial == place.serial:
        position = place.stopped_at
    elif member is camera.watch and place.stopped_serial and camera.capture is not None:
        # Watch and capture died together: what the old ring still held is gone with it.
        watched = camera.watched
        captured = camera.capture.earlier(CaptureCounts).captured
        place.unread = max(0, captured - watched.processed - watched.lost_ring)
        place.stopped_serial = 0
    run.tell(
        member,
        wire.Attach(serial=place.serial, camera=camera.name, ring=camera.opened.ring, position=position),
    )


def attach_restarted(run: Run, member: Member) -> None:
    """A process started again is given the rings it reads; a capture whose ring was removed must start anew."""
    camera = run.camera_of(member)
    for each in run.cameras if camera is None else [camera]:
        attach(run, each, member)
    if camera is None or camera.opened is None or camera.capture is None or not camera.open:
        return
    if segment.is_gone(camera.opened.ring):
        camera.capture.why = "its ring was removed from shared memory"
        run.supervisor.kill(camera.capture)


def watch_exited(camera: CameraRun) -> None:
    """Keeps where the dead watch stopped reading, and in which ring."""
    assert camera.watch is not None
    counts = camera.watch.current(WatchCounts)
    camera.ring.stopped_at, camera.ring.stopped_serial = counts.position, counts.serial


def capture_exited(run: Run, camera: CameraRun) -> None:
    """The ring of a killed capture knows the frames written since its last heartbeat. Whoever reads it finishes what
    it holds and lets it go, since the next one may need the memory.
    """
    assert camera.capture is not None
    run.preview.detach(camera.name)
    run.tell(camera.watch, wire.Finish())
    run.tell(run.record, wire.Detach(camera.name))
    count_written(camera)
    if camera.opened is not None and camera.opened.generation == camera.capture.spec.generation:
        ring.unlink(camera.opened.ring)


def count_written(camera: CameraRun) -> None:
    """Counts what a dead capture wrote after its last heartbeat, where its ring is still there."""
    if camera.capture is None or camera.opened is None:
        return
    if camera.opened.generation != camera.capture.spec.generation:
        return
    counts = camera.capture.current(CaptureCounts)
    with contextlib.suppress(InputError), ring.RingReader(camera.opened.ring, "newest") as reader:
        newest = reader.latest()
        if newest is None:
            return
        unheard = range(counts.last_index + 1, newest.index + 1)
        frames = [frame for index in unheard if (frame := reader.read_at(index)) is not None]
        counts.captured = reader.head
        counts.lost_driver += sum(frame.gap for frame in frames)
        counts.first_ns = counts.first_ns or newest.host_ns
        counts.last_index, counts.last_ns = newest.index, newest.host_ns
        camera.capture.heartbeat = wire.Heartbeat(counts, camera.capture.heartbeat.latency)


def settle(camera: CameraRun) -> None:
    """Everybody is gone: what was captured was watched or is lost, whoever died when."""
    count_written(camera)
    watched = camera.watched
    camera.ring.unread = max(0, camera.captured.captured - watched.processed - watched.lost_ring)
