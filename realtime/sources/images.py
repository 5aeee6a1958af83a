"""A folder of images as a source: benchmark clips, and recordings of our own."""

import csv
import os
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from engines import stills
from engines.delimited import rows_of
from engines.errors import InputError
from engines.series import FORMATS, SUFFIXES, Series, series_of
from realtime.sources.base import Pace, PacedSource, Pacer, Shot, SourceInfo, pacer_for, path_word

TIMES_FILE = "frames.csv"  # columns index, t_ns, file
_COLUMNS = ("index", "t_ns", "file")
_LOOKS = 64  # 16-bit images that a paced run examines for their bit depth before it starts


@dataclass(frozen=True)
class Still:
    """One image file: its index in the original recording, its time, its path."""

    index: int
    t_ns: int
    path: Path


class ImageSource(PacedSource):
    """The images in order; a damaged one counts as a lost frame (``gap`` of the next) and is reported.

    Indices are those of the original recording: they skip frames that are missing.
    """

    def __init__(
        self, listed: list[Still], depth: stills.Depth, info: SourceInfo, pacer: Pacer | None
    ) -> None:
        super().__init__(info, pacer)
        self._stills = iter(listed)
        self._depth = depth
        self._first = self._expected = listed[0].index
        self._broken: list[str] = []
        self._clipped: list[str] = []

    def _shoot(self) -> Shot | None:
        for still in self._stills:
            try:
                clipped = partial(self._clipped.append, still.path.name)
                image = stills.read(still.path, self._depth, on_clipped=clipped)
            except OSError:
                image = None
            if image is None or image.shape[:2] != (self.info.height, self.info.width):
                self._broken.append(still.path.name)
                self._problem = (
                    f"{self.info.spec}: {len(self._broken)} of {self.info.frames} images are damaged or could not "
                    f"be decoded, the first {self._broken[0]}; counted as lost"
                )
                continue
            gap = still.index - self._expected
            self._expected = still.index + 1
            return Shot(still.t_ns, image, gap, index=still.index - self._first)
        return None

    @property
    def problem(self) -> str:
        """See ``Source``."""
        if not self._clipped:
            return super().problem
        clipped = (
            f"{self.info.spec}: {len(self._clipped)} of {self.info.frames} images exceed the {self._depth.bits} bits "
            f"of those examined before the start and are clipped, the first {self._clipped[0]}; "
            "apexcam analyze examines all"
        )
        return "; ".join(filter(None, (super().problem, clipped)))

    def _release(self) -> None:
        self._stills = iter(())


def open_images(
    spec: str, *, pace: Pace = None, rate: float | None = None, option: str = "--pace"
) -> ImageSource:
    """Opens a folder of images in the order of its frames.csv (index, t_ns, file), or of the numbers in their names.

    Times are those of frames.csv, else number / ``rate``, else number / ``pace``; a missing number is a lost frame.
    Raises InputError if there are no images or several series of them, sizes differ (naming the file), frames.csv is
    wrong (naming the line), or no rate is known (naming the ``option`` that gives it).
    """
    folder = Path(spec).expanduser()
    if not folder.is_dir():
        raise InputError(f"{spec}: there is no such folder; give a folder of {FORMATS} images")
    times, notes = folder / TIMES_FILE, []
    if rate is None and times.is_file():
        found = listed(folder)
    else:
        rate = rate or (pace if isinstance(pace, float | int) else None)
        series = series_of(folder)
        if rate is None:
            raise InputError(
                f"{spec}: a folder of images does not say its frame rate; give {option} FPS or put a {TIMES_FILE} "
                "(index,t_ns,file) beside the images"
            )
        found = [Still(i, round(i / rate * 1e9), path) for i, path in series.indexed()]
        notes = _notes(series)
    depth = stills.depth_of([still.path for still in found], looks=None if pace is None else _LOOKS)
    width, height = _one_size(found)
    steps = [(b.t_ns - a.t_ns) / (b.index - a.index) for a, b in pairwise(found)]
    fps = rate or (1e9 / median(steps) if steps else 0.0)
    advice = "; ".join(line for line in (*notes, depth.said) if line)
    info = SourceInfo(path_word(folder.resolve()), spec, "images", width, height, fps, len(found), advice)
    return ImageSource(found, depth, info, pacer_for(pace))


def _notes(series: Series) -> list[str]:
    """Lines for the user on a series whose numbers are not consecutive."""
    notes = list(series.left_out)
    if series.missing:
        first, last = series.frames[0][1].name, series.frames[-1][1].name
        notes.append(f"{series.missing} images between {first} and {last} are missing: frames lost")
    if series.step is None and len(series.frames) > 1:
        notes.append("their names have no frame numbers: taken in the order of their names, none lost")
    elif series.step is not None and series.step > 1:
        notes.append(f"numbered in steps of {series.step}: taken as one frame each")
    return notes


def listed(folder: Path) -> list[Still]:
    """The images listed in a folder's frames.csv. Raises InputError naming the faulty line."""
    times = folder / TIMES_FILE
    found: list[Still] = []
    try:
        rows = rows_of(times)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{times}: cannot be read as a table: {error}") from error
    header = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    if not set(_COLUMNS) <= set(header):
        raise InputError(f"{times}:1: expected the columns {','.join(_COLUMNS)}")
    for line, row in rows[1:]:
        found.append(_still(folder, f"{times}:{line}", dict(zip(header, row, strict=False))))
        if len(found) > 1 and not (found[-2].index < found[-1].index and found[-2].t_ns < found[-1].t_ns):
            raise InputError(f"{times}:{line}: index and t_ns must rise from row to row")
    if not found:
        raise InputError(
            f"{times}: no frame is listed in it; record again, or remove the file and give the frame rate"
        )
    return found


def _still(folder: Path, where: str, row: dict[str, str]) -> Still:
    try:
        index, t_ns, name = int(row["index"]), int(row["t_ns"]), row.get("file", "")
    except (KeyError, ValueError):
        raise InputError(f"{where}: index and t_ns must be whole numbers") from None
    if not name or Path(name).name != name or Path(name).suffix.lower() not in SUFFIXES:
        raise InputError(f"{where}: {name!r} is not the name of a {FORMATS} image in this folder")
    if not os.path.isfile(folder / name):  # noqa: PTH113 - False for a name too long to be one
        raise InputError(f"{where}: {name} is missing; copy the folder again or remove the line")
    if abs(index) >= 1 << 62 or abs(t_ns) >= 1 << 62:
        raise InputError(f"{where}: index or t_ns is out of range")
    return Still(index, t_ns, folder / name)


def _one_size(found: list[Still]) -> tuple[int, int]:
    """The width and height shared by all images, from the file headers; unreadable files are left to decoding.

    Raises InputError if sizes differ or no file can be read.
    """
    first: tuple[int, int] | None = None
    for still in found:
        size = stills.size(still.path)
        first = first or size
        if size is not None and first is not None and size != first:
            raise InputError(
                f"{still.path}: {size[0]}x{size[1]} pixels among images of {first[0]}x{first[1]}; one clip, one size"
            )
    if first is None:
        raise InputError(f"{found[0].path.parent}: none of its {len(found)} images can be read")
    return first
