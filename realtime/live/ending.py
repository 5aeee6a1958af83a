"""The end of a run by phases: capture stops, watch reads on, the last candidates are named, the recorder writes."""

from typing import Final

from realtime.live.camera_run import CameraRun, CameraState
from realtime.live.phases import Phase
from realtime.live.run import Run
from realtime.processes import wire

_FINISH_S: Final = 4.0
_GRACE_S: Final = 5.0
_DRAIN_S: Final = 30.0
_RECORD_S: Final = 60.0


def begin_end(run: Run, why: str) -> None:
    """Begins the end; of a run that is ending already, only the reason is kept where there was none."""
    progress = run.progress
    progress.ended_because = progress.ended_because or why
    if progress.phase is Phase.STARTING:
        progress.enter(Phase.DONE)
        return
    if progress.phase is not Phase.RUNNING:
        return
    progress.enter(Phase.ENDING)
    for camera in run.cameras:
        if camera.capture is not None and camera.capture.alive and camera.state is not CameraState.LOST:
            run.tell(camera.capture, wire.Finish())
        else:
            end_camera(run, camera)
            if camera.watch is not None and not (camera.watch.ready or camera.open):
                # It waits for a ring that will not come.
                camera.watch_gone = True


def end_camera(run: Run, camera: CameraRun) -> None:
    """No frame will follow: watch finishes what the ring holds."""
    camera.state = CameraState.ENDED
    run.tell(camera.watch, wire.Finish())


def advance(run: Run, now: float) -> None:
    """Goes on to the next phase when this one is over."""
    match run.progress.phase:
        case Phase.RUNNING:
            _end_in_time(run, now)
        case Phase.ENDING:
            _press_on(run)
            if all(camera.watch_ended for camera in run.cameras):
                run.progress.enter(Phase.DRAINING)
        case Phase.DRAINING:
            _drain(run)
        case Phase.RECORDING:
            if run.record_done or run.progress.seconds > _RECORD_S:
                if not run.record_done:
                    run.screen.say(
                        f"the recorder did not finish within {_RECORD_S:g} s; its last event is incomplete"
                    )
                run.progress.enter(Phase.DONE)


def _end_in_time(run: Run, now: float) -> None:
    duration = run.options.duration_s
    over_s = now - (run.went or now) - (duration or float("inf"))
    waiting = any(camera.open and camera.state is CameraState.CAPTURING for camera in run.cameras)
    # Capture ends by itself; one that hangs, or waits for its camera to come back, does not.
    if over_s > (_GRACE_S if waiting else 0.0):
        begin_end(run, "duration")
    elif all(camera.ended for camera in run.cameras):
        in_time = duration is not None and run.went is not None and now - run.went >= duration - 0.5
        begin_end(run, "duration" if in_time else "end of source")


def _press_on(run: Run) -> None:
    """Whoever does not end within a few seconds is ended."""
    for camera in run.cameras:
        if not camera.ended and run.progress.seconds > _FINISH_S and camera.capture is not None:
            run.supervisor.kill(camera.capture)
        if not camera.watch_ended and run.progress.seconds > 3 * _FINISH_S and camera.watch is not None:
            run.supervisor.kill(camera.watch)


def _drain(run: Run) -> None:
    hopeless = run.recognise is None or run.recognise.lost_for_good
    if len(run.candidates) and (hopeless or run.progress.seconds > _DRAIN_S):
        run.candidates.reject_all(
            "the recognise process is gone" if hopeless else f"no answer within {_DRAIN_S:g} s"
        )
    if not len(run.candidates):
        record = run.record
        run.record_done = record is None or not record.alive or record.dropped
        if not run.record_done:
            run.tell(record, wire.Finish())
        run.progress.enter(Phase.RECORDING)
