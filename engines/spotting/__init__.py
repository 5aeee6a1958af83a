"""Crops in, movements out: onset, apex, offset. One interface, `Spotter`, several methods by name."""

from engines.spotting.settings import SpottingSettings
from engines.spotting.spot import Early, Instant, Sample, Spot, Spotter, View

__all__ = ["Early", "Instant", "Sample", "Spot", "Spotter", "SpottingSettings", "View", "open_spotter"]


def open_spotter(settings: SpottingSettings) -> Spotter:
    """A fresh spotter of ``settings.method``. Raises InputError where its network cannot be opened."""
    if settings.method == "motion":
        from engines.spotting.motion_spotter import MotionSpotter

        return MotionSpotter(settings)
    from engines.spotting.differences import DIFFERENCES
    from engines.spotting.window_spotter import WindowSpotter

    return WindowSpotter(settings, DIFFERENCES[settings.method])
