"""The buffers of one image size, kept so that no pair waits for memory."""

import numpy as np

from engines.flow.cpu.compiled import Floats
from engines.flow.cpu.iterations import EDGE, PLANES
from engines.flow.cpu.lanes import LANES
from engines.flow.cpu.medians import SCRATCH_ROWS
from engines.flow.cpu.warping import CHANNELS, MARGIN
from engines.flow.presets import Preset
from engines.flow.sampling import cubic_weights, level_sizes


class Workspace:
    """Everything ``engine.solve`` reads and writes for images of one size. Belongs to one thread at a time."""

    def __init__(self, height: int, width: int, preset: Preset):
        sizes = level_sizes(height, width, preset)
        areas = [h * w for h, w in sizes]
        span = -(-width // EDGE) * EDGE + 2 * EDGE
        self.sizes = np.array(sizes, np.int64)
        self.starts = np.cumsum([0, *areas[:-1]], dtype=np.int64)
        # Every buffer ends with spare lanes: the kernels read sixteen values where the last few matter.
        self.onsets = np.zeros(sum(areas) + EDGE, np.float32)
        self.apexes = np.zeros(sum(areas) + EDGE, np.float32)
        self.samples = np.zeros((height + 2 * MARGIN) * (width + 2 * MARGIN) * CHANNELS + EDGE, np.float32)
        self.state = _aligned((height + 2) * PLANES * span + EDGE)
        self.mask = np.zeros(span + EDGE, np.float32)
        self.scratch = np.zeros(SCRATCH_ROWS * span + EDGE, np.float32)
        self.weights = cubic_weights(preset.sharpness, preset.fractions)
        self.wide_weights = np.repeat(self.weights, CHANNELS, axis=1).ravel()

    def fill(self, onset: Floats, apex: Floats) -> None:
        """Copy a pair in: float32 (H, W), grey levels."""
        self.onsets[: onset.size] = onset.ravel()
        self.apexes[: apex.size] = apex.ravel()


def _aligned(size: int) -> Floats:
    """Zeros that begin where a cache line begins, so that a load of sixteen values touches one line and not
    two.
    """
    room = np.zeros(size + LANES, np.float32)
    first = -room.ctypes.data // room.itemsize % LANES
    return room[first : first + size]
