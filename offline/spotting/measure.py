"""One video through tracker, spotter and classifier, as the live side runs them: what was found, and what was said."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import msgspec
import numpy as np

from engines.face import Face, FaceSettings
from engines.face.geometry import Image
from engines.flow import as_benchmark, flow_map, open_solver
from engines.inference import open_classifier
from engines.pipeline import Movement, Pipeline
from engines.spotting import SpottingSettings, View
from engines.spotting.apex import APEX_RULES
from engines.spotting.face_stage import FaceStage
from engines.spotting.refusals import NewlyRefused
from offline.spotting.early import Announced, Announcements
from offline.spotting.truth import Found, Interval, Video

_TICK = 50
# Shorter clips than this have no apex to look for.
_LEAST_FRAMES = 4


class Clip(msgspec.Struct, frozen=True):
    """What each apex rule said about one performed micro-expression, onset to offset; and its class at true moments.

    ``errors``: frames from the true apex by rule's name.
    """

    onset: int
    apex: int
    offset: int
    errors: dict[str, int]
    label: str | None = None
    named: str | None = None


class Measured(msgspec.Struct, frozen=True):
    """One video measured, as it is kept. ``key`` is of the code, the settings and the video that it came from.

    ``refusals``: frame and words, whenever what the spotter says has changed or a movement was refused. ``refused``:
    how often a movement was, by reason, numbers apart. ``watched``: first and last frame of every stretch in which
    something could have been spotted; ``unseen``: frames outside of them, ``blind``: the same by reason.
    ``ms_per_frame``: face and spotting together, on one core. ``announced``: what was said before it was over.
    """

    key: str
    name: str
    fps: float
    frames: int
    neutral: bool
    performed: tuple[Interval, ...]
    found: tuple[Found, ...]
    clips: tuple[Clip, ...]
    refusals: tuple[tuple[int, str], ...]
    refused: dict[str, int]
    watched: tuple[tuple[int, int], ...]
    unseen: int
    blind: dict[str, int]
    ms_per_frame: float
    announced: tuple[Announced, ...] = ()


@dataclass(frozen=True)
class Setup:
    """What videos are measured with."""

    spotting: SpottingSettings
    faces: FaceSettings
    flow: str = "auto"
    preset: str = "precise"


class Namer:
    """The class of a micro-expression from its onset and apex crops, by the shipped network."""

    def __init__(self, setup: Setup) -> None:
        self._solve = open_solver(setup.flow, setup.preset)
        self._classify = open_classifier()

    def __call__(self, onset: Image, apex: Image) -> tuple[str, tuple[float, ...]]:
        """The likeliest class and all probabilities, in the order of the network's classes."""
        flow = self._solve(onset, apex)
        row = self._classify(as_benchmark(flow_map(flow.u, flow.v))[None])[0]
        return self._classify.classes[int(np.argmax(row))], tuple(round(float(p), 4) for p in row)


class _Taker:
    """Watches one video: collects spots with their class, and clips of what was performed."""

    def __init__(self, video: Video, setup: Setup) -> None:
        self._video = video
        self._name = Namer(setup)
        self._waiting = [t for t in video.performed() if t.kind == "micro" and t.apex is not None]
        self.found: list[Found] = []
        self.clips: list[Clip] = []

    def take(self, movements: Iterable[Movement]) -> None:
        for movement in movements:
            spot = movement.spot
            label: str | None = None
            probabilities: tuple[float, ...] = ()
            pair = movement.crops() if spot.kind == "micro" else None
            if pair is not None:
                label, probabilities = self._name(*pair)
            first, last = spot.onset.index, spot.offset.index
            head = self._video.head_px(first, last)
            self.found.append(
                Found(
                    spot.kind,
                    first,
                    spot.apex.index,
                    last,
                    round(spot.intensity_px, 3),
                    round(spot.confidence, 3),
                    label,
                    probabilities,
                    spot.regions,
                    spot.reason,
                    None if head is None else round(head, 2),
                )
            )

    def clip(self, index: int, stage: FaceStage) -> None:
        """At the end of something performed: cut it out, onset to offset, under the onset's transform."""
        while self._waiting and self._waiting[0].offset <= index:
            truth = self._waiting.pop(0)
            assert truth.apex is not None
            onset, apex = stage.past(truth.onset), stage.past(truth.apex)
            past = [stage.past(i) for i in range(truth.onset, truth.offset + 1)]
            crops = [p.crop(onset.matrix) for p in past if p is not None and onset is not None]
            if onset is None or apex is None or len(crops) < max(_LEAST_FRAMES, len(past)):
                continue
            errors = {
                name: truth.onset + rule(crops) - truth.apex for name, rule in sorted(APEX_RULES.items())
            }
            named, _ = self._name(onset.crop(apex.matrix), apex.crop(apex.matrix))
            self.clips.append(Clip(truth.onset, truth.apex, truth.offset, errors, truth.label, named))


