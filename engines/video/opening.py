"""Opens video files and URLs: which of their streams, at which rate, how many frames, and what is none."""

import re
import time
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.error import FFmpegError, HTTPClientError, HTTPError, InvalidDataError
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from engines.errors import InputError
from engines.video.clock import USUAL_FPS
from engines.video.decoding import Decoder
from engines.video.film import Facts, Film
from engines.video.rates import Rate, settled
from engines.video.whole import boxes, cut_off

_THREADS: Final = 4
_LOOK_AHEAD: Final = 120
_LOOK_AHEAD_S: Final = 2.0
_TEXT: Final = bytes(range(0x20, 0x7F)) + b"\t\n\r\x1b"
_NO_FILM: Final = Disposition.attached_pic | Disposition.timed_thumbnails
_WAY_OUT: Final = "where it plays, convert it: ffmpeg -i IN -c:v libx264 -crf 12 OUT.mp4"
# What these say of their own rate is the rate; others put the resolution of a clock there.
_STATE_A_RATE: Final = frozenset({"h264", "hevc"})
_STATE_A_LENGTH: Final = frozenset({"matroska", "asf", "flv"})
_NO_TIMESTAMPS: Final = 0x80  # AVFMT_NOTIMESTAMPS
_ALWAYS_LIVE: Final = ("rtsp", "rtsps", "rtp", "srtp", "udp", "tcp", "tls", "rtmp", "rtmps", "srt")


def open_file(path: Path, *, rate: float | None = None) -> Film:
    """Open a video file; ``rate`` replaces its own times by number / rate.

    Raises InputError, which names it, if it is no video or nothing of it can be decoded.
    """
    try:
        with path.open("rb") as file:
            start = file.read(1 << 16)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not start:
        raise InputError(f"{path}: the file is empty; copy it again")
    if not start.strip(_TEXT):  # FFmpeg would play it as a terminal's output
        raise InputError(f"{path}: a text file, not a video; give an mp4, mov, avi, mkv or webm file")
    try:
        # The scheme, since 12:30.mp4 begins like one.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except (FFmpegError, ValueError):
        raise InputError(f"{path}: {_why_no_video(path, start)}") from None
    try:
        return _film(container, endless=False, cut=cut_off(path), rate=rate)
    except InputError as error:
        raise InputError(f"{path}: {error}; {_WAY_OUT}") from None


def open_url(
    url: str,
    *,
    shown_as: str,
    open_timeout_s: float = 10.0,
    read_timeout_s: float = 5.0,
    rate: float | None = None,
) -> Film:
    """Open what a URL names: a live stream, or a file behind it; ``shown_as`` is the URL as it may be shown.

    Reading ends where nothing came for ``read_timeout_s`` seconds. Raises InputError, which names ``shown_as``.
    """
    within = (open_timeout_s, read_timeout_s)
    give_up = time.monotonic() + 0.9 * open_timeout_s
    try:
        container = av.open(
            url, timeout=within, metadata_errors="replace", options={"rtsp_flags": "prefer_tcp"}
        )
    except (HTTPClientError, HTTPError) as error:
        raise InputError(f"{shown_as}: {error.strerror}; check address, user and password") from None
    except (FFmpegError, ValueError) as error:
        if isinstance(error, InvalidDataError) and time.monotonic() < give_up:
            raise InputError(f"{shown_as}: what answers there sends no video; check the address") from None
        raise InputError(
            f"{shown_as}: no stream answers there within {open_timeout_s:g} s; check address, network and password"
        ) from None
    try:
        return _film(container, endless=not _has_end(url, container), cut=False, rate=rate)
    except InputError as error:
        raise InputError(
            f"{shown_as}: {error}; a file whose index is at its end must be downloaded first"
        ) from None


def _has_end(url: str, container: InputContainer) -> bool:
    """A file behind a URL: it has a length, in bytes or in seconds."""
    scheme = url.partition(":")[0].lower()
    return scheme not in _ALWAYS_LIVE and (container.size > 0 or container.duration is not None)


