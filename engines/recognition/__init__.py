"""From onset and apex crops to flow and class probabilities, the quickest way this machine has.

On an NVIDIA GPU with TensorRT the whole way is one CUDA graph (`graph.py`); elsewhere, or where that fails,
one stage after the other (`stages.py`), each on the best backend that works.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from engines import cuda
from engines.crop_size import CROP_HEIGHT, CROP_WIDTH
from engines.errors import InputError
from engines.fallback import Fallback, Way
from engines.flow.presets import PRESETS
from engines.inference.model_file import ModelFile, read_model
from engines.inference.registry import RUNTIMES
from engines.inference.tensorrt.library import MODULES, load
from engines.notices import OnNotice, notify
from engines.recognition.stages import Crops, Recognised, Stages

__all__ = ["Recognised", "Recognition"]

# Answers to the first of these pairs, at least to one.
_Way = Callable[[Crops, Crops], list[Recognised]]


class Recognition:
    """Pairs of crops to answers. What fails hands over to the next best, and ``on_notice`` gets a line.

    ``backend`` and ``preset`` as for `engines.flow.open_solver`, ``model``, ``runtime`` and ``precision`` as
    for `engines.inference.open_classifier`. Raises InputError where one of them is unusable from the start.
    """

    def __init__(
        self,
        model: Path | str | None = None,
        *,
        backend: str = "auto",
        preset: str = "precise",
        runtime: str = "auto",
        precision: str = "fp32",
        on_notice: OnNotice = notify,
    ) -> None:
        file = read_model(None if model is None else Path(model))
        self.name, self.sha256, self.classes = file.name, file.sha256, file.classes
        self._stages: Stages | None = None

        def stages() -> _Way:
            self._stages = Stages(file, backend, preset, runtime, precision, on_notice)
            return self._stages

        def graph(runtime: str) -> Way[_Way]:
            return (
                f"one CUDA graph with {runtime}",
                lambda: cuda.missing() or RUNTIMES[runtime].missing(),
                lambda: _graph(file, runtime, preset, precision, on_notice),
            )

        graphs = [name for name in MODULES if runtime in ("auto", name) and backend in ("auto", "cuda")]
        ways = [*map(graph, graphs), ("stage by stage", lambda: "", stages)]
        self._using = Fallback("recognition as", ways, on_notice)
        noise = np.random.default_rng(0).integers(0, 255, (CROP_HEIGHT, CROP_WIDTH), dtype=np.uint8)
        (self._last,) = self([noise], [noise])

    def __call__(self, onsets: Crops, apexes: Crops) -> Iterator[Recognised]:
        """The answers to pairs of crops, uint8 (170, 140), in order; as many at a time as the machine does.

        Raises InputError for crops of another size or type.
        """
        for crop in (*onsets, *apexes):
            if crop.shape != (CROP_HEIGHT, CROP_WIDTH) or crop.dtype != np.uint8:
                raise InputError(
                    f"a crop of {crop.dtype} {crop.shape}; give uint8 ({CROP_HEIGHT}, {CROP_WIDTH})"
                )
        done = 0
        while done < len(onsets):
            first, then = onsets[done:], apexes[done:]
            found = self._using.run(lambda _, way, first=first, then=then: way(first, then))  # type: ignore[misc]
            for answer in found:
                self._last = answer
                yield answer
            done += len(found)

    @property
    def way(self) -> str:
        """How the stages are joined now."""
        return self._using.name

    @property
    def runtime(self) -> str:
        """What ran the network last."""
        return self._last.runtime

    @property
    def flow(self) -> tuple[str, str]:
        """Backend and preset that measured the flow last."""
        return self._last.backend, self._last.preset

    @property
    def failures(self) -> list[str]:
        """What was tried here and failed, one line each."""
        return [*self._using.failures, *([] if self._stages is None else self._stages.failures)]


def _graph(model: ModelFile, runtime: str, preset: str, precision: str, on_notice: OnNotice) -> _Way:
    from engines.flow.cuda import machine
    from engines.recognition.graph import Graph

    return Graph(
        machine(),
        load(MODULES[runtime]),
        model,
        runtime,
        PRESETS[preset],
        precision,
        on_notice,
    )
