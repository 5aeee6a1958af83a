"""The beginning of a run: every process of the table that it needs, and the wait until all are ready."""

import os
import time
from pathlib import Path
from typing import Any, Final

from realtime.live.phases import Phase
from realtime.live.run import Run
from realtime.processes import table, wire
from realtime.processes.member import Member
from realtime.processes.spec import Spec
from realtime.sources import kind_of
from realtime.sources.base import camera_word

_PATIENCE_S: Final = 6.0


def start(run: Run) -> None:
    """Starts the processes, camera by camera, then those that serve all. Raises InputError if one cannot be."""
    options = run.options
    wanted = [role for role in table.roles() if role.wanted is None or role.wanted(options)]
    for camera in run.cameras:
        for role in wanted:
            if not role.per_camera:
                continue
            if run.stop.why:
                return
            spec = _spec(
                run,
                role,
                f"{camera.name} {role.name}",
                camera=camera.number,
                source=camera.source,
                pace=options.pace,
                rate=options.rate,
                duration_s=options.duration_s,
            )
            _keep(run, run.supervisor.add(spec, camera.number))
    who = run.cameras[0].name if len(run.cameras) == 1 else "all"
    for role in wanted:
        if not role.per_camera:
            _keep(run, run.supervisor.add(_spec(run, role, f"{who} {role.name}")))


def _spec(run: Run, role: table.Role, title: str, **more: Any) -> Spec:
    options = run.options
    return Spec(
        role=role,
        title=title,
        identity=b"",
        address="",
        folder=str(run.supervisor.folder),
        main_pid=os.getpid(),
        generation=0,
        config=options.config,
        stages=options.stages,
        record=None if options.record is None else str(options.record),
        endpoint=run.bus.endpoint,
        **more,
    )


def _keep(run: Run, member: Member) -> None:
    """Those that the coordinator itself speaks with."""
    camera = run.camera_of(member)
    if camera is not None and member.role.name == table.CAPTURE.name:
        camera.capture = member
    elif camera is not None and member.role.name == table.WATCH.name:
        camera.watch = member
    elif member.role.name == table.RECOGNISE.name:
        run.recognise = member
    elif member.role.name == table.RECORD.name:
        run.record = member


def begin_if_ready(run: Run, now: float) -> None:
    """Lets the frames come once everybody who is awaited is ready; says who is slow."""
    awaited = [member for member in run.supervisor.members if member.role.awaited and not member.dropped]
    missing = [member.role.name for member in awaited if not member.ready]
    if awaited and not missing:
        run.went = now
        run.progress.enter(Phase.RUNNING)
        run.screen.say(f"ready after {now - run.began:.1f} s; {_in_words(backends(run))}")
        for camera in run.cameras:
            run.tell(camera.capture, wire.Begin())
    elif now - run.began > _PATIENCE_S and not run.said_slow:
        run.said_slow = True
        run.screen.say(
            f"still loading: {', '.join(missing)}; the first start after an installation compiles, once"
        )


def backends(run: Run) -> dict[str, str]:
    """What each stage chose to run on, such as flow: cpu precise."""
    found: dict[str, str] = {}
    for member in run.supervisor.members:
        found.update(member.backends)
    return found


def _in_words(backends: dict[str, str]) -> str:
    return ", ".join(f"{name}: {what}" for name, what in sorted(backends.items()))


def provisional_name(source: str) -> str:
    """What a camera is called before it is open: the last part of its spec; of a URL that may be its password."""
    if kind_of(source) == "url":
        return "stream"
    return camera_word(Path(source).stem if not source.isdigit() else f"camera{source}")


def seconds_since_start(run: Run) -> float:
    """Since everybody was ready; 0 before."""
    return 0.0 if run.went is None else time.monotonic() - run.went
