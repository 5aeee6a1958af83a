"""What `apexcam live` is asked to do, and whether that can be done here."""

import contextlib
import sys
from dataclasses import dataclass, field
from pathlib import Path

from engines.errors import InputError
from engines.files import check_file, check_folder
from realtime.config import Config
from realtime.processes.spec import Stages
from realtime.ring import segment


@dataclass(frozen=True)
class Options:
    """One run.

    ``pace``: at how many frames a second recordings and the demo are played; ``rate``: at how many they were filmed.
    ``sinks``: where else events go, NAME[:WHERE]. ``markers``: where stimulus markers come
    from besides the bus.
    """

    sources: tuple[str, ...]
    config: Config
    duration_s: float | None = None
    pace: float | None = None
    rate: float | None = None
    dashboard: bool = True
    record: Path | None = None
    report: Path | None = None
    sinks: tuple[str, ...] = ()
    markers: str | None = None
    stages: Stages = field(default_factory=Stages)


def check(options: Options) -> None:
    """Finds unusable places now and not after an hour of recording. Raises InputError."""
    if not options.sources:
        raise InputError("no source given; give a camera index, a video, an image folder, a URL or demo")
    if options.duration_s is not None and not options.duration_s > 0:
        raise InputError(f"--duration {options.duration_s:g}: must be more than 0 seconds")
    if options.pace is not None and not options.pace > 0:
        raise InputError(f"--pace {options.pace:g}: must be more than 0 frames a second")
    segment.check()
    _allow_open_files(len(options.sources))
    if options.dashboard:
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
