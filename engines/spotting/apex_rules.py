"""The apex rules for clips whose first crop is the onset, by name."""

from collections.abc import Callable, Sequence

from engines.face.geometry import Image
from engines.spotting import apex, dcrois, interframe


def _middle(crops: Sequence[Image]) -> int:
    return len(crops) // 2


# Rules for a clip whose first crop is the onset: the apex's position.
APEX_RULES: dict[str, Callable[[Sequence[Image]], int]] = {
    "motion": apex.apex,
    "interframe": interframe.apex,
    "dcrois": dcrois.apex,
    "middle": _middle,
}
