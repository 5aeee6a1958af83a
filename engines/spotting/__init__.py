"""Crops in, movements out: onset, apex, offset. One interface, `Spotter`, several methods by name."""

from engines.spotting.settings import SpottingSettings
from engines.spotting.spot import Instant, Sample, Spot, Spotter, View

__all__ = ["Instant", "Sample", "Spot", "Spotter", "SpottingSettings", "View", "open_spotter"]


def open_spotter(settings: SpottingSettings) -> Spotter:
    """The spotter that ``settings.method`` names."""
    if settings.method == "motion":
        from engines.spotting.motion_spotter import MotionSpotter

        return MotionSpotter(settings)
    from engines.spotting import dcrois, interframe
    from engines.spotting.window_spotter import WindowSpotter

    method = interframe if settings.method == "interframe" else dcrois
    return WindowSpotter(settings, method.feature, method.distance)
