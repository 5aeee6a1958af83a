"""Small stand-ins for source, watcher and recogniser, so that live runs are quick and can be made to fail.

The spec of a source is ``fake:`` and settings: ``fake:frames=200,fps=100,die_at=50``. With ``once=PATH`` a failure
happens one time only: the file is there afterwards. Run as a script it is the program itself with these stages.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from engines.errors import InputError
from engines.inference.model_file import read_model
from engines.notices import notify
from realtime.config import Config
from realtime.messages import Event, FaceState, FlowUsed, Model, Moment, State
from realtime.processes.spec import Stages
from realtime.ring import Frame
from realtime.sources.base import PacedSource, Pacer, Shot, SourceInfo
from realtime.stages.candidate import Candidate, Withdrawal

EVERY = 25  # a candidate each so many frames
STAGES = Stages(
    open_source="live_fakes:open_source",
    watcher="live_fakes:FakeWatcher",
    recogniser="live_fakes:FakeRecogniser",
)


def settings(spec: str) -> dict[str, Any]:
    pairs = (pair.partition("=") for pair in spec.removeprefix("fake:").split(",") if pair)
    return {name: float(value) if value.replace(".", "").isdigit() else value for name, _, value in pairs}


def first_time(path: str | None) -> bool:
    """Whether this has not happened yet; it has now."""
    if path is None:
        return True
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


class FakeSource(PacedSource):
    def __init__(self, spec: str, pace: float | None) -> None:
        self.wish = settings(spec)
        if Path(str(self.wish.get("once", "/nowhere"))).exists():
            # Back again, and otherwise: then_fps, then_width, then_height.
            again = {
                name.removeprefix("then_"): v for name, v in self.wish.items() if name.startswith("then_")
            }
            self.wish |= again
        fps = float(self.wish.get("fps", 100))
        self.size = int(self.wish.get("height", 48)), int(self.wish.get("width", 64))
        frames = int(self.wish["frames"]) if "frames" in self.wish else None
        info = SourceInfo("fake", spec, self.wish.get("kind", "file"), *self.size[::-1], fps, frames, "")
        super().__init__(info, Pacer(pace or fps))

    def _shoot(self) -> Shot | None:
        wish, index = self.wish, self._index
        if index >= wish.get("frames", 1e18):
            self._problem = str(wish.get("problem", ""))
            return None
        if index == wish.get("die_at") and first_time(wish.get("once")):
            os._exit(9)
        if index == wish.get("hang_at") and first_time(wish.get("once")):
            time.sleep(1000)
        if index == wish.get("lost_at") and first_time(wish.get("once")):
            self._lost, self._problem = True, "unplugged"
            return None
        jump_clock(index)
        image = np.full((*self.size, 3), index % 256, np.uint8)
        if self.wish.get("noise"):
            image[1:] = np.random.default_rng(index).integers(0, 256, image[1:].shape, np.uint8)
        return Shot(round(index * 1e9 / self.info.fps), image, gap=int(index == wish.get("gap_at")))

    def truth(self, upto: int, since: int) -> list[Any]:
        if not self._open:
            time.sleep(self.wish.get("last_truth_takes_s", 0))
        return []

    def _release(self) -> None:
        pass


def jump_clock(frame: int) -> None:
    """Sets the wall clock of this process, from the frame the plan says."""
    if frame < (plan("clock_jumps_at") or 1e9) or hasattr(time, "before_jump_ns"):
        return
    time.before_jump_ns = time.time_ns  # type: ignore[attr-defined]
    by_ns = round(plan("clock_jumps_by_s") * 1e9)
    time.time_ns = lambda: time.before_jump_ns() + by_ns  # type: ignore[attr-defined]
    time.time = lambda: time.time_ns() / 1e9


def open_source(spec: str, *, pace: Any = None, **_: Any) -> FakeSource:
    if spec.startswith("missing"):
        raise InputError(f"{spec}: there is no such thing; give something else")
    return FakeSource(spec, pace if isinstance(pace, float) else None)


def face_at_rest() -> FaceState:
    """A face that is seen and does nothing."""
    return FaceState(
        face=0,
        status="ok",
        reason="",
        phase="rest",
        box=None,
        landmarks=[],
        crop_to_frame=None,
        regions=[],
    )


class FakeWatcher:
    """A candidate each `EVERY` frames, the last one at the end; dies from the frame the plan says."""

    def __init__(self, faces: Any, spotting: Any, camera: str, wall: Any = None) -> None:
        self.camera, self.wall = camera, wall
        self.newest: Frame | None = None
        self.misses = 0
        self.news: tuple[list[Candidate], list[Withdrawal]] = ([], [])
        # A camera that was opened again counts from 0, the run goes on counting: then only the steps must agree.
        self.ahead: int | None = None if plan("renumbered") else 0
        if line := plan("all_say"):
            notify(line)

    def step(self, frame: Frame) -> list[Candidate]:
        self.newest = Frame(frame.index, frame.t_ns, frame.host_ns, frame.gap, frame.image.copy())
        jump_clock(frame.index)
        ahead = (frame.index - int(frame.image[0, 0, 0])) % 256
        self.ahead = ahead if self.ahead is None else self.ahead
        assert ahead == self.ahead
        if frame.index >= (plan("watch_dies_from") or 1e9) and first_time(plan("once")):
            os._exit(7)
        time.sleep(plan("watch_takes_s") or 0)
        if plan("early"):
            self.announce(frame)
        return [self.candidate(frame)] if frame.index % EVERY == EVERY - 1 else []

    def announce(self, frame: Frame) -> None:
        """Ten frames before each candidate, and once for one that will not come."""
        coming = frame.index + 10
        if coming % EVERY == EVERY - 1 or coming == 2 * EVERY:
            early = msgspec.structs.replace(
                self.candidate(frame), event_id=f"{self.camera}-{coming}", stage="provisional"
            )
            self.news[0].append(early)
        if frame.index == 2 * EVERY:
            self.news[1].append(Withdrawal(f"{self.camera}-{frame.index}", "did not return"))

    def candidate(self, frame: Frame, kind: str = "micro") -> Candidate:
        moments = [
            Moment(frame.index + d, frame.t_ns, self.wall(frame.host_ns) if self.wall else None)
            for d in (-4, -2, 0)
        ]
        return Candidate(
            event_id=f"{self.camera}-{frame.index}",
            camera=self.camera,
            face=0,
            kind=kind,  # type: ignore[arg-type]
            onset=moments[0],
            apex=moments[1],
            offset=moments[2],
            intensity_px=1.0,
            confidence=1.0,
            frames_lost=self.misses,
            fps=100.0,
            reason="",
            onset_crop=bytes(170 * 140),
            apex_crop=bytes([1]) * (170 * 140),
            crop_to_frame=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
            apex_host_ns=frame.host_ns,
            spotted_ns=time.monotonic_ns(),
        )

    def lost(self, count: int) -> None:
        self.misses += count

    def early(self) -> tuple[list[Candidate], list[Withdrawal]]:
        """What was announced since the last call."""
        news, self.news = self.news, ([], [])
        return news

    def refused(self) -> Counter[str]:
        return Counter()

    def flush(self) -> list[Candidate]:
        return [] if self.newest is None else [self.candidate(self.newest, "macro")]

    def state(self, frame: Frame) -> State:
        at = Moment(frame.index, frame.t_ns)
        return State(camera=self.camera, at=at, fps=100.0, faces=[face_at_rest()])

    def close(self) -> None:
        pass


class FakeRecogniser:
    """Names everything positive; dies at the candidate the plan says."""

    backends = {"flow": "none none", "classify": "fake on none"}  # noqa: RUF012

    def __init__(self, settings: Any, heard: Any) -> None:
        if settings.model == "missing.onnx":
            raise InputError("recognise.model missing.onnx: there is no such file")
        self.model, self.flow = Model("fake", "0", "none"), FlowUsed("none", "none")
        if line := plan("all_say"):
            notify(line)
        if plan("reads_model"):
            self.model = Model("fake", read_model(Path(settings.model)).sha256, "none")
        time.sleep(plan("recognise_starts_in_s") or 0)

    def many(self, candidates: list[Candidate]) -> Iterator[tuple[Event, dict[str, bytes]]]:
        for candidate in candidates:
            yield self._one(candidate)

    def _one(self, candidate: Candidate) -> tuple[Event, dict[str, bytes]]:
        time.sleep(plan("recognise_takes_s") or 0)
        jump_clock(candidate.offset.frame)
        if candidate.offset.frame == plan("recognise_dies_at") and first_time(plan("once")):
            os._exit(5)
        micro = candidate.kind == "micro"
        event = Event(
            event_id=candidate.event_id,
            camera=candidate.camera,
            face=0,
            kind=candidate.kind,
            onset=candidate.onset,
            apex=candidate.apex,
            offset=candidate.offset,
            label="positive" if micro else None,
            probabilities={"positive": 1.0} if micro else {},
            abstained=False,
            confidence=1.0,
            intensity_px=1.0,
            frames_lost=candidate.frames_lost,
            fps=candidate.fps,
            latency_ms={"flow": 1.0, "classify": 0.5} if micro else {},
            model=self.model,
            flow=self.flow,
            reason="",
            stage=candidate.stage,
            confirmation=0.9 if candidate.stage == "provisional" else None,
        )
        return event, {"onset": b"png"}


def plan(name: str) -> Any:
    """What should go wrong: JSON in the environment, since stages know nothing of tests."""
    return json.loads(os.environ.get("APEXCAM_TEST_PLAN", "{}")).get(name)


@dataclass
class Notes:
    """A screen that only remembers."""

    def __post_init__(self) -> None:
        self.lines: list[str] = []
        self.events: list[Event] = []
        self.report: dict[str, Any] = {}
        self.views: list[Any] = []
        self.early_events: list[Event] = []
        self.on_event: Any = None

    def say(self, text: str) -> None:
        self.lines.append(text)

    def event(self, event: Event, truth: Any, *, rendered: bool) -> None:
        self.events.append(event)
        if self.on_event:
            self.on_event(event)

    def early(self, event: Event) -> None:
        self.early_events.append(event)

    def show(self, view: Any) -> None:
        self.views.append(view)

    def summary(self, report: dict[str, Any], written: Any) -> None:
        self.report = report

    def close(self) -> None:
        pass


def main(arguments: list[str]) -> int:
    """``live_fakes.py SOURCE REPORT``: a live run in a process of its own, plain lines on stdout."""
    from realtime.config import Bus
    from realtime.live.coordinator import run
    from realtime.live.options import Options
    from realtime.live.screen import PlainLines

    options = Options(
        sources=(arguments[0],),
        config=Config(bus=Bus(endpoint="tcp://127.0.0.1:*")),
        dashboard=False,
        report=Path(arguments[1]),
        stages=STAGES,
    )
    return run(options, PlainLines())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
