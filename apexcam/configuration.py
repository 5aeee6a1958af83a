"""The settings of a call as the configuration of a run."""

import json
import os
from collections.abc import Mapping
from typing import Any

from realtime.config import Config, load


def configured(
    config: str | os.PathLike[str] | None, settings: Mapping[str, Any] | None
) -> tuple[Config, list[str]]:
    """The configuration, and the settings as ``--set`` would have them.

    ``config``: a YAML file or a preset's name; ``settings``: values by dotted name. Raises InputError for an unknown
    key or an unusable value.
    """
    given = [f"{name}={_text(value)}" for name, value in (settings or {}).items()]
    return load(None if config is None else os.fspath(config), given), given


def _text(value: Any) -> str:
    """Texts and paths as they stand, anything else as YAML reads it."""
    return str(value) if isinstance(value, str | os.PathLike) else json.dumps(value, default=str)
