"""How the three commands begin and end: whatever surrounds them, one line and an exit status."""

import contextlib
import errno
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from typer.core import TyperGroup

from engines.errors import InputError
from engines.files import at_home
from engines.installation import explained

# What is the machine's doing and no fault of the program.
_SURROUNDINGS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "not allowed",
    errno.EPERM: "not allowed",
    errno.EMFILE: "too many open files: allow more (ulimit -n 256)",
    errno.ENFILE: "too many open files on this machine",
}


class Commands(TyperGroup):
    """The commands of a program. ``~`` of an argument is the home folder; errors of the user's or the machine's are
    one line on stderr and exit status 2, Ctrl-C is 130, a reader that goes away ends it quietly.
    """

    def main(self, args: Sequence[str] | None = None, *more: Any, **named: Any) -> Any:
        """See `TyperGroup`."""
        with _in_one_line(self.name or ""):
            given = sys.argv[1:] if args is None else args
            return super().main([_at_home(each) for each in given], *more, **named)

    def invoke(self, ctx: Any) -> Any:
        """See `TyperGroup`, whose own way with a closed pipe and Ctrl-C is another."""
        with _in_one_line(self.name or ""):
            _check_folder_is_there()
            made = super().invoke(ctx)
            sys.stdout.flush()
            return made


def begin() -> None:
    """Makes the streams of this process such that nothing printed can break it. For the entry points alone."""
    # Whoever opens a file next would be given the number of a stream that was closed.
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(null, True)
    os.close(null)
    if sys.stdout is None:
        sys.stdout = _silent()
    if sys.stderr is None:
        sys.stderr = _silent()
    elif sys.stderr is sys.__stderr__:
        _part_from_native_code()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    # A library's warning is for its user as well, where it stands in the library is not.
    warnings.formatwarning = lambda message, *_, **__: f"note: {' '.join(str(message).split())}\n"


class _Unbreakable(io.FileIO):
    """A raw stream that loses what it cannot write."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _part_from_native_code() -> None:
    """Keeps stderr for this program, and has no note of it end the work where nobody can read it any more.

    MediaPipe's threads write warnings to descriptor 2, at no moment in particular.
    """
    kept = io.BufferedWriter(_Unbreakable(os.dup(2), "w"))
    sys.stderr = io.TextIOWrapper(kept, sys.stderr.encoding, "backslashreplace", line_buffering=True)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def _silent() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123


def _at_home(text: str) -> str:
    """An argument, or the value of an option's ``--name=~/x``, whose ``~`` no shell has expanded."""
    name, equals, value = text.partition("=") if text.startswith("--") else ("", "", text)
    return name + equals + at_home(value)


def _check_folder_is_there() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise InputError("the folder this was started in is gone; change into another one") from None


@contextlib.contextmanager
def _in_one_line(program: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        _leave(program, str(error), 2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        _leave(program, "", 0)
    except SystemExit as leaving:
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        _leave(program, "", 0)  # Rich makes it a failure
    except (ImportError, AttributeError) as error:
        if not (why := explained(error)):
            raise
        _leave(program, why, 2)
    except OSError as error:
        if not (why := _machines_doing(error)):
            raise
        _leave(program, why, 2)


def _machines_doing(error: OSError) -> str:
    # Python's own words wherever it looks for one, and those of Matplotlib, which MediaPipe loads.
    if "No usable temporary directory" in str(error) or "set the MPLCONFIGDIR" in str(error):
        return "no folder for temporary files can be written; set TMPDIR to one, or mount /tmp writable"
    if error.errno not in _SURROUNDINGS:
        return ""
    where = "while writing" if error.filename is None else os.fsdecode(error.filename)
    return f"{_SURROUNDINGS[error.errno]} ({where})"


def _leave(program: str, text: str, status: int) -> None:
    """Raises SystemExit once it is said, and once nothing is left that the interpreter could fail to write."""
    for stream, said in (
        (sys.stdout, ""),
        (sys.stderr, f"{program}: {' '.join(text.split())}\n" if text else ""),
    ):
        try:
            stream.write(said)
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)
    raise SystemExit(status)
