"""TensorRT as a module that is given: ``tensorrt_rtx`` for desktop GPUs, ``tensorrt`` for data centres."""

import functools
import importlib
import importlib.metadata
import importlib.util
import re
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from engines import cuda

# Runtime → module: desktop GPUs, and those of data centres.
MODULES: Final = {"tensorrt-rtx": "tensorrt_rtx", "tensorrt": "tensorrt"}


@dataclass(frozen=True)
class Library:
    """A loaded TensorRT: its module, what it last complained of, its name and full version."""

    module: Any
    complaints: deque[str]
    logger: Any

    @property
    def name(self) -> str:
        """The module's name."""
        return str(self.module.__name__)

    @property
    def version(self) -> str:
        """Of the library, in full: engines of another version do not load."""
        return str(self.module.__version__)

    def complaint(self, otherwise: str) -> str:
        """The first error since the last question, in one line."""
        said = list(self.complaints)
        self.complaints.clear()
        return said[0] if said else otherwise


# Both modules keep one logger for the whole process, the first they are given.
_lock = threading.Lock()


@functools.cache
def load(name: str) -> Library:
    """Import a TensorRT module. Raises ImportError or OSError when it, or a library it needs, is not here."""
    with _lock:
        module = importlib.import_module(name)
        complaints: deque[str] = deque(maxlen=20)

        class Logger(module.ILogger):  # type: ignore[misc, name-defined]  # a class of whichever module this is
            def __init__(self) -> None:
                module.ILogger.__init__(self)

            def log(self, severity: Any, text: str) -> None:
                if severity in (module.ILogger.ERROR, module.ILogger.INTERNAL_ERROR):
                    complaints.append(" ".join(text.split())[:240])

        return Library(module, complaints, Logger())


def installed(name: str) -> bool:
    """Whether the module is here, without importing it."""
    return importlib.util.find_spec(name) is not None


def missing(name: str) -> str:
    """Why this TensorRT cannot run a network here, in a few words; empty when it can."""
    if not installed(name):
        return f"{name} is not installed"
    if reason := cuda.missing():
        return reason
    return too_old(name)


def too_old(name: str) -> str:
    """Whether the driver is older than the CUDA the library was built for, in a few words; empty when it is not."""
    needed, driver = built_for(name), cuda.driver_version()
    if driver is None or needed is None or driver[0] >= needed:
        return ""
    return f"the NVIDIA driver runs CUDA {driver[0]}.{driver[1]} and {name} needs {needed}: update the driver"


def built_for(name: str) -> int | None:
    """The major version of CUDA that the installed library was built for, by the name of its package."""
    for distribution in importlib.metadata.distributions():
        found = re.fullmatch(rf"{name}[-_]cu(\d+)", str(distribution.metadata["Name"]).replace("-", "_"))
        if found:
            return int(found[1])
    return None
