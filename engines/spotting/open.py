"""The spotter that settings name."""

from engines.spotting.settings import SpottingSettings
from engines.spotting.spot import Spotter


def open_spotter(settings: SpottingSettings) -> Spotter:
    """A fresh spotter of ``settings.method``."""
    if settings.method == "motion":
        from engines.spotting.motion_spotter import MotionSpotter

        return MotionSpotter(settings)
    from engines.spotting import dcrois, interframe
    from engines.spotting.window_spotter import WindowSpotter

    method = interframe if settings.method == "interframe" else dcrois
    return WindowSpotter(settings, method.feature, method.distance)
