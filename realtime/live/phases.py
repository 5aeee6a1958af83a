"""The phases of a run and the steps between them, in one table."""

import enum
import time
from dataclasses import dataclass, field
from typing import Final


class Phase(enum.Enum):
    """What a run is at. The value is what a person sees."""

    STARTING = "starting"
    RUNNING = "running"
    ENDING = "ending"
    DRAINING = "draining"
    RECORDING = "recording"
    DONE = "done"


# STARTING: processes load. RUNNING: frames come. ENDING: capture has stopped, watch reads the rings to their ends.
# DRAINING: the last candidates are recognised. RECORDING: the recorder writes what it still holds.
NEXT: Final = {
    Phase.STARTING: (Phase.RUNNING, Phase.DONE),
    Phase.RUNNING: (Phase.ENDING,),
    Phase.ENDING: (Phase.DRAINING,),
    Phase.DRAINING: (Phase.RECORDING,),
    Phase.RECORDING: (Phase.DONE,),
    Phase.DONE: (),
}


@dataclass(eq=False)
class Progress:
    """The phase of one run, since when, and why it ends."""

    phase: Phase = Phase.STARTING
    since: float = field(default_factory=time.monotonic)
    ended_because: str = ""

    @property
    def seconds(self) -> float:
        """For how long this phase has lasted, or since `touch`."""
        return time.monotonic() - self.since

    @property
    def going(self) -> bool:
        """Whether the run has not begun to end."""
        return self.phase in (Phase.STARTING, Phase.RUNNING)

    def enter(self, phase: Phase) -> None:
        """Goes on to the next phase. Raises ValueError where there is no such step."""
        if phase not in NEXT[self.phase]:
            raise ValueError(f"no step from {self.phase.name} to {phase.name}")
        self.phase = phase
        self.touch()

    def touch(self) -> None:
        """Something happened in this phase: its patience begins anew."""
        self.since = time.monotonic()
