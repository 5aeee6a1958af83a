"""How every function of this backend is compiled."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.compiled import compiled as compiled_with

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Rounding stays IEEE's: no fast-math, no flushing to zero."""
    result: F = compiled_with(error_model="numpy")(function)
    return result
