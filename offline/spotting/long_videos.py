"""Long videos of people for the spotter to be scored on (offline.datasets.long_videos has the layouts)."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines import stills
from engines.errors import InputError
from engines.labels import CLASSES
from offline.datasets.images import images_of
from offline.datasets.long_tables import Coded
from offline.datasets.long_videos import open_long_videos
from offline.spotting.truth import Interval


@dataclass(frozen=True)
class RecordedVideo:
    """A folder of numbered images. See `Video`."""

    name: str
    subject: str
    fps: float
    folder: Path
    first: int
    count: int
    intervals: tuple[Interval, ...]
    neutral: bool = False

    def identity(self) -> str:
        """See `Video.identity`: the table's rows, and name, size and time of the images."""
        digest = sha256(msgspec.json.encode(self.intervals))
        for number, path in images_of(self.folder).frames:
            stat = path.stat()
            digest.update(f"{number} {path.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        return f"{self.name} {self.fps:g} {digest.hexdigest()}"

    def performed(self) -> list[Interval]:
        """See `Video.performed`."""
        return list(self.intervals)

    def frames(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """See `Video.frames`."""
        frames = images_of(self.folder).frames
        depth = stills.depth_of([path for _, path in frames])
        for number, path in frames:
            image = stills.read(path, depth)
            if image is None:
                raise InputError(
                    f"{path} is not a readable image: replace it, or take its video's folder away"
                )
            yield number, image

    def time_s(self, index: int) -> float:
        """See `Video.time_s`."""
        return index / self.fps

    def head_px(self, first: int, last: int) -> float | None:
        """See `Video.head_px`: unknown."""
        return None


@dataclass(frozen=True)
class Database:
    """Its videos, and lines for people about what does not fit together."""

    layout: str
    videos: tuple[RecordedVideo, ...]
    notes: tuple[str, ...]


def load_database(data: Path, layout: str | None = None) -> Database:
    """The long videos in a folder. ``layout`` is casme2long or sammlv; None finds out which it is.

    Raises InputError where there is no table, no folder of images, or the table is not as it should be.
    """
    found = open_long_videos(data, layout)
    videos = tuple(
        RecordedVideo(
            *(video.name, video.subject, video.fps, video.folder, video.frames[0][0], len(video.frames)),
            tuple(_interval(coded) for coded in video.coded),
        )
        for video in found.videos
    )
    return Database(found.layout, videos, found.notes)


def _interval(coded: Coded) -> Interval:
    label = coded.emotion if coded.emotion in CLASSES else None
    return Interval(
        "macro" if coded.kind == "macro" else "micro", coded.onset, coded.apex, coded.offset, label
    )
