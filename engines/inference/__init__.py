"""An exported network, checked, compiled for this machine and run. One file a runtime; torch is never
imported.

>>> classify = open_classifier()                     # the shipped network
>>> probabilities = classify(maps)                   # float32 (N, 3, 28, 28) in 0..1 → float32 (N, classes)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from numpy.typing import NDArray

from engines.errors import InputError
from engines.fallback import Fallback, Heard, say
from engines.inference import onnxruntime_cpu, onnxruntime_cuda, tensorrt
from engines.inference.model_file import ModelFile, check_maps, read_model
from engines.inference.tensorrt.graph import PRECISIONS


class Classifier(Protocol):
    """A network ready to run.

    ``name`` and ``sha256`` say which file, ``runtime`` what runs it, ``classes`` the meaning of the columns.
    """

    @property
    def name(self) -> str:
        """The network's name in its file."""
        ...

    @property
    def sha256(self) -> str:
        """Of the file, 64 hexadecimal digits."""
        ...

    @property
    def runtime(self) -> str:
        """One of ``runtimes()``."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """What the columns mean, in their order."""
        ...

    def __call__(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Class probabilities, float32 (N, C), of flow maps, float32 (N, 3, 28, 28) in 0..1: u, v, optical
        strain.
        """
        ...


@dataclass(frozen=True)
class _Runtime:
    """``missing`` says why it cannot work here, empty when it can; ``open`` takes model, precision and heard."""

    missing: Callable[[], str]
    open: Callable[[ModelFile, str, Heard], Classifier]


# Best first.
_RUNTIMES: Final = {
    **{
        name: _Runtime(partial(tensorrt.missing_runtime, name), partial(tensorrt.open_runtime, name))
        for name in tensorrt.MODULES
    },
    "onnxruntime-cuda": _Runtime(
        onnxruntime_cuda.missing, lambda model, precision, heard: onnxruntime_cuda.open_runtime(model)
    ),
    "onnxruntime": _Runtime(lambda: "", lambda model, precision, heard: onnxruntime_cpu.open_runtime(model)),
}


def runtimes() -> list[str]:
    """The runtimes this machine has, best first."""
    return [name for name, reason in every_runtime().items() if not reason]


def every_runtime() -> dict[str, str]:
    """Every runtime there is, best first, with why it cannot work here; empty when it can."""
    return {name: runtime.missing() for name, runtime in _RUNTIMES.items()}


class FallingClassifier:
    """A Classifier that goes over to the next runtime when the one in use fails, and says so in one line."""

    def __init__(self, model: ModelFile, names: Sequence[str], precision: str, heard: Heard) -> None:
        self.name, self.sha256, self.classes = model.name, model.sha256, model.classes
        self._using = Fallback(
            "runtime",
            [
                (name, _RUNTIMES[name].missing, partial(_RUNTIMES[name].open, model, precision, heard))
                for name in names
            ],
            heard,
        )

    @property
    def runtime(self) -> str:
        """The one in use."""
        return self._using.name

    @property
    def steps(self) -> list[str]:
        """Why better runtimes are not in use, one line each."""
        return self._using.steps

    @property
    def failures(self) -> list[str]:
        """Those of them that were tried and failed."""
        return self._using.failures

    def __call__(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Probabilities, float32 (N, C), of maps, float32 (N, 3, 28, 28) in 0..1. ValueError for another
        shape or NaN.
        """
        checked = check_maps(maps)
        return self._using.run(lambda _, classifier: classifier(checked))


def open_classifier(
    path: Path | str | None = None,
    runtime: str = "auto",
    *,
    precision: str = "fp32",
    or_next: bool = False,
    heard: Heard = say,
) -> FallingClassifier:
    """The network in an ONNX file written by ``apexbench train``; None is the shipped one.

    ``runtime`` is a name of ``runtimes()`` or "auto", the best of them, which hands over to the next where
    it fails; with ``or_next`` one given by name does too. ``heard`` is told so in one line. ``precision``,
    fp32 or fp16, is TensorRT's; the others compute in fp32. Raises InputError when the file is missing,
    corrupt or not one of ours, and for a runtime that is unknown or not on this machine.
    """
    _check(runtime, precision)
    model = read_model(None if path is None else Path(path))
    return open_classifier_of(model, runtime, precision=precision, or_next=or_next, heard=heard)


def open_classifier_of(
    model: ModelFile,
    runtime: str = "auto",
    *,
    precision: str = "fp32",
    or_next: bool = False,
    heard: Heard = say,
) -> FallingClassifier:
    """`open_classifier` for a file that is already read."""
    _check(runtime, precision)
    names = list(_RUNTIMES)
    if runtime != "auto":
        if reason := _RUNTIMES[runtime].missing():
            raise InputError(
                f"runtime {runtime} is not on this machine ({reason}): choose auto or one of "
                f"{', '.join(runtimes())}"
            )
        names = names[names.index(runtime) :] if or_next else [runtime]
    return FallingClassifier(model, names, precision, heard)


def _check(runtime: str, precision: str) -> None:
    if runtime != "auto" and runtime not in _RUNTIMES:
        raise InputError(f"unknown runtime {runtime!r}: choose auto or one of {', '.join(_RUNTIMES)}")
    if precision not in PRECISIONS:
        raise InputError(f"unknown precision {precision!r}: choose one of {', '.join(PRECISIONS)}")
