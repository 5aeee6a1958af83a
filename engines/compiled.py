"""How every compiled function is made: once a machine where the result can be kept, else in every process."""

import contextlib
import os
from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

from engines.errors import first_line
from engines.notices import notify

_SAID = "APEXCAM_SAID_UNKEPT"  # set once it was said, so that the processes of this one need not say it again
_unkept = ""
_compiles = False


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit` without the interpreter lock, the result kept on disk. ``options`` are numba's.

    Where nothing can be kept (a user without a home, a read-only installation, a full disk) it is compiled in memory,
    and one line says so.
    """

    def make(function: Callable[..., Any]) -> Any:
        made: Any = njit(nogil=True, **options)(function)
        try:
            made._cache = _Kept(function)
        except (RuntimeError, OSError):
            _note_compiling()
            _say_unkept("no folder for it can be written")
        return made

    return make


def compiles() -> bool:
    """Whether anything had to be compiled in this process, not just loaded."""
    return _compiles


def unkept() -> str:
    """Why what was compiled in this process is not kept, one line; empty where it is."""
    return _unkept


class _Kept(FunctionCache):  # type: ignore[misc]
    """Numba's cache, in which a damaged file, another user's or a full disk is not the end."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was kept; None where there is nothing, or nothing that can be used."""
        found = None
        try:
            found = super().load_overload(sig, target_context)
        except Exception:  # a damaged pickle raises anything
            with contextlib.suppress(OSError):
                self.flush()
        if found is None:
            _note_compiling()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps it if that is possible."""
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _say_unkept(first_line(error))


def _note_compiling() -> None:
    global _compiles  # noqa: PLW0603
    _compiles = True


def _say_unkept(why: str) -> None:
    global _unkept  # noqa: PLW0603
    if _unkept:
        return
    _unkept = (
        f"what is compiled cannot be kept ({why}), so that every start is slow; "
        "set NUMBA_CACHE_DIR to a folder that can be written"
    )
    if not os.environ.get(_SAID):
        os.environ[_SAID] = "1"
        notify(_unkept)
