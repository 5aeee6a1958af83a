"""``apexcam analyze``: the stages of a live run in one process, without a clock: every frame, as fast as possible.

The same frames give the same events as a paced live run that drops none. All outputs appear together at the end; an
interrupted run leaves nothing.
"""

import os
import shlex
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from engines.errors import InputError
from realtime import event_table, messages
from realtime.analysis.course import SAMPLE_S
from realtime.analysis.result import Analysed, Analysis, EarlyEvent, Strip
from realtime.config import Config, Recognise
from realtime.config import Source as SourceSettings
from realtime.recording import recorded
from realtime.redaction import shown
from realtime.sources import Request, kind_of, kind_row
from realtime.sources.base import Source, SourceInfo

if TYPE_CHECKING:
    from realtime.stages.early import EarlyStage

OUTPUTS: Final = ("events.jsonl", "events.csv", "report.html", "events.eaf", "early.jsonl")
STRIP: Final = 7
# Movements longer than the watcher's memory get their strip from crops sampled at this interval, the newest so many.
_SAMPLE_EVERY_S, _SAMPLES_KEPT = 0.1, 80


def open_recording(
    spec: str, *, fps: float | None = None, frames: int | None = None, asked: SourceSettings | None = None
) -> Source:
    """Opens a video, an image folder, or the demo if ``frames`` bounds it.

    ``fps`` is the rate it was filmed at, where the file does not say so; ``asked`` gives size and rate of the demo.
    Raises InputError for any other source.
    """
    kind = kind_of(spec)
    if kind in ("camera", "url"):
        missing = "no such file, and " if kind == "camera" and not Path(spec).exists() else ""
        raise InputError(
            f"{shown(spec)}: {missing}analyze takes a video or an image folder; for a camera or stream: "
            f"apexcam live {shlex.quote(shown(spec))}"
        )
    if kind == "demo":
        if frames is None:
            raise InputError("demo never ends: give --frames N")
        from realtime.sources.demo import open_demo

        asked = asked or SourceSettings()
        return open_demo(spec, fps=fps or asked.fps, width=asked.width, height=asked.height)
    if kind == "images":
        from realtime.sources.images import open_images

        return open_images(spec, rate=fps, option="--fps")
    return kind_row(spec).open(spec, Request(rate=fps))


Step = Callable[[int, float], None]


def _unwatched(total: int | None) -> AbstractContextManager[Step]:
    return nullcontext(lambda done, at_s: None)


def analyse_path(
    spec: str,
    config: Config,
    *,
    own_settings: bool,
    fps: float | None = None,
    frames: int | None = None,
    watching: Callable[[int | None], AbstractContextManager[Step]] = _unwatched,
) -> Analysis:
    """What ``spec`` names: a recording by `analyse`, the folder of a recorded event by `analyse_recorded`.

    A recorded event is recognised under the settings recorded with it unless the user gave ``own_settings``; with
    ``fps`` or ``frames`` it is a folder of images. ``watching`` is given the number of frames, if known, and gives the
    ``step`` of `analyse`. Raises InputError.
    """
    if recorded.is_recorded(spec) and fps is None and frames is None:
        about, _ = recorded.read(spec)
        return analyse_recorded(spec, config.recognise if own_settings else recorded.settings(about))
    source = open_recording(spec, fps=fps, frames=frames, asked=config.source)
    try:
        with watching(frames or source.info.frames) as step:
            return analyse(source, config, frames=frames, step=step)
    finally:
        source.close()


def analyse(
    source: Source,
    config: Config,
    *,
    frames: int | None = None,
    step: Step = lambda done, at_s: None,
) -> Analysis:
    """Spots and recognises the movements in ``source``, or in its first ``frames``.

    ``step`` is called after each frame with the number of frames done and the time in the recording (s). Raises
    InputError if a model or backend is unusable.
    """
    from realtime.stages.early import EarlyStage
    from realtime.stages.recogniser import Recogniser
    from realtime.stages.watcher import Watcher

    recogniser = Recogniser(config.recognise)
    watcher = Watcher(config.faces, config.spotting, source.info.name)
    media = Path(source.info.spec) if source.info.kind == "file" else None
    analysis = Analysis(source.info, media=media)
    began = time.monotonic()
    next_sample_s = 0.0
    strips = _Strips(watcher)
    early = EarlyStage(watcher, recogniser)
    spotted_micro = False
    try:
        for frame in _frames(source, frames):
            candidates = watcher.step(frame)
            at_s = frame.t_ns / 1e9
            analysis.frames += 1
            analysis.lost += frame.gap
            analysis.seconds = at_s
            spotted_micro = spotted_micro or any(one.kind == "micro" for one in candidates)
            if at_s >= next_sample_s:
                next_sample_s = at_s + 0.999 * SAMPLE_S
                state = watcher.state(frame)
                analysis.seen.look(state)
                first = state.faces[0].face if state.faces else -1
                analysis.course.look(
                    at_s, state, spotted_micro=spotted_micro, refused=watcher.refused_of(first)
                )
                spotted_micro = False
                strips.look(frame, state)
            for one in _recognised(recogniser, candidates, strips):
                analysis.events.append(one)
                early.settle(one.event)
            analysis.early.extend(_early(early, frame.t_ns))
            step(analysis.frames, at_s)
        analysis.events.extend(_recognised(recogniser, watcher.flush(), strips))
        analysis.early.extend(_early(early, round(analysis.seconds * 1e9)))
        analysis.refused = watcher.refused()
    finally:
        watcher.close()
    analysis.took_s = time.monotonic() - began
    analysis.problem = source.problem
    return analysis


