"""`apexbench spot-train`: from a folder of videos to the network that the live spotter opens, and its card."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.files import cache_folder, check_file, check_folder, write_bytes
from engines.spotting.detector import Odds
from offline.progress import Progress
from offline.spotting.batch import Tick, each
from offline.spotting.footage import digest_of, promised_frames
from offline.spotting.learning import left_out
from offline.spotting.learning.card import Facts, by_video, card, table
from offline.spotting.learning.folds import Recorded, Training, groups, run_all
from offline.spotting.learning.network import SEES, export, padded
from offline.spotting.learning.rows import rows_of
from offline.spotting.learning.scoring import Scored, calibrate
from offline.spotting.learning.sources import Source, load, real_sources, rendered_sources
from offline.spotting.learning.training import EPOCHS
from offline.writing import writing

# A face seen for less time than this is left out of training and scoring.
_SHORTEST_S = 1.5
# Windows of a real face on which the exported file is compared with PyTorch.
_CHECKED = 64

# Opens a progress bar with a title.
Bar = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Plan:
    """What to learn from and where to write it. ``folds``: groups of people left out in turn, 0 leaves out each alone.

    ``people``: a CSV file,person; ``cache``: finished work, to resume from; ``about``: a note on the real videos,
    for the card; ``keep_folds``: a folder for the networks of the folds, each without some of the people.
    """

    real: Path
    out: Path
    rendered: tuple[int, ...] = ()
    people: Path | None = None
    epochs: int = EPOCHS
    seeds: tuple[int, ...] = (0, 1)
    folds: int = 6
    cache: Path | None = None
    about: str = ""
    keep_folds: Path | None = None

    def __post_init__(self) -> None:
        if self.out.suffix != ".onnx":
            raise InputError(f"--out {self.out}: the network is written as .onnx")
        check_file("--out", self.out)
        check_folder("--cache", self.folder)
        if self.keep_folds is not None:
            check_folder("--keep-folds", self.keep_folds)

    @property
    def folder(self) -> Path:
        """Where recordings and finished trainings are kept."""
        return self.cache or cache_folder("spot-train")


@dataclass(frozen=True)
class Made:
    """What was written, the odds in it, and the scores of people left out."""

    facts: Facts
    odds: Odds
    scored: tuple[Scored, ...]
    seconds: float

    def results(self) -> dict[str, Any]:
        """For --json."""
        return {
            "out": self.facts.name,
            "sha256": self.facts.sha256,
            "bytes": self.facts.size,
            "max_abs_diff": self.facts.difference,
            "seeds": list(self.facts.seeds),
            "slope": self.odds.slope,
            "offset": self.odds.offset,
            "curve": table(self.scored),
            "videos": by_video(self.scored),
            "seconds": round(self.seconds, 1),
        }


def spot_train(plan: Plan, jobs: int, bar: Bar, show: Callable[[Sequence[Scored]], None]) -> Made:
    """Record, leave people out, train on everybody, calibrate, export; ``show`` is given the scores before the last.

    Raises InputError where there is nothing to learn from, or something cannot be read or written.
    """
    began = time.monotonic()
    sources = [*real_sources(plan.real, plan.people), *rendered_sources(plan.rendered)]
    with bar("recording, frames") as progress:
        recorded = record_all(sources, plan.folder / "recordings", jobs, progress)
    seconds = _seconds(recorded)
    recorded = tuple(one for one in recorded if seconds[one.name] > _SHORTEST_S)
    real = [one for one in recorded if one.real]
    if not real:
        raise InputError(f"{plan.real}: no face is seen for {_SHORTEST_S:g} s in any video")
    people = groups(_by_person(real, seconds), plan.folds)
    if len(people) < 2 and len(real) == len(recorded):
        raise InputError(
            f"{plan.real}: only one person: leaving them out leaves nothing to train on; add videos or --rendered"
        )
    trainings = [Training(recorded, group, plan.epochs, plan.seeds) for group in people]
    with bar("people left out, epochs") as progress:
        without = run_all(trainings, plan.folder / "trained", jobs, progress)
    scored = tuple(one for fold in without for one in fold.scored)
    show(scored)
    try:
        odds = calibrate(scored)
    except ValueError as error:
        raise InputError(f"{plan.real}: {error}; train on more, or for longer") from None
    with bar("everybody, epochs") as progress:
        # One training a seed, so that they run in parallel.
        final = [Training(recorded, (), plan.epochs, (seed,)) for seed in plan.seeds]
        trained = run_all(final, plan.folder / "trained", jobs, progress)
    check = _windows(real[0])
    if plan.keep_folds is not None:
        files = {source.name: digest_of(source.path) for source in sources if source.path is not None}
        left_out.keep(plan.keep_folds, without, odds, files, check)
    with writing(plan.out):
        members = [member for one in trained for member in one.networks()]
        difference = export(members, odds, plan.out, check)
    content = plan.out.read_bytes()
    facts = Facts(
        name=plan.out.name,
        size=len(content),
        sha256=sha256(content).hexdigest(),
        difference=difference,
        videos=len(real),
        people=len({one.person for one in real}),
        minutes=sum(seconds[one.name] for one in real) / 60,
        rendered=len(recorded) - len(real),
        rendered_minutes=sum(seconds[one.name] for one in recorded if not one.real) / 60,
        groups=len(people),
        epochs=plan.epochs,
        seeds=plan.seeds,
        about=plan.about.strip().rstrip("."),
    )
    _write(plan.out.with_suffix(".md"), card(facts, scored, odds).encode())
    return Made(facts, odds, scored, time.monotonic() - began)


def record_all(
    sources: Sequence[Source], folder: Path, jobs: int, progress: Progress | None = None
) -> tuple[Recorded, ...]:
    """Record what ``folder`` does not hold yet. Raises InputError where a video cannot be read or kept."""
    keys = [source.key() for source in sources]
    files = [folder / f"{key}.npz" for key in keys]
    first: dict[str, str] = {}
    for key, source in zip(keys, sources, strict=True):
        if first.setdefault(key, source.name) != source.name:
            # Under two names, one would be trained on while the other is left out.
            raise InputError(f"{first[key]} and {source.name} are the same video: take one away")
    todo = [source for source, file in zip(sources, files, strict=True) if load(file) is None]
    total = sum(source.rendered.count if source.rendered else _promised(source) for source in todo)

    def show(frames: int) -> None:
        if progress and total:
            progress(min(frames, total), total)

    each(partial(_record, folder=folder), todo, jobs, lambda _: None, show)
    return tuple(
        Recorded(source.name, source.person, source.rendered is None, file, key)
        for source, file, key in zip(sources, files, keys, strict=True)
    )


def _promised(source: Source) -> int:
    assert source.path is not None
    return promised_frames(source.path)


def _record(source: Source, tick: Tick, folder: Path) -> None:
    source.record(folder, tick)


def _seconds(recorded: Sequence[Recorded]) -> dict[str, float]:
    return {one.name: one.subject().recording.seconds() for one in recorded}


def _by_person(recorded: Sequence[Recorded], seconds: dict[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in recorded:
        found[one.person] = found.get(one.person, 0.0) + seconds[one.name]
    return found


def _windows(example: Recorded) -> NDArray[np.float32]:
    """Windows of a real face on which exported files are compared with PyTorch."""
    rows = max((stretch.rows for stretch in rows_of(example.subject().recording)), key=len)
    seen = padded(rows)
    firsts = np.linspace(0, len(seen) - SEES, _CHECKED).astype(int)
    return np.stack([seen[first : first + SEES] for first in firsts])


def _write(path: Path, content: bytes) -> None:
    with writing(path):
        write_bytes(path, content)
