"""The class order used everywhere: networks, flow maps, events and tables."""

from typing import Final

CLASSES: Final = ("negative", "positive", "surprise")