class _Listener:
    """What the spotter says of the first face, frame by frame."""

    def __init__(self) -> None:
        self.refusals: list[tuple[int, str]] = []
        self.refused: Counter[str] = Counter()
        self.blind: Counter[str] = Counter()
        self.watched: list[tuple[int, int]] = []
        self._said = ""
        self._last: int | None = None
        self._newly = NewlyRefused()

    def hear(self, index: int, face: Face | None, view: View | None) -> None:
        words = view.reason if view else "no face"
        if face is not None and view is not None:
            new = self._newly.of(face.id, view.refused)
            self.refused += new
            self.refusals += [(index, reason) for reason in new if reason != kind_of(words)]
            if new:
                self._said = ""
        if words != self._said:
            self.refusals.append((index, words))
            self._said = words
        if view is None or view.phase == "blind":
            self.blind[kind_of(words)] += 1
        elif self.watched and self.watched[-1][1] == self._last:
            self.watched[-1] = (self.watched[-1][0], index)
        else:
            self.watched.append((index, index))
        self._last = index


def kind_of(words: str) -> str:
    """Words without the numbers in them: "too long (620 ms)" and "too long (540 ms)" are one reason."""
    bare = re.sub(r"\([^)]*\d[^)]*\)|-?\d+(\.\d+)?( ?(px|ms|s|°)\b|°)?", "", words)
    return re.sub(r"\s+", " ", bare).replace(" ,", ",").replace(" :", ":").strip(" ,;:")


def measure(video: Video, setup: Setup, key: str, tick: Callable[[int], None] | None = None) -> Measured:
    """Run a video from its first frame to its last. ``tick`` is called with the number of frames just done.

    Raises InputError where a frame cannot be read, or no model is there.
    """
    cv2.setNumThreads(1)
    taker = _Taker(video, setup)
    listener = _Listener()
    announcements = Announcements()
    frames = 0
    spent = 0.0
    with Pipeline(setup.faces, setup.spotting) as pipeline:
        for index, image in video.frames():
            began = time.perf_counter()
            movements = pipeline.push(image, index, video.time_s(index))
            spent += time.perf_counter() - began
            taker.take(movements)
            announcements.hear(index, pipeline.early())
            announcements.confirm(movements)
            stages = [stage for face in pipeline.faces if (stage := pipeline.stage(face.id)) is not None]
            for stage in stages:
                taker.clip(index, stage)
            first = next((face for face in pipeline.faces if face.id >= 0), None)
            listener.hear(index, first, stages[0].spotter.view() if stages else None)
            frames += 1
            if tick and frames % _TICK == 0:
                tick(_TICK)
        rest = pipeline.flush()
        taker.take(rest)
        announcements.confirm(rest)
    if tick:
        tick(frames % _TICK)
    return Measured(
        key=key,
        name=video.name,
        fps=video.fps,
        frames=frames,
        neutral=video.neutral,
        performed=tuple(video.performed()),
        found=tuple(sorted(taker.found, key=lambda found: (found.onset, found.kind))),
        clips=tuple(taker.clips),
        refusals=tuple(listener.refusals),
        refused=dict(listener.refused.most_common()),
        watched=tuple(listener.watched),
        unseen=listener.blind.total(),
        blind=dict(listener.blind.most_common()),
        ms_per_frame=round(1000 * spent / max(frames, 1), 3),
        announced=announcements.all(),
    )
