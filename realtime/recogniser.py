"""The recognise stage: a candidate in, an event with its class out. Live and `analyze` run this same object."""

import time

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import Image
from engines.flow import as_benchmark, flow_map, open_solver, picture, strain
from engines.inference import open_classifier
from realtime.candidate import Candidate
from realtime.config import Recognise
from realtime.messages import Event, FlowUsed, Model


class Recogniser:
    """Flow between onset and apex, flow map, class. Raises InputError if the model or a backend is unusable."""

    def __init__(self, settings: Recognise) -> None:
        self._settings = settings
        self._solver = open_solver(settings.backend, settings.preset)
        self._classifier = open_classifier(settings.model, settings.runtime)
        self.model = Model(self._classifier.name, self._classifier.sha256, self._classifier.runtime)
        noise = np.random.default_rng(0).integers(0, 255, (170, 140), dtype=np.uint8)
        flow = self._solver(noise, noise)
        self.flow = FlowUsed(flow.backend, flow.preset)
        self._classifier(as_benchmark(flow_map(flow.u, flow.v))[None])

    def __call__(self, candidate: Candidate) -> tuple[Event, dict[str, bytes]]:
        """The event, and its pictures as PNG: onset, apex and, for a micro-expression, flow and strain."""
        started = time.monotonic_ns()
        onset, apex = candidate.crops()
        pictures = {"onset": _png(onset), "apex": _png(apex)}
        latency = {
            "spotted": (candidate.spotted_ns - candidate.apex_host_ns) / 1e6,
            "queued": (started - candidate.spotted_ns) / 1e6,
        }
        label, probabilities, abstained, reason = None, {}, False, candidate.reason
        micro = candidate.kind == "micro"
        if micro:
            began = time.monotonic_ns()
            flow = self._solver(onset, apex)
            measured = time.monotonic_ns()
            maps = as_benchmark(flow_map(flow.u, flow.v))[None]
            row = self._classifier(maps)[0]
            done = time.monotonic_ns()
            latency |= {"flow": (measured - began) / 1e6, "classify": (done - measured) / 1e6}
            probabilities = {
                name: round(float(p), 4) for name, p in zip(self._classifier.classes, row, strict=True)
            }
            label = max(probabilities, key=lambda name: probabilities[name])
            if probabilities[label] < self._settings.abstain_below:
                reason += f"; no class reaches {self._settings.abstain_below:g}"
                label, abstained = None, True
            pictures |= {"flow": _png(picture(flow.u, flow.v)), "strain": _png(_heat(strain(flow.u, flow.v)))}
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
            model=self.model if micro else None,
            flow=self.flow if micro else None,
            reason=reason,
        )
        return event, pictures


def _png(image: Image) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def _heat(values: NDArray[np.float32]) -> Image:
    """Strain magnitude (H, W) as a colour picture, smoothed over 2 px for the eye, its own maximum brightest."""
    smooth = cv2.GaussianBlur(values, (0, 0), 2.0)
    scaled = smooth / max(float(smooth.max()), 1e-9) * 255
    return np.asarray(cv2.applyColorMap(scaled.astype(np.uint8), cv2.COLORMAP_INFERNO), dtype=np.uint8)
