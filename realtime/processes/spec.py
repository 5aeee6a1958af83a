"""All that a process is given at its start."""

from dataclasses import dataclass

from realtime.config import Config
from realtime.processes.table import Role


@dataclass(frozen=True)
class Stages:
    """Where the stages are found, ``module:name``; tests put others in their place."""

    open_source: str = "realtime.sources:open_source"
    watcher: str = "realtime.stages.watcher:Watcher"
    candidate: str = "realtime.stages.candidate:Candidate"
    recogniser: str = "realtime.stages.recogniser:Recogniser"


@dataclass(frozen=True)
class Spec:
    """One process: what it is, where main listens, what it works on.

    ``camera``, ``source``, ``pace``, ``rate``, ``first_index`` and ``duration_s`` are capture's; ``folder`` is the
    run's private one, ``endpoint`` the bus, ``record`` the folder of recordings.
    """

    role: Role
    title: str
    identity: bytes
    address: str
    folder: str
    main_pid: int
    generation: int
    config: Config
    stages: Stages
    camera: int = 0
    source: str = ""
    pace: float | None = None
    rate: float | None = None
    first_index: int = 0
    duration_s: float | None = None
    record: str | None = None
    endpoint: str = ""
