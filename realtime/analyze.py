"""``apexcam analyze``: the stages of a live run in one process and without a clock. Every frame, as fast as it can.

The same frames give the same events as a paced live run that drops none. Outputs appear together when everything is
done: a run that is interrupted leaves nothing.
"""

import csv
import io
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from engines.errors import InputError
from engines.labels import CLASSES
from realtime import messages
from realtime.config import Config
from realtime.sources import kind_of
from realtime.sources.base import Source, SourceInfo

OUTPUTS: Final = ("events.jsonl", "events.csv", "report.html")
_SAMPLE_S: Final = 0.05


@dataclass(frozen=True)
class Analysed:
    """An event and its pictures (PNG)."""

    event: messages.Event
    pictures: dict[str, bytes]


@dataclass
class Analysis:
    """What one recording gave.

    ``seen``: how often each status of the face was met, sampled each 50 ms of the recording; ``track`` the same in
    order, (seconds, status). ``problem``: what was wrong with the file; empty if nothing was.
    """

    info: SourceInfo
    events: list[Analysed] = field(default_factory=list)
    frames: int = 0
    lost: int = 0
    seconds: float = 0.0
    took_s: float = 0.0
    seen: Counter[str] = field(default_factory=Counter)
    track: list[tuple[float, str]] = field(default_factory=list)
    problem: str = ""

    def summary(self) -> dict[str, Any]:
        """The numbers, as `--json` prints them."""
        kinds = Counter(one.event.kind for one in self.events)
        labels = Counter(one.event.label or "not named" for one in self.events if one.event.kind == "micro")
        sampled = sum(self.seen.values())
        return {
            "source": self.info.spec,
            "width": self.info.width,
            "height": self.info.height,
            "fps": round(self.info.fps, 3),
            "frames": self.frames,
            "frames_lost": self.lost,
            "seconds": round(self.seconds, 3),
            "took_s": round(self.took_s, 2),
            "ms_per_frame": round(1e3 * self.took_s / self.frames, 2) if self.frames else None,
            "events": {kind: kinds[kind] for kind in ("micro", "macro", "blink")},
            "labels": dict(labels),
            "face": {status: round(count / sampled, 4) for status, count in self.seen.most_common()},
            "problem": self.problem,
        }


def open_recording(spec: str, *, fps: float | None = None, frames: int | None = None) -> Source:
    """A video or image folder, or the demo if ``frames`` bounds it. Raises InputError for anything else."""
    kind = kind_of(spec)
    if kind in ("camera", "url"):
        raise InputError(
            f"{spec}: analyze takes a video or an image folder; for a camera or stream: apexcam live {spec}"
        )
    if kind == "demo":
        if frames is None:
            raise InputError("demo never ends: give --frames N")
        from realtime.sources.demo import open_demo

        return open_demo(spec, fps=fps)
    if kind == "images":
        from realtime.sources.images import open_images

        return open_images(spec, rate=fps)
    from realtime.sources.video import open_video

    return open_video(spec)


def analyse(
    source: Source,
    config: Config,
    *,
    frames: int | None = None,
    step: Callable[[int, float], None] = lambda done, at_s: None,
) -> Analysis:
    """Watches and recognises everything in ``source``, or its first ``frames``.

    ``step`` is told the frames done and the seconds of the recording. Raises InputError from model or backend.
    """
    from realtime.recogniser import Recogniser
    from realtime.watcher import Watcher

    recogniser = Recogniser(config.recognise)
    watcher = Watcher(config.faces, config.spotting, source.info.name)
    made = Analysis(source.info)
    began = time.monotonic()
    next_sample_s = 0.0
    try:
        for frame in _frames(source, frames):
            candidates = watcher.step(frame)
            at_s = frame.t_ns / 1e9
            made.frames += 1
            made.lost += frame.gap
            made.seconds = at_s
            if at_s >= next_sample_s:
                next_sample_s = at_s + _SAMPLE_S
                status = _status(watcher.state(frame))
                made.seen[status] += 1
                if not made.track or made.track[-1][1] != status:
                    made.track.append((at_s, status))
            made.events.extend(_recognised(recogniser, candidates))
            step(made.frames, at_s)
        made.events.extend(_recognised(recogniser, watcher.flush()))
    finally:
        watcher.close()
    made.took_s = time.monotonic() - began
    made.problem = source.problem
    return made


def _frames(source: Source, limit: int | None) -> Iterator[Any]:
    count = 0
    while limit is None or count < limit:
        frame = source.read()
        if frame is None:
            return
        count += 1
        yield frame


def _status(state: messages.State) -> str:
    """The first face's status; without any face: lost."""
    return state.faces[0].status if state.faces else "lost"


def _recognised(recogniser: Any, candidates: list[Any]) -> Iterator[Analysed]:
    for candidate in candidates:
        event, pictures = recogniser(candidate)
        # There is no clock here: only what the work itself took is a latency.
        latency = {name: ms for name, ms in event.latency_ms.items() if name in ("flow", "classify")}
        yield Analysed(msgspec.structs.replace(event, latency_ms=latency), pictures)


def write(analysis: Analysis, folder: Path) -> list[Path]:
    """Writes events.jsonl, events.csv and report.html, all or none. Raises InputError if that cannot be done."""
    from realtime.html_report import page

    lines = b"".join(msgspec.json.encode(one.event) + b"\n" for one in analysis.events)
    contents = {
        "events.jsonl": lines,
        "events.csv": csv_table([one.event for one in analysis.events]).encode(),
        "report.html": page(analysis).encode(),
    }
    temporary: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".analyze-", dir=folder))
        for name, data in contents.items():
            (temporary / name).write_bytes(data)
        for name in contents:
            os.replace(temporary / name, folder / name)  # noqa: PTH105
    except OSError as error:
        raise InputError(f"--out {folder}: cannot be written: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return [folder / name for name in contents]


def check_folder(folder: Path) -> None:
    """Finds out before the work whether the outputs can be written. Raises InputError."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder}: is a file; give a folder")
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not os.access(nearest, os.W_OK):
        raise InputError(f"--out {folder}: {nearest} cannot be written; give another folder")


def csv_table(events: list[messages.Event]) -> str:
    """One row an event; times in seconds of the recording."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    moments = ("onset", "apex", "offset")
    writer.writerow(
        [
            *("event_id", "camera", "face", "kind"),
            *(f"{name}_{unit}" for name in moments for unit in ("frame", "s")),
            "label",
            *(f"p_{name}" for name in CLASSES),
            *("abstained", "confidence", "intensity_px", "frames_lost", "fps", "reason"),
        ]
    )
    for event in events:
        times: list[Any] = []
        for moment in (event.onset, event.apex, event.offset):
            times += [moment.frame, f"{moment.t_ns / 1e9:.6f}"]
        writer.writerow(
            [
                *(event.event_id, event.camera, event.face, event.kind),
                *times,
                event.label or "",
                *(event.probabilities.get(name, "") for name in CLASSES),
                *(
                    int(event.abstained),
                    event.confidence,
                    event.intensity_px,
                    event.frames_lost,
                    event.fps,
                    event.reason,
                ),
            ]
        )
    return out.getvalue()
