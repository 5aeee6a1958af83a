"""Compiled engines on disk: found again by everything they depend on, and never trusted without a checksum."""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engines.files import cache_folder, write_bytes
from engines.inference.model_file import MAP_SHAPE
from engines.notices import OnNotice

_SCHEMA = "apexcam.engine/1"


@dataclass(frozen=True)
class Key:
    """All that an engine depends on. ``kind``: engine, or what a library found while compiling (timing, kernels)."""

    kind: str
    onnx: str
    library: str
    version: str
    gpu: str
    capability: str
    driver: str
    precision: str
    shape: tuple[int, ...]
    system: str = f"{platform.system()} {platform.machine()}"

    @property
    def path(self) -> Path:
        """The file of this key."""
        name = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]
        return cache_folder("engines") / f"{name}.{self.kind}"

    def of(self, kind: str) -> "Key":
        """The key of what was found out while this engine was compiled."""
        return replace(self, kind=kind)


def key(onnx: str, library: str, version: str, identity: dict[str, str], precision: str, batch: int) -> Key:
    """The key of an engine for ``batch`` maps; ``identity`` is the machine's."""
    return Key("engine", onnx, library, version, **identity, precision=precision, shape=(batch, *MAP_SHAPE))


def read(wanted: Key, on_notice: OnNotice) -> bytes | None:
    """What is kept under a key; None, said in one line, when it is damaged or of something else."""
    try:
        content = wanted.path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        on_notice(f"compiled network {wanted.path}: {error.strerror}; compiling it again")
        return None
    head, _, body = content.partition(b"\n")
    if head != _head(wanted, body):
        on_notice(f"compiled network {wanted.path} is damaged or not ours; compiling it again")
        return None
    return body


def keep(wanted: Key, body: bytes, on_notice: OnNotice) -> None:
    """Write what was compiled; a disk that does not take it is one line, and the next start compiles again."""
    try:
        wanted.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(wanted.path, _head(wanted, body) + b"\n" + body)
    except OSError as error:
        on_notice(f"the compiled network is not kept: {wanted.path.parent}: {error.strerror or error}")


def _head(wanted: Key, body: bytes) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return json.dumps({"schema": _SCHEMA, "sha256": digest, "key": asdict(wanted)}, sort_keys=True).encode()
