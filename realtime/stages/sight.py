"""Whether a run could see a face: one that was blind must not read like one in which nothing happened."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from realtime import messages

# From this share of the time on it is said.
_BLIND: Final = 0.5
_WATCHING: Final = ("ok", "settling")
_ASIDE: Final = {"no face in the picture": "; is it the right source, with a face that is upright and lit?"}


@dataclass
class Sight:
    """How often each status of the face was met, sampled over a run, and the newest reason of each."""

    counts: Counter[str] = field(default_factory=Counter)
    _reasons: dict[str, str] = field(default_factory=dict)

    def look(self, state: messages.State) -> None:
        """Takes one sample: the best of the faces in it."""
        face = min(state.faces, key=lambda one: one.status != "ok", default=None)
        status = face.status if face is not None else "lost"
        self.counts[status] += 1
        # The first second after a face has gone says only that it has.
        if face is not None and not (status == "lost" and face.face >= 0):
            self._reasons[status] = face.reason

    def problem(self) -> str:
        """One line where most of the run was blind, or all of it too short to judge; else empty."""
        sampled = self.counts.total()
        blind = Counter({name: n for name, n in self.counts.items() if name not in _WATCHING})
        if sampled and blind.total() >= _BLIND * sampled:
            why = self._reasons.get(blind.most_common(1)[0][0], "no face in the picture")
            return f"nothing could be seen in {blind.total() / sampled:.0%} of the time: {why}{_ASIDE.get(why, '')}"
        if sampled and not self.counts["ok"]:
            return "nothing could be judged: no face was in view for long enough, half a second and more"
        return ""
