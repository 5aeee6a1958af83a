"""A whole clip through the streaming spotter, and the batch apex rules by name."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.face import FaceSettings, FaceTracker
from engines.face.geometry import Image
from engines.spotting import apex, dcrois, interframe
from engines.spotting.face_stage import FaceStage
from engines.spotting.open import open_spotter
from engines.spotting.settings import SpottingSettings
from engines.spotting.spot import Spot


@dataclass(frozen=True)
class Spotted:
    """A movement with its onset and apex crops (uint8 170x140) under one transform; None where it lasted too long."""

    spot: Spot
    face: int
    onset_crop: Image | None
    apex_crop: Image | None


def spot_frames(
    frames: Iterable[tuple[int, float, NDArray[np.uint8]]],
    spotting: SpottingSettings | None = None,
    faces: FaceSettings | None = None,
) -> Iterator[Spotted]:
    """Movements of all faces in (index, seconds, BGR image) frames, each as soon as it is complete."""
    spotting = spotting or SpottingSettings()
    tracker = FaceTracker(faces or FaceSettings())
    stages: dict[int, FaceStage] = {}
    try:
        for index, t_s, image in frames:
            for face in tracker.step(image, t_s):
                if face.id < 0:
                    continue
                stage = stages.setdefault(face.id, FaceStage(open_spotter(spotting)))
                for spot in stage.push(face, image, index, t_s):
                    yield _spotted(spot, face.id, stage)
                tracker.help_spotter(face.id, stage.spotter.wants_landmarks(), t_s)
        for identity, stage in stages.items():
            for spot in stage.spotter.flush():
                yield _spotted(spot, identity, stage)
    finally:
        tracker.close()


def _spotted(spot: Spot, face: int, stage: FaceStage) -> Spotted:
    pair = stage.pair(spot)
    return Spotted(spot, face, *(pair[:2] if pair else (None, None)))


def _middle(crops: Sequence[Image]) -> int:
    return len(crops) // 2


# Rules for a clip whose first crop is the onset: the apex's position.
APEX_RULES: dict[str, Callable[[Sequence[Image]], int]] = {
    "motion": apex.apex,
    "interframe": interframe.apex,
    "dcrois": dcrois.apex,
    "middle": _middle,
}
