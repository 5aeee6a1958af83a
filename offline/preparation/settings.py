"""What may be chosen of a clip's preparation: the options of `apexbench run` and what its results say of them."""

import math
from dataclasses import dataclass
from typing import Final

from engines.errors import InputError
from engines.flow.presets import PRESETS
from engines.spotting.apex import APEX_RULES
from offline.preparation.magnification import ALPHA

ALIGNMENT: Final = (
    "one similarity a clip, by the inner corners of the eyes; pictures cropped by the owners as they are"
)


@dataclass(frozen=True)
class Preparation:
    """``apex`` names what finds an apex that no table has (engines.spotting.apex.APEX_RULES), ``flow`` the preset of
    TV-L1, ``magnification`` the alpha of Eulerian magnification, 0 for none.
    """

    apex: str = "motion"
    flow: str = "precise"
    magnification: float = ALPHA

    def check(self) -> "Preparation":
        """Itself. InputError for a rule or preset that there is not, and for an alpha below 0."""
        if self.apex not in APEX_RULES:
            raise InputError(f"unknown apex rule {self.apex!r}: choose one of {', '.join(APEX_RULES)}")
        if self.flow not in PRESETS:
            raise InputError(f"unknown flow preset {self.flow!r}: choose {' or '.join(PRESETS)}")
        if not (math.isfinite(self.magnification) and self.magnification >= 0):
            raise InputError(f"--magnification {self.magnification:g}: alpha is 0 (none) or more")
        return self


DEFAULT: Final = Preparation()
