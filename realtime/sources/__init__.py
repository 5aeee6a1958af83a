"""Sources of frames: cameras, files, URLs, image folders and the demo behind one interface, `base.Source`.

``open_source`` picks the kind from the spec: a row of ``kinds``, or of the entry point group ``apexcam.sources``.
Import this package before OpenCV, which reads the environment variables below when it is loaded.
"""

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from engines import plugins
from engines.errors import InputError
from engines.files import at_home, check_name
from realtime.redaction import shown
from realtime.sources.base import Source, SourceInfo
from realtime.sources.kinds import KINDS, Request, SourceKind

__all__ = [
    "Request",
    "Source",
    "SourceInfo",
    "SourceKind",
    "check_requests",
    "kind_of",
    "kind_row",
    "open_source",
]

# A stalled camera is noticed after 2 s instead of 10; FFmpeg and OpenCV print nothing themselves.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")


def kind_of(spec: str) -> str:
    """The kind of source that a spec names, the key of its row: ``demo``, ``url``, ``images``, ``file``, ``camera``.

    ``NAME:…`` is of the plugin of that name. An existing path is what it is; any other spec is a file if it looks
    like a path, else the name of a camera. Raises InputError for a name that OpenCV and FFmpeg cannot take, and for
    a path that is neither file, folder nor device.
    """
    if spec == "demo" or re.fullmatch(r"demo:\d+", spec):
        return "demo"
    if (name := spec.partition(":")[0]) != spec and name in plugins.names("sources"):
        return name
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", spec):
        return "url"
    if spec.isdecimal():
        return "camera"
    check_name(spec)
    path = Path(at_home(spec))
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # also for a name that is too long or has a zero byte
        return _kind_of_missing(spec, path)
    if stat.S_ISDIR(mode):
        return "images"
    if stat.S_ISCHR(mode):
        return "camera"
    if not stat.S_ISREG(mode):
        raise InputError(f"{spec}: neither a file nor a camera; give a video file, or a URL to read a stream")
    return "file"


def _kind_of_missing(spec: str, path: Path) -> str:
    if shown(spec) != spec:
        return "url"  # without its scheme
    if re.fullmatch(r"/dev/[^.]*", spec):
        return "camera"
    # Names such as "USB 2.0 Camera", "See3CAM v1.2" and "DroidCam/OBS" are those of cameras.
    suffix = path.suffix[1:]
    like_a_path = spec.startswith(("/", "./", "../", "~")) or "\\" in spec or spec.endswith("/")
    like_a_file = suffix.isalnum() and len(suffix) <= 5 and sum(map(str.isalpha, suffix)) >= 2
    in_a_folder = "/" in spec and path.parent.is_dir()
    return "file" if like_a_path or like_a_file or in_a_folder else "camera"


def kind_row(spec: str) -> SourceKind:
    """The row of `KINDS` or of a plugin that opens a spec. Raises InputError, see `kind_of`."""
    kind = kind_of(spec)
    return KINDS[kind] if kind in KINDS else plugins.row("sources", kind, SourceKind)


def check_requests(
    specs: Sequence[str],
    settings: Sequence[str] = (),
    *,
    pace: float | None = None,
    rate: float | None = None,
) -> None:
    """Raises InputError for a request that none of the sources can fulfil, so that none is silently ignored.

    ``settings`` are the ``section.key=value`` of --set; ``pace`` and ``rate`` (--fps) are as in `open_source`.
    """
    rows = [kind_row(spec) for spec in specs]
    for setting in settings:
        if setting.startswith("source.") and not any(row.takes_size for row in rows):
            raise InputError(
                f"--set {setting}: only a camera takes it, a recording has its own; if it was filmed at another rate "
                "than it says, give --fps"
            )
    if rate is not None and all(row.takes_size for row in rows):
        raise InputError(f"--fps {rate:g}: only for recordings; for a camera give --set source.fps={rate:g}")
    if pace is not None and all(row.takes_size and row.paces_itself for row in rows):
        raise InputError(
            f"--pace {pace:g}: a camera has its own pace; for fewer frames give --set source.fps={pace:g}"
        )


def open_source(
    spec: str,
    *,
    fps: float | None = None,
    width: int | None = None,
    height: int | None = None,
    pace: float | Literal["own"] | None = None,
    rate: float | None = None,
) -> Source:
    """Opens the source that ``spec`` names.

    ``fps``, ``width`` and ``height`` are requested from a camera or the demo; files, URLs and folders have their own.
    ``pace`` limits a file, folder or the demo to so many frames a second, ``"own"`` to its own times; None does not
    limit it. Cameras and live streams pace themselves. ``rate`` is the frame rate at which a recording was filmed,
    where it does not say so or is wrong (a 200 fps clip stored as 25 fps). Raises InputError for anything that cannot
    be opened.
    """
    if not spec:
        raise InputError("no source given; give a camera index, a video, an image folder, a URL or demo")
    for name, value in (("pace", pace), ("fps", fps), ("rate", rate)):
        if isinstance(value, float | int) and not 0 < value <= 10_000:
            raise InputError(f"{name} {value}: must be above 0 and at most 10000 frames a second")
    return kind_row(spec).open(spec, Request(fps=fps, width=width, height=height, pace=pace, rate=rate))
