"""Flow, flow map and network one after the other, each on the best backend that works."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.flow import as_benchmark, flow_map, open_solver
from engines.inference import open_classifier_of
from engines.inference.model_file import ModelFile
from engines.notices import OnNotice

Crops = Sequence[NDArray[np.uint8]]


@dataclass(frozen=True)
class Recognised:
    """One pair of crops, measured and named.

    ``u``, ``v`` float32 (170, 140) in pixels, ``probabilities`` float32 (classes,), and what made them.

    ``ms``: the time of ``flow`` and ``classify``, or of the one ``graph`` of both, with its whole batch.
    """

    u: NDArray[np.float32]
    v: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    backend: str
    preset: str
    runtime: str
    ms: dict[str, float]


class Stages:
    """One pair at a time: on the CPU a batch is no quicker, and the first answer is not kept waiting."""

    def __init__(
        self, model: ModelFile, backend: str, preset: str, runtime: str, precision: str, on_notice: OnNotice
    ) -> None:
        self._solver = open_solver(backend, preset, or_next=True, on_notice=on_notice)
        self._classifier = open_classifier_of(
            model, runtime, precision=precision, or_next=True, on_notice=on_notice
        )

    @property
    def failures(self) -> list[str]:
        """What was tried here and failed, one line each."""
        return [*self._solver.failures, *self._classifier.failures]

    def __call__(self, onsets: Crops, apexes: Crops) -> list[Recognised]:
        """The answer to the first pair."""
        began = time.monotonic_ns()
        flow = self._solver(onsets[0], apexes[0])
        measured = time.monotonic_ns()
        row = self._classifier(as_benchmark(flow_map(flow.u, flow.v))[None])[0]
        done = time.monotonic_ns()
        ms = {"flow": (measured - began) / 1e6, "classify": (done - measured) / 1e6}
        return [Recognised(flow.u, flow.v, row, flow.backend, flow.preset, self._classifier.runtime, ms)]
