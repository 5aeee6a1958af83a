"""A clip made ready: every crop under one transform, and which of them are onset, apex and offset."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from engines.face import CROP_HEIGHT, CROP_WIDTH
from offline.preparation.settings import DEFAULT


@dataclass(frozen=True)
class PreparedClip:
    """What every input is made of.

    ``crops`` uint8 (T, 170, 140), grey, all under one stabilising transform; ``apex_colour`` uint8 (170, 140, 3), RGB
    of the apex frame under the same transform (grey repeated where the source is grey); ``onset``, ``apex``,
    ``offset``: indices into crops with 0 <= onset < apex <= offset < T; ``fps`` frames a second; ``flow`` and
    ``magnification``: how motion is measured on it (offline.preparation.settings). Raises ValueError for marks and
    shapes that are otherwise.
    """

    crops: NDArray[Any]
    apex_colour: NDArray[Any]
    onset: int
    apex: int
    offset: int
    fps: float
    flow: str = DEFAULT.flow
    magnification: float = DEFAULT.magnification

    def __post_init__(self) -> None:
        if self.crops.ndim != 3 or self.crops.shape[1:] != (CROP_HEIGHT, CROP_WIDTH):
            raise ValueError(f"crops: shape {self.crops.shape} is not (T, {CROP_HEIGHT}, {CROP_WIDTH})")
        if self.apex_colour.shape != (CROP_HEIGHT, CROP_WIDTH, 3):
            raise ValueError(f"apex_colour: shape {self.apex_colour.shape} is not a crop in colour")
        if not 0 <= self.onset < self.apex <= self.offset < len(self.crops):
            marks = f"onset {self.onset}, apex {self.apex}, offset {self.offset}"
            raise ValueError(f"{marks} are not in order in {len(self.crops)} crops")
