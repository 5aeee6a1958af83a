"""apexcam from Python: recordings, your own loop, a running program, the engines, the databases.

- `analyze`: a video or a folder of images in, events and the motion of the face out.
- `Spotter`: for those who own the loop, frames in, events out. `Pipeline` is one stage less: movements without names.
- `Subscriber`: what a running ``apexcam live`` publishes. `Marker`: stimulus markers into it.
- `open_solver` and `open_classifier`: the optical flow and the network by themselves.
- `datasets`: the databases of the field.

What is unusable raises `InputError` with the line that the command prints. Nothing heavy is imported before it is asked
for.

>>> import apexcam
>>> "analyze" in dir(apexcam)
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from apexcam import installation

installation.check()

if TYPE_CHECKING:
    from apexcam import datasets
    from apexcam.analysis import Analysis, Curves, analyze
    from apexcam.spotter import Spotter
    from engines.errors import InputError
    from engines.face import FaceSettings
    from engines.flow import open_solver
    from engines.inference import open_classifier
    from engines.pipeline import Pipeline
    from engines.spotting import SpottingSettings
    from realtime.client import Marker, Subscriber
    from realtime.messages import Event

    __version__: str

_HOMES: Final = {
    "Analysis": "apexcam.analysis",
    "Curves": "apexcam.analysis",
    "Event": "realtime.messages",
    "FaceSettings": "engines.face",
    "InputError": "engines.errors",
    "Marker": "realtime.client",
    "Pipeline": "engines.pipeline",
    "Spotter": "apexcam.spotter",
    "SpottingSettings": "engines.spotting",
    "Subscriber": "realtime.client",
    "analyze": "apexcam.analysis",
    "open_classifier": "engines.inference",
    "open_solver": "engines.flow",
}

__all__ = [
    "Analysis",
    "Curves",
    "Event",
    "FaceSettings",
    "InputError",
    "Marker",
    "Pipeline",
    "Spotter",
    "SpottingSettings",
    "Subscriber",
    "__version__",
    "analyze",
    "datasets",
    "open_classifier",
    "open_solver",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        found: Any = installation.version()
    elif name == "datasets":
        found = import_module("apexcam.datasets")
    elif name in _HOMES:
        found = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'apexcam' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__.copy()
