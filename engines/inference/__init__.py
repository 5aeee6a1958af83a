"""An exported network, checked, compiled for this machine and run. One file a runtime; torch is never
imported.

>>> classify = open_classifier()                     # the shipped network
>>> probabilities = classify(maps)                   # float32 (N, 3, 28, 28) in 0..1 → float32 (N, classes)
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from numpy.typing import NDArray

from engines.errors import InputError
from engines.inference.model_file import ModelFile, read_model


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


# Best first. A runtime is a module with available() -> bool and open_runtime(ModelFile) -> Classifier.
_RUNTIMES: Final = {"onnxruntime": "engines.inference.onnxruntime_cpu"}


def runtimes() -> list[str]:
    """The runtimes this machine has, best first."""
    return [name for name, module in _RUNTIMES.items() if import_module(module).available()]


def open_classifier(path: Path | str | None = None, runtime: str = "auto") -> Classifier:
    """The network in an ONNX file written by ``apexbench train``; None is the shipped one.

    ``runtime`` is a name of ``runtimes()`` or "auto", the best of them. Raises InputError when the file is
    missing, corrupt or not one of ours, and for a runtime that is unknown or not on this machine.
    """
    if runtime != "auto" and runtime not in _RUNTIMES:
        raise InputError(f"unknown runtime {runtime!r}: choose auto or one of {', '.join(_RUNTIMES)}")
    model = read_model(None if path is None else Path(path))
    chosen = runtimes()[0] if runtime == "auto" else runtime
    module = import_module(_RUNTIMES[chosen])
    if not module.available():
        raise InputError(
            f"runtime {chosen} is not on this machine: choose auto or one of {', '.join(runtimes())}"
        )
    open_runtime: Callable[[ModelFile], Classifier] = module.open_runtime
    return open_runtime(model)
