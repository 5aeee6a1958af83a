"""What has been prepared, on disk: .npz files, none of it pickled, each with a checksum of its arrays."""

import io
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from engines.files import write_bytes

Arrays = dict[str, NDArray[Any]]
_CHECKSUM = "checksum"


class DamagedError(Exception):
    """An entry whose content is not what was written."""


def load(path: Path) -> Arrays | None:
    """The arrays of an entry; None where there is none. Raises DamagedError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, NotImplementedError) as error:
        raise DamagedError(f"{path}: {error}") from None
    checksum = arrays.pop(_CHECKSUM, None)
    if checksum is None or checksum.tobytes() != _digest(arrays):
        raise DamagedError(f"{path}: its checksum does not fit")
    return arrays


def store(path: Path, arrays: Arrays) -> None:
    """Write an entry: all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays, **{_CHECKSUM: np.frombuffer(_digest(arrays), np.uint8)})
    write_bytes(path, buffer.getvalue())


def _digest(arrays: Arrays) -> bytes:
    digest = sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.descr} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.digest()
