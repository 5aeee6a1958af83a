"""Whether a run could see a face: a run that was blind must not look like one in which nothing happened."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from realtime import messages

# The share of the time without a usable face from which it is reported.
_BLIND: Final = 0.5
_WATCHING: Final = ("ok", "settling")
_HINTS: Final = {"no face in the picture": "; is it the right source, with a face that is upright and lit?"}


@dataclass
class Sight:
    """How often the face had each status, sampled over a run, and the latest reason of each."""

    counts: Counter[str] = field(default_factory=Counter)
    _reasons: dict[str, str] = field(default_factory=dict)

    def look(self, state: messages.State) -> None:
        """Counts one sample: the best of its faces."""
        face = min(state.faces, key=lambda one: one.status != "ok", default=None)
        status = face.status if face is not None else "lost"
        self.counts[status] += 1
        # In the first second after a face is lost, the reason only says so.
        if face is not None and not (status == "lost" and face.face >= 0):
            self._reasons[status] = face.reason

    def problem(self) -> str:
        """One line if most of the run was blind, or all of it too short to judge; else empty."""
        sampled = self.counts.total()
        blind = Counter({name: n for name, n in self.counts.items() if name not in _WATCHING})
        if sampled and blind.total() >= _BLIND * sampled:
            reason = self._reasons.get(blind.most_common(1)[0][0], "no face in the picture")
            share = blind.total() / sampled
            return f"nothing could be seen in {share:.0%} of the time: {reason}{_HINTS.get(reason, '')}"
        if sampled and not self.counts["ok"]:
            return "nothing could be judged: no face was in view for long enough, half a second and more"
        return ""
