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
    """An engine, its pinned buffers, and its two recordings: from and to the host, and on the device alone."""

    engine: Engine
    maps: Floats
    probabilities: Floats
    run: Callable[[], None]
    run_there: Callable[[], None]


class TensorRtClassifier:
    """See engines.inference.Classifier; ``on_device`` stays on the GPU. Threads take turns."""

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
            self._machine.record([], [engine.enqueue], []),
        )

    def __call__(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Probabilities, float32 (N, C), of maps, float32 (N, 3, 28, 28) in 0..1. ValueError for another
        shape or NaN.
        """
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

    def on_device(self, maps: Any) -> Any:
        """The same for 1 to 16 maps on the GPU, to probabilities on the GPU, both with ``__dlpack__``.

        The next call overwrites the answer. ValueError for another shape, type or place.
        """
        source, shape = self._machine.borrow(maps)
        if shape[1:] != MAP_SHAPE or not 1 <= shape[0] <= TOGETHER:
            raise ValueError(f"flow maps of shape {shape}, not (1 to {TOGETHER}, 3, 28, 28)")
        batch = self._batches[1 if shape[0] == 1 else TOGETHER]
        with self._turn:
            self._machine.copy(batch.engine.maps.address, source.address, int(np.prod(shape)))
            batch.run_there()
        return self._machine.lend(batch.engine.probabilities, (shape[0], len(self.classes)))
