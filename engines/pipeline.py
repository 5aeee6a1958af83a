"""Frames in, movements out: faces, their stabilised crops, their spotters.

Live runs, analyses, the benchmark and training run this one object, so what is measured is what is live:

    with Pipeline(FaceSettings(), SpottingSettings()) as pipeline:
        for index, t_s, image in frames:
            for movement in pipeline.push(image, index, t_s):
                ...
        pipeline.flush()

What it does depends on the frames and their times alone: the same frames give the same movements.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from engines.face import CROP_HEIGHT, CROP_WIDTH, Face, FaceSettings, FaceTracker
from engines.face.geometry import Image
from engines.spotting import Early, Sample, Spot, Spotter, SpottingSettings, open_spotter
from engines.spotting.face_stage import FaceStage

_NEWS: Final = 64


@dataclass(frozen=True)
class Movement:
    """A movement that is complete: of which face, when, and the face's stage, which still has its frames."""

    face: int
    spot: Spot
    stage: FaceStage

    def crops(self) -> tuple[Image, Image] | None:
        """Onset and apex, uint8 170x140, under one transform; None where it lasted too long."""
        pair = self.stage.pair(self.spot)
        return None if pair is None else (pair[0], pair[1])


@dataclass(frozen=True)
class EarlyMovement:
    """News of a movement that is not over yet, see `engines.spotting.spot.Early`: of which face, and its stage."""

    face: int
    early: Early
    stage: FaceStage


class Pipeline:
    """The faces of one camera or recording.

    ``opened`` makes the spotter of a new face, by default as ``spotting`` says. Raises InputError where a model is
    missing.
    """

    def __init__(
        self,
        faces: FaceSettings,
        spotting: SpottingSettings,
        opened: Callable[[], Spotter] | None = None,
    ) -> None:
        self._tracker = FaceTracker(faces)
        self._opened = opened or (lambda: open_spotter(spotting))
        self._stages: dict[int, FaceStage] = {}
        self._refused: Counter[str] = Counter()
        self._withdrawn: deque[EarlyMovement] = deque(maxlen=_NEWS)  # whoever never asks forgets
        self.faces: list[Face] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def warm_up(self) -> None:
        """Compile and load everything now, so that the first real frame is not late."""
        spotter = self._opened()
        rng = np.random.default_rng(0)
        landmarks = rng.uniform(30, 110, (478, 3))
        blank = rng.integers(0, 255, (CROP_HEIGHT, CROP_WIDTH), dtype=np.uint8)
        for index in range(3):
            spotter.push(Sample(index, index * 0.005, blank, landmarks))
        self._tracker.step(np.zeros((120, 160, 3), dtype=np.uint8), -1.0)

    def push(self, image: NDArray[np.uint8], index: int, t_s: float) -> list[Movement]:
        """Take the next frame, BGR uint8 (height, width, 3), its number and time, both rising.

        Returns the movements that are complete with it. ``faces`` are those seen in it; one without a number (-1) is
        not followed.
        """
        self.faces = self._tracker.step(image, t_s)
        self._forget({face.id for face in self.faces})
        found = []
        for face in self.faces:
            if face.id < 0:
                continue
            stage = self._stages.get(face.id)
            if stage is None:
                stage = self._stages[face.id] = FaceStage(self._opened())
            found += [Movement(face.id, spot, stage) for spot in stage.push(face, image, index, t_s)]
            self._tracker.help_spotter(face.id, stage.spotter.wants_landmarks(), t_s)
        return found

    def early(self) -> list[EarlyMovement]:
        """What is new since the last call about movements that are not over yet."""
        gone = list(self._withdrawn)
        self._withdrawn.clear()
        return gone + [
            EarlyMovement(face, early, stage)
            for face, stage in self._stages.items()
            for early in stage.spotter.early()
        ]

    def interrupt(self, reason: str) -> None:
        """Nothing can be seen for a while: what was begun is given up, in words."""
        for stage in self._stages.values():
            stage.interrupt(reason)

    def flush(self) -> list[Movement]:
        """The stream ended: what can still be completed."""
        return [
            Movement(face, spot, stage)
            for face, stage in self._stages.items()
            for spot in stage.spotter.flush()
        ]

    def stage(self, face: int) -> FaceStage | None:
        """The stage of a face that is followed now."""
        return self._stages.get(face)

    def refused(self) -> Counter[str]:
        """How often each reason made a movement none of interest, of all faces so far."""
        counts = self._refused.copy()
        for face in self._stages:
            counts.update(self.refused_of(face))
        return counts

    def refused_of(self, face: int) -> Mapping[str, int]:
        """The same of one face that is followed now."""
        stage = self._stages.get(face)
        return {} if stage is None else stage.spotter.view().refused

    def close(self) -> None:
        """Free the models."""
        self._tracker.close()

    def _forget(self, present: set[int]) -> None:
        for gone in [face for face in self._stages if face not in present]:
            self._refused.update(self.refused_of(gone))
            stage = self._stages[gone]
            stage.interrupt("the face is gone")
            self._withdrawn += [EarlyMovement(gone, early, stage) for early in stage.spotter.early()]
            del self._stages[gone]
