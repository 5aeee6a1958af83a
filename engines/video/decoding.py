"""Packets in, frames out in order of presentation, and which of them cannot be trusted."""

import contextlib
import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.video.stream import VideoStream

from engines.video.log import take_errors

# Its decoder marks every picture it had to guess at; what it prints beside is said of sound streams too.
_MARKS_ITS_OWN: Final = frozenset({"h264"})
# Of one picture's notes, not of the picture.
_HARMLESS: Final = ("unable to decode APP fields", "SEI type", "Unknown", "unknown")
_TRIES: Final = 10
# Bytes that are looked ahead at most.
_MOST_HELD: Final = 1 << 26
# A codec that gives nothing for so many packets is not one that can be decoded.
_HOPELESS: Final = 300


@dataclass(eq=False, slots=True)
class Decoded:
    """A frame; how many just before it could not be decoded; whether it, or what it is predicted from, is damaged."""

    frame: av.VideoFrame
    lost: int
    damaged: bool


class Decoder:
    """Reads one stream of a container. After an error everything is damaged until the next key frame."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        self.codec = stream.codec_context.name
        self.time_base = stream.time_base or Fraction(1, 1000)
        self._container_names = {*container.format.name.split(","), container.format.name}
        self._source: Iterator[Packet[VideoStream]] = container.demux(stream)
        self._ahead: deque[Packet[VideoStream]] = deque()
        self._ready: deque[Decoded] = deque()
        self._awaited: list[int] = []
        self._begun = self._broken = self._owed = self._flushed = False
        self._spoiled: int | None = None
        self._safe: set[int] = set()
        self._said: list[tuple[str, str]] = []
        self._sent = self._given = 0
        self._demux_ended = False
        self.ended_by: FFmpegError | None = None
        self.last_lost = 0
        take_errors()

    def look_ahead(self, packets: int, seconds: float) -> list[float]:
        """Time stamps (s) of the next packets, at most so many, or of so many seconds; they are decoded later."""
        stamps: list[float] = []
        held = 0
        while len(self._ahead) < packets and not (
            len(stamps) > _TRIES and (max(stamps) - min(stamps) > seconds or held > _MOST_HELD)
        ):
            packet = self._fetch()
            if packet is None:
                break
            self._ahead.append(packet)
            held += packet.size
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None and packet.size and not packet.is_discard:
                stamps.append(float(stamp * packet.time_base))
        return stamps

    def read(self) -> Decoded | None:
        """The next frame; None at the end, ``ended_by`` and ``last_lost`` say what is missing there."""
        while not self._ready:
            if self._flushed or (not self._given and self._sent > _HOPELESS):
                return None
            packet = self._ahead.popleft() if self._ahead else self._fetch()
            if packet is None:
                self._flushed = True
                self._decode(None)
                self.last_lost = len(self._awaited) if self._broken else 0
            elif packet.size:
                self._decode(packet)
        self._given += 1
        return self._ready.popleft()

    def close(self) -> None:
        """Let everything go. Its threads are at rest before it is freed: one that speaks would wait for us for ever."""
        if not self._flushed:
            self._flushed = True
            with contextlib.suppress(FFmpegError):
                self._stream.codec_context.decode(None)
        self._source = iter(())
        self._container.close()
        take_errors()

    def _fetch(self) -> "Packet[VideoStream] | None":
        """The next packet of the stream; None at the end."""
        for _ in range(_TRIES):
            if self._demux_ended:
                return None
            try:
                packet = next(self._source, None)
            except InvalidDataError:
                # What follows may be whole.
                self._fault(before=False)
                self._source = self._container.demux(self._stream)
                continue
            except FFmpegError as error:
                self.ended_by = error
                packet = None
            self._said += take_errors()
            if any(speaker in self._container_names for speaker, _ in self._said):
                self._fault(before=False)
            if packet is None or (not packet.size and packet.dts is None):
                self._demux_ended = True
                return None
            return packet
        self._demux_ended = True
        return None

    def _decode(self, packet: "Packet[VideoStream] | None") -> None:
        frames: list[av.VideoFrame] = []
        corrupt = packet is not None and packet.is_corrupt
        if packet is not None:
            self._sent += not packet.is_discard
            self._begun = self._begun or packet.is_keyframe
            if corrupt:
                self._fault(before=False)
            if packet.pts is not None and not packet.is_discard:
                heapq.heappush(self._awaited, packet.pts)
        if not corrupt:
            try:
                frames = self._stream.codec_context.decode(packet)
            except EOFError:
                pass
            except FFmpegError:
                self._fault(before=True)
        self._said += take_errors()
        if self.codec not in _MARKS_ITS_OWN and any(self._is_fault(*line) for line in self._said):
            self._fault(before=True)
        self._said.clear()
        for frame in frames:
            self._take(frame)

    def _is_fault(self, speaker: str, words: str) -> bool:
        return speaker == self.codec and not any(word in words for word in _HARMLESS)

    def _fault(self, *, before: bool) -> None:
        """Something is wrong with what comes, or with what was sent ``before`` and is not decoded yet.

        A film that begins within a group of pictures is whole.
        """
        if self._begun:
            if not before and not self._broken:
                self._safe.update(self._awaited)
            elif before:
                self._safe.clear()
            self._broken = self._owed = True
            self._spoiled = max(self._awaited, default=None)

    def _take(self, frame: av.VideoFrame) -> None:
        missing = 0
        if frame.pts is not None:
            while self._awaited and self._awaited[0] <= frame.pts:
                missing += heapq.heappop(self._awaited) < frame.pts
        lost = missing if self._broken else 0
        if frame.is_corrupt:
            self._broken, self._spoiled = True, frame.pts
        elif frame.pts is not None and frame.pts in self._safe:
            self._safe.discard(frame.pts)
            self._ready.append(Decoded(frame, lost, damaged=False))
            return
        elif self._broken and frame.key_frame:
            self._broken = not (self._spoiled is None or frame.pts is None or frame.pts > self._spoiled)
        # Where all that was damaged is gone, the next one stands for it.
        self._ready.append(Decoded(frame, lost, damaged=self._broken or self._owed))
        self._owed = False
