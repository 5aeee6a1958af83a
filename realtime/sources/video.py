"""Video files and network streams through OpenCV's FFmpeg, with their true presentation times."""

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import numpy as np

from engines.errors import InputError
from engines.series import SUFFIXES
from realtime.redaction import shown
from realtime.ring import Image
from realtime.sources.base import (
    Pace,
    PacedSource,
    Pacer,
    Shot,
    SourceInfo,
    camera_word,
    pacer_for,
    path_word,
    quiet_opencv,
)

if TYPE_CHECKING:
    import cv2

_ENCODE = "and percent-encode what user and password hold of : / ? # [ ] @ (# is %23)"
_MAX_FPS = 10_000
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\n\r\x1b"


class VideoSource(PacedSource):
    """Every frame of an opened capture; ``t_ns`` is the presentation time from the first frame on.

    The rotation a phone writes into its file is applied. A file that ends before its promised length, or
    whose frame size changes, ends with a ``problem``; a stream that falls silent ends ``lost``.
    """

    def __init__(
        self,
        capture: "cv2.VideoCapture",
        *,
        spec: str,
        name: str,
        kind: Literal["file", "url"],
        pacer: Pacer | None,
        timeout_s: float = 0.0,
        rate: float | None = None,
    ) -> None:
        import cv2

        self._capture = capture
        self._timeout_s = timeout_s
        self._rate = rate
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        turns = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
        self._turn = turns.get(round(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360)
        fps = capture.get(cv2.CAP_PROP_FPS)
        fps = fps if math.isfinite(fps) and 0 < fps <= _MAX_FPS else 0.0
        fps = rate or fps
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        frames = int(count) if math.isfinite(count) and 0 < count < 1e9 else None
        self._period_ns = 1e9 / (fps or 25.0)
        self._seen = 0
        self._zero_ms = 0.0
        self._last_ns = -1
        self._waiting = self._grab()  # decoded now, so that the size promised is the size delivered
        if self._waiting is None:
            raise InputError(f"{spec}: no frame of it can be decoded; is it damaged, or its codec unknown?")
        height, width = self._waiting.image.shape[:2]
        advice = "" if fps else "it does not say its frame rate; 25 fps assumed where its times are missing"
        super().__init__(SourceInfo(name, spec, kind, width, height, fps, frames, advice), pacer)

    def _grab(self) -> Shot | None:
        import cv2

        done, image = self._capture.read()
        if not done or image is None:
            return None
        if self._turn is not None:
            image = cv2.rotate(image, self._turn)
        stamp_ms = self._seen / self._rate * 1e3 if self._rate else self._capture.get(cv2.CAP_PROP_POS_MSEC)
        if self._seen == 0:
            self._zero_ms = stamp_ms if math.isfinite(stamp_ms) else 0.0
        t_ns = round((stamp_ms - self._zero_ms) * 1e6) if math.isfinite(stamp_ms) else -1
        if t_ns <= self._last_ns:  # no times in it, or out of order
            t_ns = self._last_ns + round(self._period_ns)
        self._seen += 1
        self._last_ns = t_ns
        return Shot(t_ns, _three_channels(image))

    def _shoot(self) -> Shot | None:
        shot, self._waiting = self._waiting, None
        if shot is None:
            asked = time.monotonic()
            shot = self._grab()
            if shot is None:
                self._explain_end(time.monotonic() - asked)
                return None
        height, width = shot.image.shape[:2]
        if (width, height) != (self.info.width, self.info.height):
            self._problem = (
                f"{self.info.spec}: the frame size changes from {self.info.width}x{self.info.height} to "
                f"{width}x{height} at frame {self._index}; what came before was read"
            )
            self._lost = self.info.kind == "url"
            return None
        return shot

    def _explain_end(self, waited_s: float) -> None:
        promised, read = self.info.frames, self._index
        if promised is None:
            if self.info.kind == "url":
                self._lost = True
                silent = self._timeout_s and waited_s > 0.9 * self._timeout_s
                what = f"sent nothing for {self._timeout_s:g} s" if silent else "ended"
                self._problem = f"{self.info.spec}: the stream {what} after {read} frames"
            return
        missing_ns = promised * self._period_ns - (self._last_ns + self._period_ns)
        # some containers only estimate the count: the time must be missing too
        if read < promised and missing_ns > max(0.5 * self._period_ns, 0.002 * promised * self._period_ns):
            self._lost = self.info.kind == "url"
            self._problem = (
                f"{self.info.spec}: truncated or damaged: {read} of {promised} promised frames could be read "
                f"({self._last_ns / 1e9:.2f} s); copy the file again if you need the rest"
            )

    def _release(self) -> None:
        self._capture.release()


def open_video(spec: str, *, pace: Pace = None, rate: float | None = None) -> VideoSource:
    """Open a video file; ``rate`` replaces its own times by index / rate.

    Raises InputError if it is missing, no video, or cannot be decoded at all.
    """
    path = Path(spec).expanduser()
    if not path.is_file():
        what = "is not a file" if path.exists() else "there is no such file"
        raise InputError(f"{spec}: {what}; give a video, an image folder, a camera index, a URL or demo")
    if path.suffix.lower() in SUFFIXES:
        raise InputError(f"{spec}: a single image has no motion; give the folder of the images, or a video")
    try:
        with path.open("rb") as file:
            start = file.read(1 << 16)
    except OSError as error:
        raise InputError(f"{spec}: cannot be read: {error.strerror}") from error
    if not start:
        raise InputError(f"{spec}: the file is empty; copy it again")
    if not start.strip(_TEXT):  # FFmpeg would play it as a terminal's output
        raise InputError(f"{spec}: a text file, not a video; give an mp4, mov, avi, mkv or webm file")
    import cv2

    with quiet_opencv():
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    why = _why_no_video(path, start)
    return _opened(capture, spec=spec, name=path_word(path), kind="file", why=why, pace=pace, rate=rate)


def open_url(
    spec: str, *, pace: Pace = None, open_timeout_s: float = 10.0, read_timeout_s: float = 5.0
) -> VideoSource:
    """Open a network stream (rtsp, http …). Raises InputError if it does not answer in ``open_timeout_s`` seconds, or
    is no URL. Passwords stay out of messages and of ``info``.

    A stream that then sends nothing for ``read_timeout_s`` seconds ends with ``lost``.
    """
    told = shown(spec)
    name = camera_word(_host(spec))
    import cv2

    timeouts = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        round(open_timeout_s * 1000),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        round(read_timeout_s * 1000),
    ]
    with quiet_opencv():
        capture = cv2.VideoCapture(spec, cv2.CAP_FFMPEG, timeouts)
    why = f"no stream answers there within {open_timeout_s:g} s; check address, network and password"
    if "@" in urlsplit(spec)._replace(netloc="").geturl():
        why += f", {_ENCODE}"
    return _opened(capture, spec=told, name=name, kind="url", why=why, pace=pace, timeout_s=read_timeout_s)


