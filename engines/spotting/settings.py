"""What a user may set about spotting: section `spotting` of a configuration, in seconds and crop pixels."""

from typing import Literal

import msgspec


class SpottingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``method``: `motion` is the onset tracker and apex spotter; `interframe` (paper 002, eq. 1) and `dcrois`
    (paper 000, section 3.1) are the literature's features over a sliding window, for comparison.

    ``model`` is a network made by ``apexbench spot-train``, in place of the shipped one; ``alarms_per_minute`` how many
    false alarms are put up with, as measured on people it had not seen (`engines.spotting.detector.Odds`);
    ``threshold_px`` and ``noise_factor`` say what is noticed at all.
    ``micro_max_px`` is more than any micro-expression moves a region; a head that goes farther than ``head_max_px``
    during a movement hides it. ``window_s`` and ``peak_factor`` are of the other two methods alone.
    """

    method: Literal["motion", "interframe", "dcrois"] = "motion"
    model: str | None = None
    alarms_per_minute: float = 0.5
    threshold_px: float = 0.12
    noise_factor: float = 6.0
    micro_min_s: float = 0.04
    micro_max_s: float = 0.5
    micro_max_px: float = 15.0
    head_max_px: float = 25.0
    macro_max_s: float = 5.0
    smooth_s: float = 0.02
    rest_s: float = 0.5
    head_settle_s: float = 0.05
    reference_s: float = 3.0
    gap_s: float = 0.1
    window_s: float = 0.5
    peak_factor: float = 0.6

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, float) and not value > 0:
                raise ValueError(f"spotting.{name} must be greater than 0")
        if self.micro_min_s >= self.micro_max_s:
            raise ValueError("spotting.micro_min_s must be less than spotting.micro_max_s")
