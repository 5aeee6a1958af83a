"""``--record DIR``: the frames around each event, lossless, with their true times; on request the whole session.

Each event gets a folder, which appears only when complete: ``000306.png`` …, ``frames.csv`` (index, t_ns, file),
``event.json`` (the event, how its crops were cut out, the settings) and ``pictures/``. `apexcam analyze` on the
folder gives the same prediction bit for bit, see `recorded`. Frames are first copied out of the ring and then encoded
at low priority, so that recording never slows capture; whatever exceeds its memory or time is reported. A ring whose
capture died is copied and released at once: its successor may need the space in shared memory.
"""

import csv
import io
import re
import shutil
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

import msgspec

from engines.errors import InputError
from realtime import messages, ring
from realtime.config import Config, dump
from realtime.processes import wire
from realtime.processes.child import Link
from realtime.processes.counts import RecordCounts
from realtime.processes.spec import Spec
from realtime.recording.disk import Disk
from realtime.recording.frames import Feed, Job
from realtime.recording.session import Session

_MEMORY_BYTES: Final = 1 << 30
_WAIT_S: Final = 2.0
_PNG_LEVEL: Final = 1  # fast; the noise of a camera does not compress anyway


def run(link: Link, spec: Spec) -> None:
    """Records until main sends `wire.Finish` and everything is written."""
    assert spec.record is not None
    recorder = Recorder(Path(spec.record), spec.config)
    link.send(wire.Ready())
    finishing = False
    try:
        while True:
            worked = recorder.work()
            order = link.receive(0.0 if worked else 0.02)
            match order:
                case wire.Attach():
                    if (note := recorder.attach(order.camera, order.ring)) is not None:
                        link.send(wire.Note(note))
                case wire.Detach():
                    recorder.detach(order.camera)
                case wire.Record():
                    if (note := recorder.keep(order)) is not None:
                        link.send(wire.Note(note))
                case wire.Finish():
                    finishing = True
                    recorder.finish()
            if (note := recorder.count_sessions()) is not None:
                link.send(wire.Note(note))
            link.beat(recorder.counts, now=finishing and not recorder.busy)
            if finishing and not recorder.busy:
                finishing = False
                link.send(wire.Ended())
    finally:
        recorder.close()


