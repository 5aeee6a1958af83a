"""Small films made with PyAV: any container, codec, rate and orientation, with sound, pauses and damage."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

os.environ.setdefault("SVT_LOG", "-1")  # the AV1 encoder speaks on stderr

# Codecs that each container's files commonly hold, and that PyAV's FFmpeg encodes.
CONTAINERS = {
    "mp4": ("libx264", "libx265", "mpeg4", "libsvtav1"),
    "mov": ("libx264", "mjpeg", "mpeg4", "prores"),
    "mkv": ("libx264", "ffv1", "libvpx-vp9", "mjpeg"),
    "webm": ("libvpx", "libvpx-vp9", "libsvtav1"),
    "avi": ("mpeg4", "mjpeg", "ffv1"),
    "ts": ("libx264", "mpeg2video"),
    "flv": ("flv1", "libx264"),
    "wmv": ("wmv2", "msmpeg4"),
    "mpg": ("mpeg2video",),
}
_OPTIONS = {
    "libx264": {"preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "12"},
}
_PIXELS = {"mjpeg": "yuvj420p", "prores": "yuv422p10le", "ffv1": "bgr0"}


def picture(i: int, width: int, height: int) -> np.ndarray:
    """A grey that says its number up to 20, textured, with a bright corner top left."""
    rng = np.random.default_rng(i)
    image = np.full((height, width, 3), 24 + 7 * i % 160, np.uint8)
    image[height // 2 :, ::4] += rng.integers(0, 24, (height - height // 2, -(-width // 4), 1), np.uint8)
    image[: height // 4, : width // 4] = 255
    return image


@dataclass(frozen=True)
class Made:
    """How a film is made: ``stamp`` gives frame i its time in units of 1/1000 s where the rate does not."""

    codec: str = "libx264"
    frames: int = 30
    fps: Fraction = Fraction(30)
    size: tuple[int, int] = (64, 64)
    group: int = 10
    turn: int = 0
    mirrored: bool = False
    sound_s: float = 0.0
    stamp: Callable[[int], int] | None = None
    options: tuple[tuple[str, str], ...] = ()
    muxing: tuple[tuple[str, str], ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()


def make(path: Path, made: Made, images: Sequence[np.ndarray] | None = None) -> Path:
    """Writes the film; its container is that of the name."""
    kind = {".wmv": "asf", ".mkv": "matroska", ".ts": "mpegts", ".mpg": "vob"}.get(path.suffix)
    muxing = {"movflags": "use_metadata_tags"} if made.metadata else dict(made.muxing)
    with av.open(f"file:{path}", "w", format=kind or path.suffix[1:], options=muxing) as out:
        out.metadata.update(dict(made.metadata))
        stream = out.add_stream(made.codec, rate=made.fps)
        stream.width, stream.height = made.size
        stream.pix_fmt = _PIXELS.get(made.codec, "yuv420p")
        stream.options = {**_OPTIONS.get(made.codec, {}), **dict(made.options)}
        if made.codec != "libsvtav1":  # which takes none where every frame is a key frame
            stream.bit_rate = 2_000_000
        stream.codec_context.gop_size = made.group
        if made.stamp:
            stream.codec_context.time_base = Fraction(1, 1000)
        if made.turn or made.mirrored:
            stream.set_display_rotation(made.turn, hflip=made.mirrored)
        sound = (
            out.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48000)
            if made.sound_s
            else None
        )
        for i in range(made.frames):
            image = picture(i, *made.size) if images is None else images[i]
            frame = av.VideoFrame.from_ndarray(image, "bgr24")
            frame.pts = made.stamp(i) if made.stamp else i
            frame.time_base = Fraction(1, 1000) if made.stamp else 1 / made.fps
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if sound is not None:
            for at in range(0, round(made.sound_s * 48000), 960):
                tone = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), "fltp", "mono")
                tone.sample_rate, tone.pts = 48000, at
                out.mux(sound.encode(tone))
            out.mux(sound.encode())
    return path


def copied(path: Path, into: Path, *, start_s: float) -> Path:
    """The packets of a film from the key frame before ``start_s`` on, as ``ffmpeg -ss -c copy`` trims it."""
    with av.open(str(path)) as source, av.open(str(into), "w") as out:
        stream = source.streams.video[0]
        copy = out.add_stream_from_template(stream)
        first = round(start_s / stream.time_base)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.pts -= first
                packet.dts -= first
                packet.stream = copy
                out.mux(packet)
    return into


def cut(path: Path, share: float) -> Path:
    """The same file, broken off."""
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])
    return path


def flipped(path: Path, places: Sequence[float]) -> Path:
    """The same file with a byte inverted at each of these shares of its length."""
    data = bytearray(path.read_bytes())
    for place in places:
        data[round(place * (len(data) - 1))] ^= 0xFF
    path.write_bytes(data)
    return path
