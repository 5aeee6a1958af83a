"""A recording in, its events and the motion of the face out."""

import io
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from apexcam.configuration import configured
from engines.errors import InputError
from engines.files import at_home
from engines.installation import check_opencv
from realtime.messages import Event

if TYPE_CHECKING:
    import pandas

    from realtime.analysis.result import Analysis as Result


@dataclass(frozen=True)
class Curves:
    """What the first face did, sampled at most 50 times a second of the recording.

    ``t_s`` float64 (n,), seconds from the first frame. ``motion`` and ``threshold`` by the name of a part of the face:
    its largest displacement against the head, and the level it must pass, float64 (n,) in pixels of the 170x140 crop,
    NaN where there was no face. ``face``: its state at each sample (ok, settling, lost, small, turned, covered).
    """

    t_s: NDArray[np.float64]
    motion: dict[str, NDArray[np.float64]]
    threshold: dict[str, NDArray[np.float64]]
    face: tuple[str, ...]

    def to_pandas(self) -> "pandas.DataFrame":
        """One row a sample, by time: ``face``, then a column of motion and one of its threshold for each part."""
        columns: dict[str, Any] = {"face": list(self.face)}
        for name, values in self.motion.items():
            columns |= {name: values, f"{name} threshold": self.threshold[name]}
        index = _pandas().Index(self.t_s, name="t_s")
        return _pandas().DataFrame(columns, index=index)


class Analysis:
    """What a recording gave. Made by `analyze`.

    ``events`` in the order they were found, the same objects as on the bus; ``early``: provisional and withdrawn ones.
    ``refused``: how often each reason made a movement none of interest. ``problem``: what was wrong with the recording,
    or why nothing could be seen; empty where nothing was. ``notes``: what else is worth knowing, a line each.
    """

    def __init__(self, result: "Result") -> None:
        self._result = result
        self.events: list[Event] = [one.event for one in result.events]
        self.early: list[Event] = [one.event for one in result.early]
        self.refused: dict[str, int] = dict(result.refused.most_common())
        self.problem: str = "; ".join(filter(None, (result.problem, result.seen.problem())))
        self.notes: list[str] = [*result.again, *filter(None, (result.info.advice,))]

    def __repr__(self) -> str:
        about = self.summary
        counts = ", ".join(f"{count} {kind}" for kind, count in about["events"].items())
        return (
            f"<Analysis of {about['source']}: {about['frames']} frames ({about['seconds']:.2f} s), {counts}>"
        )

    @property
    def summary(self) -> dict[str, Any]:
        """The numbers, as ``apexcam analyze --json`` prints them."""
        return self._result.summary()

    @cached_property
    def curves(self) -> Curves:
        """The motion of the face over time."""
        course = self._result.course
        t_s = np.array(course.times, np.float64)
        changes = np.searchsorted([at for at, _ in course.track], t_s, side="right") - 1
        return Curves(
            t_s=t_s,
            motion={name: np.array(values, np.float64) for name, values in course.motion.items()},
            threshold={name: np.array(values, np.float64) for name, values in course.level.items()},
            face=tuple(course.track[i][1] for i in changes),
        )

    def to_pandas(self) -> "pandas.DataFrame":
        """The events, one row each, with the columns of events.csv. Raises InputError where pandas is missing."""
        return table_of(self.events)

    def write(self, folder: str | os.PathLike[str], *, pictures: bool = True) -> list[Path]:
        """Writes events.jsonl, events.csv, events.eaf and report.html, all or none; the files written.

        ``pictures``: whether the report shows the face. Raises InputError if the folder cannot be written.
        """
        from realtime.analysis.analyze import write

        return write(self._result, Path(at_home(os.fspath(folder))), pictures=pictures)


def analyze(
    path: str | os.PathLike[str],
    *,
    fps: float | None = None,
    frames: int | None = None,
    config: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Analysis:
    """Find and name the micro-expressions of a recording: every frame, as fast as it can.

    Args:
        path: a video, a folder of images, the folder of an event recorded by ``apexcam live --record``, or ``demo``
            with ``frames``.
        fps: what it was filmed at, where it does not say so or says it wrongly.
        frames: stop after so many.
        config: a YAML file that names what differs from configs/live.yaml, or a preset such as ``live-gpu.yaml``.
        settings: single settings by their dotted name, such as ``{"spotting.alarms_per_minute": 0.2}``.
        progress: called with the frames done and the seconds of the recording they cover.

    Returns:
        The events and curves. A recording that is damaged, or in which nothing could be seen, is analysed as far as
        that goes: `Analysis.problem` says so, and a UserWarning does.

    Raises:
        InputError: anything unusable, in the line that ``apexcam analyze`` would print.

    >>> analysis = analyze("demo", frames=150, settings={"source.fps": 60, "source.width": 320, "source.height": 240})
    >>> analysis
    <Analysis of demo: 150 frames (2.48 s), 1 micro, 0 macro, 0 blink>
    >>> event = analysis.events[0]
    >>> event.kind, event.onset.frame < event.apex.frame < event.offset.frame
    ('micro', True)
    >>> curves = analysis.curves
    >>> list(curves.motion)
    ['Brows', 'Nose', 'Cheeks', 'Mouth']
    >>> curves.motion["Brows"].shape == curves.t_s.shape
    True
    >>> analyze("gone.mp4")
    Traceback (most recent call last):
        ...
    engines.errors.InputError: gone.mp4: there is no such file; ...
    """
    check_opencv()
    from realtime.analysis import analyze as analysis
    from realtime.sources import check_requests

    spec = at_home(os.fspath(path))
    loaded, given = configured(config, settings)
    check_requests([spec], given)
    if fps is not None and not 0.1 <= fps <= 10_000:
        raise InputError(f"fps {fps}: must be a number from 0.1 to 10000")
    if frames is not None and frames < 1:
        raise InputError(f"frames {frames}: must be at least 1")
    step = progress or (lambda done, at_s: None)
    result = analysis.analyse_path(
        spec,
        loaded,
        own_settings=config is not None or bool(settings),
        fps=fps,
        frames=frames,
        watching=lambda total: nullcontext(step),
    )
    made = Analysis(result)
    if made.problem:
        warnings.warn(f"{result.info.spec}: {made.problem}", stacklevel=2)
    return made


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise InputError("pandas is not installed: pip install pandas") from None
    return pandas


def table_of(events: Sequence[Event]) -> "pandas.DataFrame":
    """Events, one row each, with the columns of events.csv. Raises InputError where pandas is missing."""
    from realtime import event_table

    words = ("event_id", "camera", "kind", "label", "reason", "since_marker")
    empty = [name for name in event_table.COLUMNS if name not in words or name == "label"]
    # A camera may be called 007 or nan.
    return _pandas().read_csv(
        io.StringIO(event_table.table(events)),
        dtype={name: str for name in words if name in event_table.COLUMNS},
        keep_default_na=False,
        na_values={name: [""] for name in empty},
    )
