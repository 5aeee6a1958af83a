"""The network on the GPU: one engine for single maps, one for many, each a CUDA graph."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.cuda.machine import TOGETHER, Floats, Machine
from engines.inference.model_file import MAP_SHAPE, ModelFile, check_maps
from engines.inference.tensorrt.engine import Engine, open_engine
from engines.inference.tensorrt.library import Library
from engines.notices import OnNotice


@dataclass(frozen=True)
class _Batch:
    """An engine, its pinned buffers, and the recording that copies, runs and copies back."""

    engine: Engine
    maps: Floats
    probabilities: Floats
    run: Callable[[], None]


class TensorRtClassifier:
    """See engines.inference.Classifier. Threads take turns."""

    def __init__(
        self,
        model: ModelFile,
        library: Library,
        machine: Machine,
        runtime: str,
        precision: str,
        on_notice: OnNotice,
    ) -> None:
        self.name, self.sha256, self.classes = model.name, model.sha256, model.classes
        self.runtime = runtime
        self._machine = machine
        self._turn = threading.Lock()
        self._batches = {
            size: self._prepare(open_engine(model, library, machine, precision, size, on_notice))
            for size in (1, TOGETHER)
        }

    def _prepare(self, engine: Engine) -> _Batch:
        maps = self._machine.reserve_here(engine.batch * int(np.prod(MAP_SHAPE)))
        probabilities = self._machine.reserve_here(engine.batch * engine.classes)
        maps[:] = 0
        upload, download = (engine.maps.address, maps), (probabilities, engine.probabilities.address)
        return _Batch(
            engine,
            maps.reshape(engine.batch, *MAP_SHAPE),
            probabilities.reshape(engine.batch, engine.classes),
            self._machine.record([upload], [engine.enqueue], [download]),
        )

    def __call__(self, maps: NDArray[Any]) -> NDArray[Any]:
        """See `Classifier`."""
        maps = check_maps(maps)
        found = np.empty((len(maps), len(self.classes)), np.float32)
        batch = self._batches[1 if len(maps) == 1 else TOGETHER]
        with self._turn:
            for start in range(0, len(maps), batch.engine.batch):
                part = maps[start : start + batch.engine.batch]
                batch.maps[: len(part)] = part
                batch.run()
                found[start : start + len(part)] = batch.probabilities[: len(part)]
        return found
