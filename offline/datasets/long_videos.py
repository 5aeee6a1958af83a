"""The long-video databases as their owners hand them out: CAS(ME)^2 (30 fps) and SAMM Long Videos (200 fps).

A table with an interval a row, and a folder of numbered images a video. Frame numbers are those of the files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engines.errors import InputError
from offline.datasets.clips import Clip, VideoDatabase, once, settled
from offline.datasets.errata import mend
from offline.datasets.images import images_of
from offline.datasets.long_tables import LAYOUTS, NAMES, Coded, Labels, layout_of, open_labels


@dataclass(frozen=True)
class LongVideo:
    """A folder of numbered images and the expressions in it, in order of onset; ``notes``: lines about both."""

    name: str
    subject: str
    fps: float
    folder: Path
    frames: tuple[tuple[int, Path], ...]
    coded: tuple[Coded, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LongVideos:
    """A database: its videos; (subject, expression) whose video is not here or whose row cannot be used; which version
    of the table it has; lines about all that.
    """

    layout: str
    videos: tuple[LongVideo, ...]
    unusable: tuple[tuple[str, Coded], ...]
    version: str
    notes: tuple[str, ...]


def open_long_videos(data: Path, layout: str | None = None) -> LongVideos:
    """The long videos in a folder. ``layout`` is a name of `LAYOUTS`; None finds out which it is.

    Raises InputError where there is no table, no folder of images, or the table is not as it should be.
    """
    labels = open_labels(data, layout)
    chosen = LAYOUTS[labels.layout]
    root = next((data / name for name in chosen.folders if (data / name).is_dir()), None)
    if root is None:
        raise InputError(f"{data} has no folder {chosen.folders[0]} with the images")
    videos: list[LongVideo] = []
    for folder in sorted(root.glob(chosen.below)):
        name = chosen.video_of(folder.name) if folder.is_dir() else None
        if name is not None:
            subject = labels.subjects.get(name, name.partition(chosen.separator)[0])
            _add(videos, labels.unusable, name, subject, chosen.fps, folder, labels.rows.pop(name, []))
    if not videos:
        raise InputError(f"{data} holds a table but no folder of images for it; see apexbench spot --help")
    return _database(labels, videos)


def open_long_clips(folder: Path, errata: bool = True) -> tuple[VideoDatabase, ...]:
    """The expressions of the long videos in a folder as clips; none where it holds no such table."""
    layout = layout_of(folder)
    if layout is None:
        return ()
    database = open_long_videos(folder, layout)
    clips = [
        _clip(NAMES[layout], video.subject, video.fps, video.frames, coded)
        for video in database.videos
        for coded in video.coded
    ]
    fps = LAYOUTS[layout].fps
    clips += [_clip(NAMES[layout], subject, fps, (), coded) for subject, coded in database.unusable]
    clips, twice = once(clips, several=True)
    clips, mended = mend(clips) if errata else (clips, [])
    placed, faults, moved = settled(clips)
    return (
        VideoDatabase(
            NAMES[layout], "long videos", database.version, placed, faults, (*twice, *mended, *moved)
        ),
    )


def clips_of_labels(labels: Labels) -> list[Clip]:
    """The expressions of a table as clips without frames."""
    name, fps = NAMES[labels.layout], LAYOUTS[labels.layout].fps
    clips = [
        _clip(name, labels.subjects[video], fps, (), coded)
        for video, rows in labels.rows.items()
        for coded in rows
    ]
    return clips + [_clip(name, subject, fps, (), coded) for subject, coded in labels.unusable]


def _clip(dataset: str, subject: str, fps: float, frames: tuple[tuple[int, Path], ...], coded: Coded) -> Clip:
    return Clip(
        dataset,
        subject,
        coded.name,
        frames,
        fps,
        coded.onset,
        coded.apex,
        coded.offset,
        coded.emotion,
        coded.action_units,
        coded.kind,
        coded.row,
        coded.fault,
        coded.notes,
    )


def _database(labels: Labels, videos: list[LongVideo]) -> LongVideos:
    """Raises InputError, with the first reason, where no row can be used."""
    without = [(labels.subjects[video], coded) for video, rows in labels.rows.items() for coded in rows]
    if labels.unusable and not without and not any(video.coded for video in videos):
        raise InputError(labels.unusable[0][1].fault)
    notes = [*labels.notes, *(f"{coded.fault}: left out" for _, coded in labels.unusable)]
    notes += [f"{note}" for video in videos for coded in video.coded for note in coded.notes]
    notes += [f"{video.name}: {note}" for video in videos for note in video.notes]
    notes += _left_over(labels.rows)
    return LongVideos(
        labels.layout, tuple(videos), (*without, *labels.unusable), labels.version, tuple(notes)
    )


def _left_over(absent: dict[str, list[Coded]]) -> Iterator[str]:
    if absent:
        shown = ", ".join(sorted(absent)[:5]) + (" ..." if len(absent) > 5 else "")
        yield (
            f"{sum(map(len, absent.values()))} rows belong to {len(absent)} videos that are not here ({shown}); "
            "they are left out"
        )


def _add(
    videos: list[LongVideo],
    unusable: list[tuple[str, Coded]],
    name: str,
    subject: str,
    fps: float,
    folder: Path,
    coded: list[Coded],
) -> None:
    """Adds a video with its rows, each once; to ``unusable`` where its images are not one series."""
    images = images_of(folder)
    if images.fault:
        unusable += [(subject, replace(one, fault=f"{one.row}: {images.fault}")) for one in coded]
    if not images.frames:
        return
    first: dict[tuple[int, int, str], Coded] = {}
    notes = list(images.notes)
    for one in sorted(coded, key=lambda expression: expression.onset):
        if (same := first.setdefault((one.onset, one.offset, one.kind), one)) is not one:
            second = one.row.rpartition(", ")[2]
            notes.append(f"listed twice ({same.row} and {second}): counted once")
    videos.append(LongVideo(name, subject, fps, folder, images.frames, tuple(first.values()), tuple(notes)))
