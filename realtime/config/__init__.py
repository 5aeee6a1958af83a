"""What a user may set: typed sections, defaults documented in configs/live.yaml, errors that name file and
line.

Three layers, the later wins: configs/live.yaml (it travels in the wheel), ``--config FILE`` (names only
what it changes), ``--set section.key=value``. An unknown key is an error, never ignored. What ``--set`` gives to a
setting that is a text is taken as it stands, whatever it looks like; to any other it is YAML, as in a file. The word
``null`` empties a text that may be empty, except a secret, which neither it nor an empty value ever switches off.
A path may begin with ``~``; in a file it is relative to the file's folder.
"""

from engines.face.settings import FaceSettings
from engines.spotting.settings import SpottingSettings
from realtime.config.loading import defaults_path, dump, every_key, load
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
__all__ += ["SpottingSettings", "Supervise", "defaults_path", "dump", "every_key", "load"]
