"""Crops in, movements out: onset, apex, offset. One interface, `Spotter`, several methods by name."""

from engines.spotting.open import open_spotter
from engines.spotting.settings import SpottingSettings
from engines.spotting.spot import Instant, Sample, Spot, Spotter, View

__all__ = ["Instant", "Sample", "Spot", "Spotter", "SpottingSettings", "View", "open_spotter"]
