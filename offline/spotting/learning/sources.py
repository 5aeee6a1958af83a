"""The videos to learn from and who is in them; each is recorded once and kept by its content."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from engines.code import code_digest
from engines.delimited import rows_of
from engines.errors import InputError
from engines.files import write_bytes
from offline.spotting.batch import Tick
from offline.spotting.footage import digest_of, find_videos, read_frames
from offline.spotting.learning.recordings import Recording, record, with_truth
from offline.spotting.rendered import HELD_OUT, Knobs, RenderedVideo
from offline.writing import writing

# Frame rates of rendered videos by seed modulo 4: first high-speed cameras and webcams, then what lies between.
_RATES, _MIDDLE_RATES, _MIDDLE_FROM = (200, 30, 100, 30), (60, 30, 200, 25), 17
_RENDERED_S = 40.0
_AMPLITUDES_PX = (0.8, 2.6)


@dataclass(frozen=True)
class Source:
    """A video to learn from: a file, or a rendered face; ``person`` is who is in it, by any name."""

    name: str
    person: str
    path: Path | None = None
    rendered: RenderedVideo | None = None

    def key(self) -> str:
        """Changes with the video's content and the code that records it. Raises InputError where it is unreadable."""
        content = self.rendered.identity() if self.rendered else digest_of(self._file())
        return sha256(f"{code_digest(__name__)} {content}".encode()).hexdigest()[:24]

    def record(self, folder: Path, tick: Tick | None = None) -> None:
        """Record it and keep the recording. Raises InputError where it cannot be read or kept."""
        if self.rendered is not None:
            video = self.rendered
            recording = record(((i, video.time_s(i), image) for i, image in video.frames()), tick)
            recording = with_truth(recording, video.performed())
        else:
            recording = record(read_frames(self._file()), tick)
        save(folder / f"{self.key()}.npz", recording)

    def _file(self) -> Path:
        assert self.path is not None, "a source is a file or a rendered video"
        return self.path


@dataclass(frozen=True)
class Subject:
    """A recorded video, and who is in it."""

    name: str
    person: str
    real: bool
    recording: Recording


def real_sources(place: Path, people: Path | None) -> list[Source]:
    """The videos of a folder; each is of another person unless a table ``file,person`` says otherwise.

    Raises InputError where there is no video, or the table is not one of these.
    """
    paths = find_videos(place)
    names = read_people(people, [path.name for path in paths]) if people else {}
    return [Source(path.name, names.get(path.name, path.name), path=path) for path in paths]


def read_people(table: Path, files: Sequence[str]) -> Mapping[str, str]:
    """Who is in which file, from a CSV with the columns file and person. Raises InputError where it is unusable."""
    try:
        rows = rows_of(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {table}: {error}") from None
    if len(rows) < 2 or not {"file", "person"} <= set(rows[0][1]):
        raise InputError(f"{table}: no table of people: give a CSV with the columns file,person")
    found: dict[str, str] = {}
    for number, cells in rows[1:]:
        row = dict(zip(rows[0][1], cells, strict=False))
        file, person = row.get("file", "").strip(), row.get("person", "").strip()
        if file not in files:
            raise InputError(f"{table}, line {number}: no video {file!r} in the folder of --real")
        if not person:
            raise InputError(f"{table}, line {number}: {file} has no person")
        if found.setdefault(file, person) != person:
            raise InputError(f"{table}, line {number}: {file} is given to two people")
    return found


def rendered_sources(seeds: Sequence[int]) -> list[Source]:
    """Rendered faces of many frame rates, a third without micro-expressions.

    None is lively: their heads and mouths move as those of people in the very videos that are left out in turn.
    Raises InputError for seeds that are reserved for measuring.
    """
    if seeds and max(seeds) >= HELD_OUT:
        raise InputError(
            f"--rendered {max(seeds)}: faces from {HELD_OUT} on are what is measured on; train on smaller seeds"
        )
    found = []
    for seed in seeds:
        rates = _RATES if seed < _MIDDLE_FROM else _MIDDLE_RATES
        knobs = Knobs(
            fps=rates[seed % 4],
            seconds=_RENDERED_S,
            amplitude_px=_AMPLITUDES_PX,
            neutral=seed // 4 % 3 == 2,
        )
        video = RenderedVideo(seed, knobs)
        found.append(Source(video.name, f"rendered {seed}", rendered=video))
    return found


def save(file: Path, recording: Recording) -> None:
    """Keep a recording, the whole file or none of it. Raises InputError where it cannot be written."""
    content = io.BytesIO()
    parts: dict[str, NDArray[np.generic]] = {
        part.name: getattr(recording, part.name) for part in fields(Recording)
    }
    np.savez(content, **parts)
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(file, content.getvalue())


def load(file: Path) -> Recording | None:
    """A recording as it was kept; None where there is none, or the file is damaged."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            return Recording(**{part.name: kept[part.name] for part in fields(Recording)})
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
