"""Video files and network streams as sources."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from engines.errors import InputError
from engines.series import SUFFIXES
from realtime.redaction import shown
from realtime.sources.base import Pace, PacedSource, Shot, SourceInfo, camera_word, pacer_for, path_word

if TYPE_CHECKING:
    from engines.video import Film

_ENCODE = "percent-encode what user and password hold of : / ? # [ ] @ (# is %23)"


class VideoSource(PacedSource):
    """Every frame of a video; ``t_ns`` is the presentation time since the first frame.

    A file that is damaged, truncated, or changes its frame size has a ``problem``. A stream that ends or stalls is
    ``lost``, and so is a file behind a URL whose connection breaks.
    """

    def __init__(self, film: "Film", *, spec: str, name: str, pace: Pace, timeout_s: float = 0.0) -> None:
        kind: Literal["file", "url"] = "url" if film.facts.endless else "file"
        advice = film.facts.advice
        if film.facts.endless and pace not in (None, "own"):
            advice = ". ".join(
                [advice] * bool(advice) + ["a live stream comes at its own pace, not at --pace"]
            )
        info = SourceInfo(name, spec, kind, film.width, film.height, film.facts.fps, film.frames, advice)
        super().__init__(info, None if film.facts.endless else pacer_for(pace))
        self._film = film
        self._remote = timeout_s > 0
        self._timeout_s = timeout_s

    def _shoot(self) -> Shot | None:
        picture = self._film.read()
        self._problem = self._problem_line(ended=picture is None)
        if picture is None:
            self._lost = self._info.kind == "url" or (self._remote and self._film.broken_off)
            return None
        return Shot(picture.t_ns, picture.image, picture.lost, damaged=picture.damaged)

    def _problem_line(self, *, ended: bool) -> str:
        problem = self._film.problem
        if ended and not problem and self._info.kind == "url":
            what = f"sent nothing for {self._timeout_s:g} s" if self._film.silent else "ended"
            problem = f"the stream {what} after {self._index} frames"
        return f"{self._info.spec}: {problem}" if problem else ""

    def _release(self) -> None:
        self._film.close()


def open_video(spec: str, *, pace: Pace = None, rate: float | None = None) -> VideoSource:
    """Opens a video file; ``rate`` (frames a second) replaces its own times by index / rate.

    Raises InputError if it is missing, not a video, or cannot be decoded at all.
    """
    path = Path(spec).expanduser()
    if not path.is_file():
        what = "is not a file" if path.exists() else "there is no such file"
        raise InputError(f"{spec}: {what}; give a video, an image folder, a camera index, a URL or demo")
    if path.suffix.lower() in SUFFIXES:
        raise InputError(f"{spec}: a single image has no motion; give the folder of the images, or a video")
    from engines.video import open_file

    return VideoSource(open_file(path, rate=rate), spec=spec, name=path_word(path), pace=pace)


def open_url(
    spec: str,
    *,
    pace: Pace = None,
    rate: float | None = None,
    open_timeout_s: float = 10.0,
    read_timeout_s: float = 5.0,
) -> VideoSource:
    """Opens a network stream (rtsp, http …), or a file behind a URL, which is then read like any other file.

    One that sends nothing for ``read_timeout_s`` seconds ends ``lost``. Passwords appear neither in messages nor in
    ``info``. Raises InputError for a bad URL, or one that does not answer within ``open_timeout_s`` seconds.
    """
    redacted = shown(spec)
    name = camera_word(_host(spec))
    from engines.video import open_url as open_film

    try:
        film = open_film(
            spec, shown_as=redacted, open_timeout_s=open_timeout_s, read_timeout_s=read_timeout_s, rate=rate
        )
    except InputError as error:
        if "@" in urlsplit(spec)._replace(netloc="").geturl():
            raise InputError(f"{error}; {_ENCODE}") from None
        raise
    return VideoSource(film, spec=redacted, name=name, pace=pace, timeout_s=read_timeout_s)


def _host(spec: str) -> str:
    """The host of a URL. Raises InputError, without the password, if it is not a valid URL."""
    try:
        parts = urlsplit(spec)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InputError(
            f"{shown(spec)}: not a valid URL; write scheme://user:password@host:port/path, and {_ENCODE}"
        ) from None
    if not host and parts.scheme != "file":
        raise InputError(
            f"{shown(spec)}: the URL has no host; expected for example rtsp://camera.local:554/stream"
        )
    return host or "stream"
