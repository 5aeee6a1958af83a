"""What runs an exported network: the interface of a classifier, and the row of the registry that opens one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from numpy.typing import NDArray

from engines.inference.model_file import ModelFile
from engines.notices import OnNotice

PRECISIONS: Final = ("fp32", "fp16")


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
        """Class probabilities, float32 (N, C), of flow maps, float32 (N, 3, 28, 28) in 0..1: u, v, optical strain.

        Raises ValueError for another shape or NaN.
        """
        ...


@dataclass(frozen=True)
class Runtime:
    """One row of the registry, `engines.inference.registry`.

    ``open`` takes the model, one of ``precisions`` and what to call with a notice, and raises whatever library and
    driver raise. ``missing`` says in a few words why it cannot work here, and nothing where it can.
    """

    name: str
    title: str
    open: Callable[[ModelFile, str, OnNotice], Classifier]
    missing: Callable[[], str] = str
    precisions: tuple[str, ...] = PRECISIONS[:1]