class Recorder:
    """Copies and writes frames in small steps of `work`. Raises InputError if the folder cannot be written."""

    def __init__(self, root: Path, settings: Config) -> None:
        self.counts = RecordCounts()
        self._root = root
        self._settings = settings
        self._disk = Disk(root, settings.record)
        self._sessions: list[Session] = []
        self._feeds: dict[str, Feed] = {}
        self._jobs: deque[Job] = deque()
        for partial in root.glob(".*.partial"):
            # Left by a run that was killed.
            shutil.rmtree(partial, ignore_errors=True)

    @property
    def busy(self) -> bool:
        """Whether anything remains to be copied or written."""
        return bool(self._jobs) or any(session.running for session in self._sessions)

    def attach(self, camera: str, name: str) -> str | None:
        """Takes the camera's frames from this ring from now on. Returns a line for the user if it cannot."""
        previous = self._feeds.get(camera)
        try:
            feed = Feed(ring.RingReader(name, "newest", timeout_s=2.0))
        except InputError as error:  # its capture died meanwhile; the next capture's ring is attached in turn
            return f"{camera} is not recorded until it captures again: {error}"
        if previous is not None:
            previous.reader.close()
            feed.rest, feed.rest_until = previous.rest, previous.rest_until
        self._feeds[camera] = feed
        if self._settings.record.session:
            self._sessions.append(Session(self._root, camera, name, self._settings, self._disk))
        return None

    def detach(self, camera: str) -> None:
        """Copies what the ring of a dead capture holds, as far as memory allows, and releases the ring."""
        if (feed := self._feeds.get(camera)) is None:
            return
        feed.detach((_MEMORY_BYTES - self._copied_bytes) // feed.frame_bytes)
        for session in self._sessions:
            if session.camera == camera:
                session.detach(feed.rest)

    def finish(self) -> None:
        """Ends the sessions with what the rings still hold: no more frames will come."""
        for session in self._sessions:
            session.finish()

    def count_sessions(self) -> str | None:
        """Sums the counts of the sessions. Returns a line for the user when the first frame was missed.

        Raises InputError if a session had to stop.
        """
        missing = sum(session.missed for session in self._sessions)
        is_first = missing and not self.counts.session_missing
        self.counts.session_frames = sum(session.frames for session in self._sessions)
        self.counts.session_missing = missing
        self.counts.bytes = self._disk.written
        for session in self._sessions:
            if session.problem:
                raise InputError(session.problem)
        codec = self._settings.record.session_codec
        quicker = "jpeg is quicker" if codec == "png" else "use a quicker disk or fewer frames"
        return (
            f"session: {missing} frames not kept, {codec} is too slow here ({quicker})" if is_first else None
        )

    def keep(self, order: wire.Record) -> str | None:
        """Starts to record an event. Returns a line for the user if there are no frames or no memory for it."""
        event, settings = order.event, self._settings.record
        feed = self._feeds.get(event.camera)
        fps = event.fps or self._settings.source.fps
        first = max(0, event.onset.frame - round(settings.before_s * fps))
        last = event.offset.frame + round(settings.after_s * fps)
        if feed is None:
            self.counts.skipped += 1
            return f"{event.event_id} is not recorded: {event.camera} had no frames to read yet"
        # Frames copied from a dead ring are in memory already.
        more = sum(index not in feed.rest for index in range(first, last + 1)) if feed.reader.is_open else 0
        if self._copied_bytes + min(more, feed.reader.slots) * feed.frame_bytes > _MEMORY_BYTES:
            self.counts.skipped += 1
            return f"recording is behind: {event.event_id} not recorded ({self.counts.skipped} so far)"
        name = f"{_stamp(event)}-{re.sub(r'[^A-Za-z0-9_.-]', '_', event.event_id)}"
        folder = self._root / f".{name}.partial"
        with self._disk.guarded():
            folder.mkdir()
        self._jobs.append(Job(order, folder, first, last, time.monotonic() + _WAIT_S, first))
        return None

    @property
    def _copied_bytes(self) -> int:
        """Bytes of the copied frames; a frame of several events counts once."""
        frames = {id(frame): frame for job in self._jobs for frame in job.copied}
        frames |= {id(frame): frame for feed in self._feeds.values() for frame in feed.rest.values()}
        frames |= {id(frame): frame for session in self._sessions for frame in tuple(session.rest)}
        return sum(frame.image.nbytes for frame in frames.values())

    def work(self) -> bool:
        """Copies every frame available, then writes one. Returns False if there was nothing to write."""
        for job in self._jobs:
            if not job.fetched:
                self._fetch(job)
        for feed in self._feeds.values():
            if feed.rest and time.monotonic() > feed.rest_until:
                feed.rest = {}
        if not self._jobs:
            return False
        oldest = self._jobs[0]
        if oldest.copied:
            self._write(oldest, oldest.copied.popleft())
        elif oldest.fetched:
            self._close(oldest)
            self._jobs.popleft()
        else:
            return False
        return True

    def _fetch(self, job: Job) -> None:
        feed = self._feeds[job.order.event.camera]
        try:
            newest = feed.newest()
            while job.next <= min(job.last, newest):
                frame = feed.at(job.next)
                if frame is None:
                    job.missing += 1
                else:
                    job.copied.append(frame)
                job.next += 1
        except InputError:
            # The watch process reports a damaged ring; here its frames count as missing.
            job.give_up = 0.0
        if not job.fetched and (feed.ended or time.monotonic() > job.give_up):
            # The source ended within the margin after the offset, or stalled: the frames so far will do.
            job.missing += max(0, job.order.event.offset.frame + 1 - job.next)
            job.next = job.last + 1

    def _write(self, job: Job, frame: ring.Frame) -> None:
        import cv2

        name = f"{frame.index:06d}.png"
        encoded, data = cv2.imencode(".png", frame.image, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])
        if encoded:
            self._disk.write(job.folder / name, data.tobytes())
        job.rows.append((frame.index, frame.t_ns, name))
        self.counts.frames += 1

    def _close(self, job: Job) -> None:
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("index", "t_ns", "file"))
        writer.writerows(job.rows)
        event = job.order.event
        description: dict[str, Any] = {
            "schema": "apexcam.recording/1",
            "event": event,
            "crop_to_frame": job.order.crop_to_frame,
            "taken_from": job.order.taken_from,
            "frames": len(job.rows),
            "frames_missing": job.missing,
            "settings": dump(self._settings),
        }
        with self._disk.guarded():
            (job.folder / "frames.csv").write_text(table.getvalue(), encoding="utf-8")
            (job.folder / "event.json").write_bytes(
                msgspec.json.format(msgspec.json.encode(description), indent=2)
            )
            pictures = job.folder / "pictures"
            pictures.mkdir()
            for name, data in job.order.pictures.items():
                (pictures / f"{name}.png").write_bytes(data)
            final = self._root / job.folder.name.removeprefix(".").removesuffix(".partial")
            if final.exists():
                shutil.rmtree(final)
            job.folder.rename(final)
        self.counts.recorded += 1
        self.counts.frames_missing += job.missing

    def close(self) -> None:
        """Drops unfinished events, keeps the sessions as they are and releases the rings."""
        for session in self._sessions:
            session.close()
        for job in self._jobs:
            shutil.rmtree(job.folder, ignore_errors=True)
        self._jobs.clear()
        for feed in self._feeds.values():
            feed.reader.close()
        self._feeds.clear()


def _stamp(event: messages.Event) -> str:
    """The time of the apex, for folder names that sort: 20260102T030405.678Z."""
    wall = event.apex.wall
    return re.sub(r"[-:]", "", wall) if wall else f"{event.apex.t_ns // 1_000_000:012d}ms"
