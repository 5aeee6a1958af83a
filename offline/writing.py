"""What is said where results cannot be written: one line, the same everywhere."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.errors import InputError


def cannot_write(where: Path, error: OSError, kept: str = "") -> InputError:
    """The error of a file or folder that cannot be written; ``kept``: what is not lost."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = f"the disk of {where} is full{'; ' * bool(kept)}{kept}"
        return InputError(f"{what}: make room and give the same command again")
    return InputError(f"cannot write to {where}: {error.strerror or error}{'; ' * bool(kept)}{kept}")


@contextmanager
def writing(where: Path, kept: str = "") -> Iterator[None]:
    """Raises the InputError of `cannot_write` for an OSError inside."""
    try:
        yield
    except OSError as error:
        raise cannot_write(where, error, kept) from None
