"""All dotted keys of the configuration, for tests that check something of each."""

from collections.abc import Iterator
from typing import Any

from realtime.config import Config
from realtime.config.layers import fields_of


def every_key(kind: Any = Config, prefix: str = "") -> Iterator[str]:
    """``section.key`` of every setting."""
    for name, inner in (fields_of(kind) or {}).items():
        if fields_of(inner) is None:
            yield f"{prefix}{name}"
        else:
            yield from every_key(inner, f"{prefix}{name}.")
