"""Frames in, events out, for those who own the loop."""

import math
import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from apexcam.configuration import configured
from engines.errors import InputError
from engines.installation import check_opencv
from realtime.messages import Event, FaceState


class Spotter:
    """Finds and names the micro-expressions in frames as they are pushed: the stages of a live run in one object.

    The same frames give the same events as `analyze`. ``camera`` names the source in events; ``config`` and
    ``settings`` are those of `analyze`. ``faces``: what is seen in the newest frame. An event's ``latency_ms`` counts
    from the push of its apex.

    Raises InputError for an unusable setting, model or frame.

    >>> from engines.synthesis import demo
    >>> rendered = demo(60, 320, 240)
    >>> with Spotter() as spotter:
    ...     events = [event for i in range(150) for event in spotter.push(rendered.frame(i), i / 60)]
    ...     events += spotter.flush()
    >>> [event.kind for event in events]
    ['micro']
    """

    def __init__(
        self,
        *,
        camera: str = "camera",
        config: str | os.PathLike[str] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        check_opencv()
        from realtime.sources.base import camera_word
        from realtime.stages.recogniser import Recogniser
        from realtime.stages.watcher import Watcher

        loaded, _ = configured(config, settings)
        self._recogniser = Recogniser(loaded.recognise)
        self._watcher = Watcher(loaded.faces, loaded.spotting, camera_word(camera))
        self._index = 0
        self._t_ns: int | None = None
        self.faces: list[FaceState] = []

    def push(self, image: NDArray[np.uint8], t_s: float, *, lost: int = 0) -> list[Event]:
        """Take the next frame; returns the events that are complete with it.

        ``image`` is BGR uint8 (height, width, 3), as OpenCV gives it; ``t_s`` when it was taken, seconds from any
        moment, rising; ``lost`` how many frames went missing just before it. Frames are counted from 0.
        """
        from realtime.ring import Frame

        image = np.asarray(image)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise InputError(f"frame of {image.dtype} {image.shape}: must be uint8 (height, width, 3), BGR")
        if not math.isfinite(t_s) or (self._t_ns is not None and round(t_s * 1e9) <= self._t_ns):
            raise InputError(f"time {t_s} s: must be a number above that of the frame before")
        if lost < 0:
            raise InputError(f"lost {lost}: must be 0 or more")
        self._t_ns = round(t_s * 1e9)
        frame = Frame(self._index, self._t_ns, time.monotonic_ns(), lost, image)
        self._index += 1
        candidates = self._watcher.step(frame)
        self.faces = self._watcher.state(frame).faces
        return [event for event, _ in self._recogniser.many(candidates)]

    def flush(self) -> list[Event]:
        """The frames have ended: what can still be completed."""
        return [event for event, _ in self._recogniser.many(self._watcher.flush())]

    @property
    def refused(self) -> dict[str, int]:
        """How often each reason made a movement none of interest."""
        return dict(self._watcher.refused().most_common())

    def close(self) -> None:
        """Free the models."""
        self._watcher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
