"""The literature's features as a streaming spotter: the contrast of the middle of a sliding window with its ends.

Feature difference analysis (Moilanen et al. 2014): a movement of half a window or less makes the middle frame differ
from the mean of the two end frames. For comparison with `motion_spotter`; it knows no regions, blinks or head motion.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from engines.spotting.differences import Difference
from engines.spotting.settings import SpottingSettings
from engines.spotting.spot import Early, Instant, Phase, Sample, Spot, View

# Contrasts of this long make the threshold: mean + factor x (maximum - mean).
_MEMORY_S = 10.0


class WindowSpotter:
    """See `Spotter`."""

    def __init__(self, settings: SpottingSettings, difference: Difference) -> None:
        self.settings = settings
        self._feature, self._distance = difference.feature, difference.distance
        self._phase: Phase = "blind"
        self._reason = "no frame yet"
        self._forget()

    def _forget(self) -> None:
        self._window: deque[tuple[Instant, int, NDArray[np.float32]]] = deque()
        self._contrasts: deque[tuple[Instant, float]] = deque()
        self._above: list[tuple[Instant, float]] = []

    def interrupt(self, reason: str) -> None:
        """See `Spotter.interrupt`."""
        self._forget()
        self._phase, self._reason = "blind", reason

    def wants_landmarks(self) -> bool:
        """See `Spotter.wants_landmarks`: never."""
        return False

    def early(self) -> list[Early]:
        """See `Spotter.early`: never."""
        return []

    def view(self) -> View:
        """See `Spotter.view`: one curve, the contrast, in the feature's own unit."""
        now = self._contrasts[-1][1] if self._contrasts else 0.0
        return View(
            self._phase, self._reason, ("contrast",), np.array([[now, 0.0]]), np.array([self._threshold()])
        )

    def _threshold(self) -> float:
        values = [value for _, value in self._contrasts]
        if not values:
            return 0.0
        mean = float(np.mean(values))
        return mean + self.settings.peak_factor * (max(values) - mean)

    def push(self, sample: Sample) -> list[Spot]:
        """See `Spotter.push`."""
        if self._window and not 0 < sample.t_s - self._window[-1][0].t_s < self.settings.gap_s:
            self.interrupt("frames missing")
        if self._window and self._window[-1][1] != sample.epoch:
            # Crops of two transforms cannot be compared.
            self._window.clear()
        self._window.append((Instant(sample.index, sample.t_s), sample.epoch, self._feature(sample.crop)))
        while sample.t_s - self._window[0][0].t_s > self.settings.window_s:
            self._window.popleft()
        if sample.t_s - self._window[0][0].t_s < 0.8 * self.settings.window_s or len(self._window) < 5:
            return []
        middle = self._window[len(self._window) // 2]
        ends = 0.5 * (self._window[0][2] + self._window[-1][2])
        contrast = self._distance(ends, middle[2])
        self._contrasts.append((middle[0], contrast))
        while middle[0].t_s - self._contrasts[0][0].t_s > _MEMORY_S:
            self._contrasts.popleft()
        self._reason = ""
        if contrast > self._threshold():
            self._above.append((middle[0], contrast))
            self._phase = "rising"
            return []
        self._phase = "rest"
        return self._close()

    def flush(self) -> list[Spot]:
        """See `Spotter.flush`."""
        spots = self._close()
        self._forget()
        return spots

    def _close(self) -> list[Spot]:
        above, self._above = self._above, []
        if len(above) < 2:
            return []
        apex, contrast = max(above, key=lambda item: item[1])
        reach = 0.25 * self.settings.window_s
        span = [at for at, _ in self._contrasts if abs(at.t_s - apex.t_s) <= reach]
        lasted = span[-1].t_s - span[0].t_s
        if lasted < self.settings.micro_min_s:
            return []
        strength = contrast / max(self._threshold(), 1e-9)
        confidence = float(1 - np.exp(-strength))
        return [
            Spot(
                "micro",
                span[0],
                apex,
                span[-1],
                0.0,
                confidence,
                reason="contrast of the window's middle peaked",
            )
        ]
