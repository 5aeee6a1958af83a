"""The result of analysing one recording."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime import messages
from realtime.analysis.course import Course
from realtime.markers import Marker
from realtime.sources.base import SourceInfo
from realtime.stages.sight import Sight

Strip = tuple[int, int, NDArray[np.uint8]]


@dataclass(frozen=True)
class Analysed:
    """An event, its pictures (PNG), and the crops from onset to offset as (frame, t_ns, uint8 170x140)."""

    event: messages.Event
    pictures: dict[str, bytes]
    strip: tuple[Strip, ...] = ()


@dataclass(frozen=True)
class EarlyEvent:
    """A provisional or withdrawn event, and how long after its apex it was known, by the recording's own clock."""

    event: messages.Event
    after_apex_ms: float


@dataclass
class Analysis:
    """The events of one recording, and what else was measured.

    ``seen`` counts the status of the face and ``course`` is its motion, both sampled over the recording; ``refused``
    counts movements above threshold that were not taken for events, by reason. ``problem`` is what was wrong with
    the file, else empty. ``again``: for the folder of a recorded event, how the prediction compares with the
    recorded one. ``media`` is the video file. ``markers`` are the stimuli shown, ``stimuli`` the row of each, see
    `Markers.table`.
    """

    info: SourceInfo
    events: list[Analysed] = field(default_factory=list)
    frames: int = 0
    lost: int = 0
    seconds: float = 0.0
    took_s: float = 0.0
    seen: Sight = field(default_factory=Sight)
    refused: Counter[str] = field(default_factory=Counter)
    course: Course = field(default_factory=Course)
    problem: str = ""
    again: tuple[str, ...] = ()
    media: Path | None = None
    markers: list[Marker] = field(default_factory=list)
    stimuli: list[dict[str, Any]] = field(default_factory=list)
    early: list[EarlyEvent] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """The figures that `--json` prints."""
        kinds = Counter(one.event.kind for one in self.events)
        labels = Counter(one.event.label or "not named" for one in self.events if one.event.kind == "micro")
        sampled = self.seen.counts.total()
        return {
            "source": self.info.spec,
            "width": self.info.width,
            "height": self.info.height,
            "fps": round(self.info.fps, 3),
            "advice": self.info.advice,
            "frames": self.frames,
            "frames_lost": self.lost,
            "seconds": round(self.seconds, 3),
            "took_s": round(self.took_s, 2),
            "ms_per_frame": round(1e3 * self.took_s / self.frames, 2) if self.frames else None,
            "refused": dict(self.refused.most_common()),
            "again": list(self.again),
            "events": {kind: kinds[kind] for kind in ("micro", "macro", "blink")},
            "labels": dict(labels),
            "face": {status: round(count / sampled, 4) for status, count in self.seen.counts.most_common()},
            **({"stimuli": self.stimuli} if self.stimuli else {}),
            "early": self.early_summary(),
            "problem": "; ".join(filter(None, (self.problem, self.seen.problem()))),
        }

    def early_summary(self) -> dict[str, Any]:
        """How many movements were announced before they were over, how many of them confirmed, and how early."""
        announced = {one.event.event_id: one for one in self.early if one.event.stage == "provisional"}
        finals = {one.event.event_id for one in self.events if one.event.kind == "micro"}
        delays = [one.after_apex_ms for one in announced.values()]
        p50, p99 = (
            (round(float(value), 1) for value in np.percentile(delays, (50, 99))) if delays else (None, None)
        )
        return {
            "provisional": len(announced),
            "confirmed": len(finals & announced.keys()),
            "withdrawn": sum(one.event.stage == "withdrawn" for one in self.early),
            "final_without": len(finals - announced.keys()),
            "apex_to_provisional_ms": {"p50": p50, "p99": p99},
        }
