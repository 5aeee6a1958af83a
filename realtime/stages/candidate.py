"""Candidates, from the watcher to the recogniser: a spotted movement and the two crops to measure flow between."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.face import CROP_HEIGHT, CROP_WIDTH
from realtime.messages import Kind, Moment
from realtime.stages.crop_source import CropSource


class Withdrawal(msgspec.Struct, frozen=True):
    """A provisional movement that will not be confirmed."""

    event_id: str
    reason: str


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A movement, complete from onset to offset, or a ``provisional`` one, which has turned back.

    ``onset_crop`` and ``apex_crop`` are the bytes of uint8 170x140 crops under the same similarity ``crop_to_frame``
    (2x3, row by row), cut out of ``taken_from``. ``apex_host_ns`` and ``spotted_ns`` are this machine's monotonic
    clock in nanoseconds.
    """

    event_id: str
    camera: str
    face: int
    kind: Kind
    onset: Moment
    apex: Moment
    offset: Moment
    intensity_px: float
    confidence: float
    frames_lost: int
    fps: float
    reason: str
    onset_crop: bytes
    apex_crop: bytes
    crop_to_frame: tuple[float, float, float, float, float, float]
    apex_host_ns: int
    spotted_ns: int
    taken_from: tuple[CropSource, CropSource] | None = None
    stage: Literal["final", "provisional"] = "final"

    def crops(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The crops of onset and apex as uint8 (170, 140). Raises ValueError if the bytes are not two crops."""
        onset, apex = (
            np.frombuffer(data, dtype=np.uint8).reshape(CROP_HEIGHT, CROP_WIDTH)
            for data in (self.onset_crop, self.apex_crop)
        )
        return onset, apex