def _frames(source: Source, limit: int | None) -> Iterator[Any]:
    count = 0
    while limit is None or count < limit:
        frame = source.read()
        if frame is None:
            return
        count += 1
        yield frame


def _recognised(recogniser: Any, candidates: list[Any], strips: "_Strips") -> Iterator[Analysed]:
    for candidate in candidates:
        event, pictures = recogniser(candidate)
        yield Analysed(_without_clock(event), pictures, strips.strip(candidate))


def _without_clock(event: messages.Event) -> messages.Event:
    """The event with the latencies that make sense without a clock: those of the computation itself."""
    latency = {name: ms for name, ms in event.latency_ms.items() if name in ("flow", "classify")}
    return msgspec.structs.replace(event, latency_ms=latency)


def _early(early: "EarlyStage", t_ns: int) -> Iterator[EarlyEvent]:
    """What is new at a time of the recording."""
    for event in early.news():
        yield EarlyEvent(_without_clock(event), (t_ns - event.apex.t_ns) / 1e6)


class _Strips:
    """Crops from onset to offset: from the watcher's memory, and from sampled older ones for longer movements."""

    def __init__(self, watcher: Any) -> None:
        self._watcher = watcher
        self._kept: dict[int, deque[Strip]] = {}

    def look(self, frame: Any, state: messages.State) -> None:
        for face in state.faces:
            kept = self._kept.setdefault(face.face, deque(maxlen=_SAMPLES_KEPT))
            if kept and frame.t_ns - kept[-1][1] < _SAMPLE_EVERY_S * 1e9:
                continue
            crop = self._watcher.crop_of(face.face, frame.index)
            if crop is not None:
                kept.append((frame.index, frame.t_ns, crop))

    def strip(self, candidate: Any) -> tuple[Strip, ...]:
        onset, offset = candidate.onset, candidate.offset
        long = offset.t_ns - onset.t_ns > 1e9
        older = [one for one in self._kept.get(candidate.face, ()) if onset.frame <= one[0] <= offset.frame]
        crops: list[Strip] = []
        for index in recorded.spread(onset.frame, candidate.apex.frame, offset.frame, STRIP):
            crop = self._watcher.crop_of(candidate.face, index, None if long else candidate)
            if crop is not None:
                t_ns = onset.t_ns + round((index - onset.frame) * 1e9 / candidate.fps) if candidate.fps else 0
                crops.append((index, t_ns, crop))
            elif older:
                crops.append(min(older, key=lambda one: abs(one[0] - index)))
        # The same older crop may be the nearest for several frames.
        return tuple({one[0]: one for one in crops}.values())


def analyse_recorded(spec: str, settings: Recognise) -> Analysis:
    """Recognises the folder of a recorded event again, see `realtime.recording.recorded`. Raises InputError."""
    from realtime.stages.recogniser import Recogniser

    description, stills = recorded.read(spec)
    recogniser = Recogniser(settings)
    began = time.monotonic()
    again = recorded.recognise(spec, recogniser, strip=STRIP)
    first = stills[0]
    event = description.event
    height, width = recorded.size(stills)
    info = SourceInfo(event.camera, spec, "images", width, height, event.fps, len(stills))
    crops = (
        "the crops are those recorded, bit for bit"
        if again.same_crops
        else "the crops are NOT those recorded"
    )
    return Analysis(
        info,
        [Analysed(_without_clock(again.event), again.pictures, tuple(again.strip))],
        frames=len(stills),
        lost=description.frames_missing,
        seconds=(stills[-1].t_ns - first.t_ns) / 1e9,
        took_s=time.monotonic() - began,
        again=(
            f"A recorded event, recognised again from its frames: {crops}",
            *(again.differs or ("the prediction is the recorded one",)),
        ),
    )


def write(analysis: Analysis, folder: Path, *, pictures: bool = True) -> list[Path]:
    """Writes the files of `OUTPUTS` into ``folder``, all or none, and returns their paths.

    ``pictures`` includes pictures of the face in the report. Raises InputError if the folder cannot be written.
    """
    from realtime.analysis.elan import document
    from realtime.analysis.html_report import page

    now = datetime.now(UTC).isoformat(timespec="seconds")
    lines = b"".join(msgspec.json.encode(one.event) + b"\n" for one in analysis.events)
    early = b"".join(
        msgspec.json.encode(
            msgspec.structs.replace(one.event, latency_ms=one.event.latency_ms | {"total": one.after_apex_ms})
        )
        + b"\n"
        for one in analysis.early
    )
    contents = {
        "events.jsonl": lines,
        "events.csv": event_table.table([one.event for one in analysis.events]).encode(),
        "report.html": page(analysis, pictures=pictures).encode(),
        "events.eaf": document(
            [one.event for one in analysis.events], date=now, media=analysis.media, markers=analysis.markers
        ),
        "early.jsonl": early,
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
