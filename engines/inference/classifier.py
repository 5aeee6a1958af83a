"""The network in an ONNX file, run by the best runtime that works here, and by the next where one fails."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from engines.errors import InputError
from engines.fallback import Fallback
from engines.inference.model_file import ModelFile, check_maps, read_model
from engines.inference.registry import RUNTIMES, runtimes
from engines.inference.runtime import PRECISIONS
from engines.notices import OnNotice, notify


class FallingClassifier:
    """A Classifier that goes over to the next runtime when the one in use fails, and says so in one line."""

    def __init__(self, model: ModelFile, names: Sequence[str], precision: str, on_notice: OnNotice) -> None:
        self.name, self.sha256, self.classes = model.name, model.sha256, model.classes
        self._using = Fallback(
            "runtime",
            [
                (name, RUNTIMES[name].missing, partial(RUNTIMES[name].open, model, precision, on_notice))
                for name in names
            ],
            on_notice,
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
        """See `Classifier`."""
        checked = check_maps(maps)
        return self._using.run(lambda _, classifier: classifier(checked))


def open_classifier(
    path: Path | str | None = None,
    runtime: str = "auto",
    *,
    precision: str = "fp32",
    or_next: bool = False,
    on_notice: OnNotice = notify,
) -> FallingClassifier:
    """The network in an ONNX file written by ``apexbench train``; None is the shipped one.

    ``runtime`` is a name of ``runtimes()`` or "auto", the best of them, which hands over to the next where
    it fails; with ``or_next`` one given by name does too. ``on_notice`` gets a line then. ``precision``,
    fp32 or fp16, is TensorRT's; the others compute in fp32. Raises InputError when the file is missing,
    corrupt or not one of ours, and for a runtime that is unknown or not on this machine.
    """
    _check(runtime, precision)
    model = read_model(None if path is None else Path(path))
    return open_classifier_of(model, runtime, precision=precision, or_next=or_next, on_notice=on_notice)


def open_classifier_of(
    model: ModelFile,
    runtime: str = "auto",
    *,
    precision: str = "fp32",
    or_next: bool = False,
    on_notice: OnNotice = notify,
) -> FallingClassifier:
    """`open_classifier` for a file that is already read."""
    _check(runtime, precision)
    names = list(RUNTIMES)
    if runtime != "auto":
        if reason := RUNTIMES[runtime].missing():
            raise InputError(
                f"runtime {runtime} is not on this machine ({reason}): choose auto or one of "
                f"{', '.join(runtimes())}"
            )
        names = names[names.index(runtime) :] if or_next else [runtime]
    return FallingClassifier(model, names, precision, on_notice)


def _check(runtime: str, precision: str) -> None:
    if runtime != "auto" and runtime not in RUNTIMES:
        raise InputError(f"unknown runtime {runtime!r}: choose auto or one of {', '.join(RUNTIMES)}")
    if precision not in PRECISIONS:
        raise InputError(f"unknown precision {precision!r}: choose one of {', '.join(PRECISIONS)}")
