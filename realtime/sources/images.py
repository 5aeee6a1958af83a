"""A folder of images as a camera: benchmark clips, and what our recorder writes."""

import csv
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from engines.errors import InputError
from realtime.sources.base import Pace, PacedSource, Pacer, Shot, SourceInfo, pacer_for, path_word
from realtime.sources.video import IMAGE_SUFFIXES

TIMES_FILE = "frames.csv"  # columns index, t_ns, file


@dataclass(frozen=True)
class Still:
    """One image file: its place in the recording it was taken from, its time, its path."""

    index: int
    t_ns: int
    path: Path


class ImageSource(PacedSource):
    """The images in order; one that cannot be decoded counts as a frame lost (``gap`` of the next) and is reported."""

    def __init__(self, stills: list[Still], info: SourceInfo, pacer: Pacer | None) -> None:
        super().__init__(info, pacer)
        self._stills = iter(stills)
        self._expected: int | None = None
        self._broken: list[str] = []

    def _shoot(self) -> Shot | None:
        import cv2

        for still in self._stills:
            image = cv2.imread(str(still.path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
            if image is None or image.shape[:2] != (self.info.height, self.info.width):
                self._broken.append(still.path.name)
                self._problem = (
                    f"{self.info.spec}: {len(self._broken)} of {self.info.frames} images could not be decoded, "
                    f"the first {self._broken[0]}; counted as lost"
                )
                continue
            gap = 0 if self._expected is None else still.index - self._expected
            self._expected = still.index + 1
            return Shot(still.t_ns, image, gap)
        return None

    def _release(self) -> None:
        self._stills = iter(())


def open_images(spec: str, *, pace: Pace = None, rate: float | None = None) -> ImageSource:
    """Open a folder of png, jpg or bmp images, in natural order or that of its frames.csv (index, t_ns, file).

    Times are those of frames.csv, else index / ``rate``, else index / ``pace``. Raises InputError if there
    are no images, sizes differ (naming the file), frames.csv is wrong (naming the line), or no rate is known.
    """
    folder = Path(spec).expanduser()
    if not folder.is_dir():
        raise InputError(f"{spec}: there is no such folder; give a folder of png, jpg or bmp images")
    times = folder / TIMES_FILE
    if rate is None and times.is_file():
        stills = listed(folder)
    else:
        rate = rate or (pace if isinstance(pace, float | int) else None)
        if rate is None:
            raise InputError(
                f"{spec}: a folder of images does not say its frame rate; give --pace FPS or put a {TIMES_FILE} "
                "(index,t_ns,file) beside the images"
            )
        stills = [Still(i, round(i / rate * 1e9), path) for i, path in enumerate(_sorted_images(folder))]
    width, height = _one_size(stills)
    steps = [(b.t_ns - a.t_ns) / (b.index - a.index) for a, b in pairwise(stills)]
    fps = rate or (1e9 / median(steps) if steps else 0.0)
    info = SourceInfo(path_word(folder.resolve()), spec, "images", width, height, fps, len(stills))
    return ImageSource(stills, info, pacer_for(pace))


def _sorted_images(folder: Path) -> list[Path]:
    paths = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")]
    if not paths:
        raise InputError(f"{folder}: no png, jpg or bmp image in it; give the folder that holds the frames")
    return sorted(
        paths, key=lambda p: [(int(t), "") if t.isdecimal() else (-1, t) for t in re.split(r"(\d+)", p.name)]
    )


def listed(folder: Path) -> list[Still]:
    """The images that a folder's frames.csv lists. Raises InputError naming the line that is wrong."""
    times = folder / TIMES_FILE
    stills: list[Still] = []
    try:
        with times.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if not {"index", "t_ns", "file"} <= set(rows.fieldnames or ()):
                raise InputError(f"{times}:1: expected the columns index,t_ns,file")
            for row in rows:
                stills.append(_still(folder, f"{times}:{rows.line_num}", row))
                if len(stills) > 1 and not (
                    stills[-2].index < stills[-1].index and stills[-2].t_ns < stills[-1].t_ns
                ):
                    raise InputError(f"{times}:{rows.line_num}: index and t_ns must rise from row to row")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{times}: cannot be read as a table: {error}") from error
    if not stills:
        raise InputError(
            f"{times}: no frame is listed in it; record again or remove the file and give --pace FPS"
        )
    return stills


def _still(folder: Path, where: str, row: dict[str, str]) -> Still:
    try:
        index, t_ns, name = int(row["index"]), int(row["t_ns"]), row["file"]
    except (TypeError, ValueError):
        raise InputError(f"{where}: index and t_ns must be whole numbers") from None
    if not name or Path(name).name != name or Path(name).suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError(f"{where}: {name!r} is not the name of a png, jpg or bmp image in this folder")
    if not (folder / name).is_file():
        raise InputError(f"{where}: {name} is missing; copy the folder again or remove the line")
    if abs(index) >= 1 << 62 or abs(t_ns) >= 1 << 62:
        raise InputError(f"{where}: index or t_ns is out of range")
    return Still(index, t_ns, folder / name)


def _one_size(stills: list[Still]) -> tuple[int, int]:
    """Width and height shared by every image, from the file headers; what cannot be read is left to decoding."""
    from PIL import Image, UnidentifiedImageError

    first: tuple[int, int] | None = None
    for still in stills:
        try:
            with Image.open(still.path) as image:
                size = image.size
        except Image.DecompressionBombError:
            raise InputError(f"{still.path}: too large for a frame; take it away") from None
        except (OSError, UnidentifiedImageError, ValueError, SyntaxError):
            continue
        first = first or size
        if size != first:
            raise InputError(
                f"{still.path}: {size[0]}x{size[1]} pixels among images of {first[0]}x{first[1]}; one clip, one size"
            )
    if first is None:
        raise InputError(f"{stills[0].path.parent}: none of its {len(stills)} images can be read")
    return first
