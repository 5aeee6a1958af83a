"""The pipeline: which faces are followed, and what becomes of their movements."""

from collections import Counter

import numpy as np
import pytest

from engines import pipeline
from engines.face import Face, FaceSettings, FaceStatus
from engines.pipeline import Pipeline
from engines.spotting import Instant, Spot, SpottingSettings, View

IMAGE = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
LANDMARKS = np.random.default_rng(1).uniform(60, 200, (478, 3)).astype(np.float32)


def face(identity):
    return Face(
        id=identity,
        status=FaceStatus.OK,
        reason="",
        box=(60.0, 40.0, 140.0, 170.0),
        landmarks=LANDMARKS,
        matrix=np.array([[1.0, 0.0, 60.0], [0.0, 1.0, 40.0]]),
    )


class Tracker:
    """Sees the faces it is told of."""

    def __init__(self, _):
        self.script = []
        self.helped = []
        self.closed = False

    def step(self, image, t_s):
        return self.script.pop(0) if self.script else []

    def help_spotter(self, identity, wanted, t_s):
        self.helped.append((identity, wanted))

    def close(self):
        self.closed = True


class Spotter:
    """Tells one movement at its third sample, another when the stream ends."""

    def __init__(self):
        self.samples, self.interrupted = [], []

    def push(self, sample):
        self.samples.append(sample)
        return [spot(sample.index - 2, sample.index - 1, sample.index)] if len(self.samples) == 3 else []

    def interrupt(self, reason):
        self.interrupted.append(reason)

    def early(self):
        return []

    def wants_landmarks(self):
        return len(self.samples) == 2

    def flush(self):
        return [spot(0, 1, 2)] if self.samples else []

    def view(self):
        return View(refused={"a blink": len(self.samples)})


def spot(onset, apex, offset):
    moments = [Instant(i, i / 10) for i in (onset, apex, offset)]
    return Spot("micro", *moments, intensity_px=1.0, confidence=0.9, reason="")


@pytest.fixture
def opened(monkeypatch):
    """A pipeline with a scripted tracker, and the spotters it has made."""
    monkeypatch.setattr(pipeline, "FaceTracker", Tracker)
    made = []

    def one():
        made.append(Spotter())
        return made[-1]

    return Pipeline(FaceSettings(), SpottingSettings(), one), made


def run(line, script, first=0):
    line._tracker.script = [[face(i) for i in ids] for ids in script]
    return [line.push(IMAGE, first + k, (first + k) / 10) for k in range(len(script))]


def test_each_face_has_its_own_spotter_and_movements_name_their_face(opened):
    line, made = opened
    told = run(line, [[1], [1, 7], [1, 7], [7]])
    assert [[m.face for m in frame] for frame in told] == [[], [], [1], [7]]
    assert [[s.index for s in one.samples] for one in made] == [[0, 1, 2], [1, 2, 3]]
    movement = told[3][0]
    onset, apex = movement.crops()
    assert onset.shape == apex.shape == (170, 140) and movement.spot.apex.index == 2
    assert (1, True) in line._tracker.helped and (7, True) in line._tracker.helped


def test_a_face_that_is_not_followed_has_no_stage(opened):
    line, made = opened
    assert run(line, [[-1]]) == [[]] and made == [] and line.stage(-1) is None
    assert [one.id for one in line.faces] == [-1]


def test_what_a_face_was_refused_for_is_counted_when_it_has_gone(opened):
    line, _ = opened
    run(line, [[1], [1], [2]])
    assert line.stage(1) is None and line.refused_of(1) == {}
    assert line.refused_of(2) == {"a blink": 1} and line.refused() == Counter({"a blink": 3})


def test_an_interruption_reaches_every_face_and_the_end_completes_what_it_can(opened):
    line, made = opened
    run(line, [[1, 2], [1, 2]])
    line.interrupt("the recording is damaged here")
    assert [one.interrupted for one in made] == [["the recording is damaged here"]] * 2
    assert line.stage(1).past(1) is None, "nothing is cropped from before it"
    assert [m.face for m in line.flush()] == [1, 2]
    with line:
        pass
    assert line._tracker.closed
