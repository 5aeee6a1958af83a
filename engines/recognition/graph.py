"""The whole way on the GPU: pictures up, flow, strain, flow map, network, answers down; one CUDA graph, one stream."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engines.crop_size import CROP_HEIGHT, CROP_WIDTH
from engines.cuda.machine import TOGETHER, Floats, Machine
from engines.flow.cuda.session import Session, Tail
from engines.flow.presets import Preset
from engines.inference.model_file import ModelFile
from engines.inference.tensorrt.engine import open_engine
from engines.inference.tensorrt.library import Library
from engines.notices import OnNotice
from engines.recognition.stages import Crops, Recognised


@dataclass(frozen=True)
class _Recording:
    """The graph for so many pairs; ``probabilities`` (pairs, classes) in pinned memory of the host."""

    session: Session
    probabilities: Floats


class Graph:
    """Up to 16 pairs at a time. The network reads the flow maps where the kernels leave them."""

    def __init__(
        self,
        machine: Machine,
        library: Library,
        model: ModelFile,
        runtime: str,
        preset: Preset,
        precision: str,
        on_notice: OnNotice,
    ) -> None:
        self._runtime, self._preset = runtime, preset
        self._recordings: dict[int, _Recording] = {}
        for pairs in (1, TOGETHER):
            probabilities = machine.reserve_here(pairs * len(model.classes))
            session = Session(
                machine,
                CROP_HEIGHT,
                CROP_WIDTH,
                pairs,
                preset,
                maps=True,
                tail=_network(machine, library, model, precision, pairs, probabilities, on_notice),
            )
            self._recordings[pairs] = _Recording(session, probabilities.reshape(pairs, -1))

    def __call__(self, onsets: Crops, apexes: Crops) -> list[Recognised]:
        """The answers to the first 16 pairs."""
        count = min(len(onsets), TOGETHER)
        recording = self._recordings[1 if count == 1 else TOGETHER]
        began = time.monotonic_ns()
        first, then = (np.stack(crops[:count]).astype(np.float32) for crops in (onsets, apexes))
        solved = recording.session.solve(first, then)
        ms = {"graph": (time.monotonic_ns() - began) / 1e6}
        return [
            Recognised(u, v, row.copy(), "cuda", self._preset.name, self._runtime, ms)
            for (u, v, *_), row in zip(solved, recording.probabilities, strict=False)
        ]


def _network(
    machine: Machine,
    library: Library,
    model: ModelFile,
    precision: str,
    pairs: int,
    probabilities: Floats,
    on_notice: OnNotice,
) -> Callable[[Session], Tail]:
    """What follows the flow maps of a session: the network on them, and its answer fetched."""

    def tail(session: Session) -> Tail:
        engine = open_engine(model, library, machine, precision, pairs, on_notice, session.memory("scaled"))
        return [engine.enqueue], [(probabilities, engine.probabilities.address)]

    return tail
