"""What follows when a process exits: it is counted, and started again if it is needed and the budget allows."""

import time
from dataclasses import replace

from realtime.live import rings
from realtime.live.camera_run import CameraRun, CameraState
from realtime.live.ending import begin_end, end_camera
from realtime.live.handlers import withdraw_open
from realtime.live.run import Run
from realtime.processes.counts import RecordCounts
from realtime.processes.member import Member, MemberState


def handle_exit(run: Run, member: Member) -> None:
    """Counts a process that is gone, and has it started again or ends the run."""
    camera = run.camera_of(member)
    if not run.progress.going:
        _exit_at_end(run, member, camera)
        return
    _add_up(run, member, camera)
    if member is run.recognise:
        run.candidates.worker_lost()
    if member.dropped:
        return
    member.restarts += 1
    if camera is not None and member is camera.capture and camera.state is CameraState.LOST:
        if camera.backoff_s < 1.0:
            run.screen.say(f"{camera.name}: source lost; trying to open it again")
        member.restart_at = time.monotonic() + camera.backoff_s
        camera.backoff_s = min(10.0, camera.backoff_s * 2)
        return
    if member is run.record:
        _count_unrecorded(run, member)
    if run.supervisor.may_restart(member, run.restart_budget):
        run.screen.say(f"{member.spec.title}: {member.why}; starting it again")
        member.restart_at = time.monotonic()
    elif member.role.essential:
        run.exit_code = 1
        often = f"died {len(member.recent_exits)} times within a minute"
        if member.failed_starts > 1:
            often = f"was started {member.failed_starts} times in vain"
        begin_end(run, f"{member.spec.title} {often}, the last time: {member.why}")
        _exit_at_end(run, member, camera)
    else:
        member.state = MemberState.DROPPED
        run.screen.say(f"{member.spec.title}: {member.why}; going on without it")


def _count_unrecorded(run: Run, member: Member) -> None:
    counts = member.total(RecordCounts)
    if missing := run.to_record - counts.recorded - counts.skipped:
        run.screen.say(f"the recorder died: up to {missing} events are not recorded")
        run.to_record -= missing


def _add_up(run: Run, member: Member, camera: CameraRun | None) -> None:
    if camera is not None and member is camera.watch:
        rings.watch_exited(camera)
        withdraw_open(run, "watching was interrupted", camera)
    if camera is not None and member is camera.capture:
        rings.capture_exited(run, camera)
    member.add_up()


def _exit_at_end(run: Run, member: Member, camera: CameraRun | None) -> None:
    if camera is not None and member is camera.capture and not camera.ended:
        end_camera(run, camera)
    elif camera is not None and member is camera.watch:
        camera.watch_gone = True
    elif member is run.recognise:
        run.candidates.worker_lost()
        member.add_up()
        if len(run.candidates) and run.supervisor.may_restart(member, run.restart_budget):
            member.restarts += 1
            member.restart_at = time.monotonic()
        else:
            run.candidates.reject_all(member.why)
    elif member is run.record:
        run.record_done = True


def restart_due(run: Run, now: float) -> None:
    """Starts again whatever has waited long enough. Raises InputError if it cannot be started."""
    for member in run.supervisor.members:
        if member.restart_at is None or now < member.restart_at:
            continue
        camera = run.camera_of(member)
        if camera is not None and member is camera.capture:
            left = run.options.duration_s
            if left is not None and run.went is not None:
                left = max(0.1, left - (now - run.went))
            member.spec = replace(member.spec, first_index=camera.captured.last_index + 1, duration_s=left)
        if why := run.supervisor.listen_again():
            run.screen.say(why)
        run.supervisor.start(member)
        if member.role.reads_ring:
            rings.attach_restarted(run, member)
