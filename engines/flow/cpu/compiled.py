"""How every function of this backend is compiled: once a machine, and without the interpreter lock."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile with numba and keep the result on disk. Rounding stays IEEE's: no fast-math, no flushing to
    zero.
    """
    try:
        result: F = njit(function, cache=True, nogil=True, error_model="numpy")
    except RuntimeError:
        # There is no folder to keep it in, as in a read-only container: compile in every process.
        result = njit(function, nogil=True, error_model="numpy")
    return result
