"""The recognise stage: candidates to events with their class. Live runs and `analyze` use the same object."""

import time
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import Image
from engines.flow import picture, strain
from engines.notices import notify
from engines.recognition import Recognised, Recognition
from realtime.config import Recognise
from realtime.messages import Event, FlowUsed, Model
from realtime.stages.candidate import Candidate


class Recogniser:
    """Flow between onset and apex, flow map, class. Raises InputError if the model or a backend is unusable.

    ``on_notice`` gets one line when a GPU backend fails and the next best takes over.
    """

    def __init__(self, settings: Recognise, on_notice: Callable[[str], None] = notify) -> None:
        self._settings = settings
        self._recognition = Recognition(
            settings.model,
            backend=settings.backend,
            preset=settings.preset,
            runtime=settings.runtime,
            precision=settings.precision,
            on_notice=on_notice,
        )

    @property
    def model(self) -> Model:
        """The network, and the runtime in use."""
        return Model(self._recognition.name, self._recognition.sha256, self._recognition.runtime)

    @property
    def flow(self) -> FlowUsed:
        """The flow solver in use."""
        return FlowUsed(*self._recognition.flow)

    @property
    def backends(self) -> dict[str, str]:
        """Model and flow solver as text, and the backends that failed."""
        used = {
            "flow": " ".join(self._recognition.flow),
            "classify": f"{self.model.name} on {self.model.runtime}",
        }
        failures = self._recognition.failures
        return used | ({"failed": "; ".join(failures)} if failures else {})

    def __call__(self, candidate: Candidate) -> tuple[Event, dict[str, bytes]]:
        """The event and its pictures as PNG: onset, apex and, for a micro-expression, flow and strain."""
        (answer,) = self.many([candidate])
        return answer

    def many(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Event, dict[str, bytes]]]:
        """The same for several candidates, in order: on a GPU in one batch, on the CPU one after the other."""
        pairs = [candidate.crops() for candidate in candidates if candidate.kind == "micro"]
        recognised = self._recognition([onset for onset, _ in pairs], [apex for _, apex in pairs])
        for candidate in candidates:
            yield self._event(candidate, next(recognised) if candidate.kind == "micro" else None)

    def _event(self, candidate: Candidate, found: Recognised | None) -> tuple[Event, dict[str, bytes]]:
        spent_ms = 0.0 if found is None else sum(found.ms.values())
        onset, apex = candidate.crops()
        latency = {
            "spotted": (candidate.spotted_ns - candidate.apex_host_ns) / 1e6,
            "queued": (time.monotonic_ns() - candidate.spotted_ns) / 1e6 - spent_ms,
        }
        # An early event is in a hurry; its pictures come with the final one.
        early = candidate.stage == "provisional"
        pictures = {} if early else {"onset": _png(onset), "apex": _png(apex)}
        label, probabilities, abstained, reason = None, {}, False, candidate.reason
        if found is not None:
            latency |= found.ms
            probabilities = {
                name: round(float(p), 4)
                for name, p in zip(self._recognition.classes, found.probabilities, strict=True)
            }
            label = max(probabilities, key=lambda name: probabilities[name])
            if probabilities[label] < self._settings.abstain_below:
                reason += f"; no class reaches {self._settings.abstain_below:g}"
                label, abstained = None, True
            if not early:
                pictures |= {
                    "flow": _png(picture(found.u, found.v)),
                    "strain": _png(_heat(strain(found.u, found.v))),
                }
        latency["total"] = (time.monotonic_ns() - candidate.apex_host_ns) / 1e6
        event = Event(
            event_id=candidate.event_id,
            camera=candidate.camera,
            face=candidate.face,
            kind=candidate.kind,
            onset=candidate.onset,
            apex=candidate.apex,
            offset=candidate.offset,
            label=label,
            probabilities=probabilities,
            abstained=abstained,
            confidence=candidate.confidence,
            intensity_px=candidate.intensity_px,
            frames_lost=candidate.frames_lost,
            fps=candidate.fps,
            latency_ms={stage: round(ms, 3) for stage, ms in latency.items()},
            model=None if found is None else Model(self.model.name, self.model.sha256, found.runtime),
            flow=None if found is None else FlowUsed(found.backend, found.preset),
            reason=reason,
            stage=candidate.stage,
            confirmation=candidate.confidence if candidate.stage == "provisional" else None,
        )
        return event, pictures


def _png(image: Image) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def _heat(values: NDArray[np.float32]) -> Image:
    """The strain magnitude (H, W) as a colour picture, smoothed by 2 px, scaled to its own maximum."""
    smooth = cv2.GaussianBlur(values, (0, 0), 2.0)
    scaled = smooth / max(float(smooth.max()), 1e-9) * 255
    return np.asarray(cv2.applyColorMap(scaled.astype(np.uint8), cv2.COLORMAP_INFERNO), dtype=np.uint8)