def _film(container: InputContainer, *, endless: bool, cut: bool, rate: float | None) -> Film:
    decoder: Decoder | None = None
    try:
        stream = _stream(container)
        # Threads that decode whole frames would delay a live stream.
        stream.thread_type = "SLICE" if endless else "AUTO"
        stream.thread_count = _THREADS
        decoder = Decoder(container, stream)
        stated = _rate(container, stream, decoder, endless=endless)
        promised, exact = (None, False) if endless else _promised(container, stream, stated.fps, cut=cut)
        facts = Facts(
            fps=rate or stated.fps,
            advice="" if rate else stated.advice,
            rate=rate,
            promised=promised,
            exact=exact,
            endless=endless,
            cut=cut,
        )
        return Film(decoder, facts)
    except BaseException:
        if decoder is None:
            container.close()
        else:
            decoder.close()
        raise


def _stream(container: InputContainer) -> VideoStream:
    """The stream of pictures; the others are not read."""
    films = [one for one in container.streams.video if not one.disposition & _NO_FILM]
    if not films:
        raise InputError("no moving picture in it, only sound or a cover")
    best = container.streams.best("video")
    stream = next((one for one in films if one is best), films[0])
    if stream.codec_context is None:
        codec = re.search(r"Video: ([^,\n]+)", container.dumps_format())
        raise InputError(f"its codec ({codec[1] if codec else 'unknown'}) cannot be decoded here")
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    return stream


def _rate(container: InputContainer, stream: VideoStream, decoder: Decoder, *, endless: bool) -> Rate:
    stamps = [] if endless else decoder.look_ahead(_LOOK_AHEAD, _LOOK_AHEAD_S)
    header, coded = stream.average_rate, stream.codec_context.framerate
    usual = (stream.guessed_rate, header, stream.base_rate)
    if container.format.flags & _NO_TIMESTAMPS:
        stamps, usual = [], (coded, None, None)  # FFmpeg makes some up
    claims: dict[str, float] = {}
    if filmed := container.metadata.get("com.android.capture.fps"):
        claims["the telephone"] = _number(filmed)
    if coded and decoder.codec in _STATE_A_RATE:
        claims["its picture data"] = float(coded)
    if "matroska" in container.format.name and header:
        claims["its header"] = float(header)
    stated = settled(stamps, usual, claims)
    if stated.fps:
        return stated
    return Rate(0.0, f"it does not say its frame rate; {USUAL_FPS:g} fps assumed where its times are missing")


def _promised(
    container: InputContainer, stream: VideoStream, fps: float, *, cut: bool
) -> tuple[int | None, bool]:
    """How many frames a file should hold, None where nothing says it, and whether that is certain."""
    kinds = container.format.name.split(",")
    # A film in fragments has an index for each, and none of all.
    if stream.frames > 0 and ("mov" in kinds or ("avi" in kinds and not cut)):
        # What an edit list leaves out is marked.
        listed = sum(bool(entry.size) and not entry.is_discard for entry in stream.index_entries)
        if listed:
            return listed, True
    if stream.frames > 0:
        return stream.frames, False
    if (said := stream.metadata.get("NUMBER_OF_FRAMES", "")).isdecimal():
        return int(said), False
    parts = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    seconds = (
        sum(float(part) * unit for part, unit in zip(parts.groups(), (3600, 60, 1), strict=True))
        if parts
        else 0.0
    )
    if not seconds and container.duration and len(container.streams) == 1 and _STATE_A_LENGTH & set(kinds):
        seconds = container.duration / av.time_base
    return (round(seconds * fps) or None, False)


def _number(text: str) -> float:
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        return 0.0


def _why_no_video(path: Path, start: bytes) -> str:
    if start[4:8] == b"ftyp":
        size = path.stat().st_size
        with path.open("rb") as file:
            if not any(kind == b"moov" and end <= size for kind, end in boxes(file, size)):
                return "cut off before its index (moov), nothing of it can be read; copy or record it again"
    return "not a video that FFmpeg can read; give an mp4, mov, avi, mkv or webm file"