def _host(spec: str) -> str:
    """The host of a URL. Raises InputError, without the password, for what cannot be read as one."""
    try:
        parts = urlsplit(spec)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InputError(
            f"{shown(spec)}: not a URL that can be read; write scheme://user:password@host:port/path, {_ENCODE}"
        ) from None
    if not host and parts.scheme != "file":
        raise InputError(
            f"{shown(spec)}: the URL has no host; expected for example rtsp://camera.local:554/stream"
        )
    return host or "stream"


def _opened(
    capture: "cv2.VideoCapture",
    *,
    spec: str,
    name: str,
    kind: Literal["file", "url"],
    why: str,
    pace: Pace,
    timeout_s: float = 0.0,
    rate: float | None = None,
) -> VideoSource:
    if not capture.isOpened():
        raise InputError(f"{spec}: {why}")
    try:
        return VideoSource(
            capture, spec=spec, name=name, kind=kind, pacer=pacer_for(pace), timeout_s=timeout_s, rate=rate
        )
    except BaseException:
        capture.release()
        raise


def _why_no_video(path: Path, start: bytes) -> str:
    if start[4:8] == b"ftyp" and not _has_moov(path):
        return "cut off before its index (moov), nothing of it can be read; copy or record it again"
    return "not a video that FFmpeg can read; give an mp4, mov, avi, mkv or webm file"


def _has_moov(path: Path) -> bool:
    """Walk the top-level boxes of an MP4 or MOV file."""
    size_of_file = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= size_of_file:
            file.seek(at)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if head[4:8] == b"moov":
                return at + size <= size_of_file
            if size < 8:
                return False
            at += size
    return False


def _three_channels(image: Image) -> Image:
    if image.ndim == 3 and image.shape[2] == 3:
        return image
    return np.repeat(image.reshape(*image.shape[:2], -1)[:, :, :1], 3, axis=2)
