"""The configuration: typed sections, defaults documented in configs/live.yaml, errors that name file and line.

There are three layers, of which the later wins: configs/live.yaml (part of the wheel), ``--config FILE`` (only what
differs), ``--set section.key=value``. Unknown keys are errors. The value of a ``--set`` is taken literally if the
setting is a string, and is YAML otherwise, as in a file. ``null`` clears an optional string; a secret is never
cleared by ``null`` or an empty value. Paths may begin with ``~``; in a file they are relative to its folder.
"""

from engines.face.settings import FaceSettings
from engines.spotting.settings import SpottingSettings
from realtime.config.loading import defaults_path, dump, load
from realtime.config.settings import (
    Bus,
    Config,
    Dashboard,
    Recognise,
    Record,
    Ring,
    Source,
    Supervise,
)

__all__ = ["Bus", "Config", "Dashboard", "FaceSettings", "Recognise", "Record", "Ring", "Source"]
__all__ += ["SpottingSettings", "Supervise", "defaults_path", "dump", "load"]
