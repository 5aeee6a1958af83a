"""Implanted videos as lossless files with their truth beside them, for measuring other programs."""

import csv
import io
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from engines.errors import InputError
from engines.files import write_bytes
from offline.spotting.activity import ACTIVITIES, activities
from offline.spotting.batch import Tick
from offline.spotting.real import ImplantedVideo
from offline.writing import writing

TRUTH = "truth.csv"
_COLUMNS = (
    *("video", "onset", "apex", "offset", "onset_s", "apex_s", "offset_s"),
    *("label", "action_units", "size_px", "activity"),
)


def keep_clip(video: ImplantedVideo, tick: Tick, folder: Path) -> Path:
    """Write a video into ``folder`` as FFV1 in NAME.mkv, at its average frame rate, and return where it is.

    FFV1 through OpenCV wants even sizes: frames of an odd size become PNGs in a folder NAME instead. Nothing is left
    half-written. Raises InputError where it cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _, first = next(iter(video.frames()))
        if first.shape[0] % 2 or first.shape[1] % 2:
            return _pictures(video, tick, folder / video.name)
        return _ffv1(video, tick, folder / f"{video.name}.mkv")


def _ffv1(video: ImplantedVideo, tick: Tick, file: Path) -> Path:
    unfinished = file.with_name(f".{file.stem}.{os.getpid()}.mkv")
    writer: cv2.VideoWriter | None = None
    try:
        for _, image in video.frames():
            if writer is None:
                size = image.shape[1], image.shape[0]
                fourcc = cv2.VideoWriter.fourcc(*"FFV1")
                writer = cv2.VideoWriter(str(unfinished), cv2.CAP_FFMPEG, fourcc, video.fps, size)
                if not writer.isOpened():
                    raise InputError(
                        f"cannot write {file}: no FFV1 encoder, or the folder is full or read-only"
                    )
            writer.write(image)
            tick(1)
        if writer is not None:
            writer.release()
        unfinished.replace(file)
    finally:
        if writer is not None:
            writer.release()
        unfinished.unlink(missing_ok=True)
    return file


def _pictures(video: ImplantedVideo, tick: Tick, folder: Path) -> Path:
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        unfinished.mkdir()
        for index, image in video.frames():
            _, coded = cv2.imencode(".png", image)
            (unfinished / f"{index:06d}.png").write_bytes(np.asarray(coded).tobytes())
            tick(1)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def keep_truth(videos: Sequence[ImplantedVideo], folder: Path) -> None:
    """Write truth.csv: what was implanted where, frames and the file's own times, sizes at a face 200 px wide."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for video in videos:
        doing = activities(video.real.faces)
        for t in video.performed():
            assert t.apex is not None and t.amplitude_px is not None
            moments = (t.onset, t.apex, t.offset)
            times = [f"{video.time_s(frame):.4f}" for frame in moments]
            units = "+".join(map(str, t.aus))
            activity = ACTIVITIES[max(int(doing[t.apex]), 0)]
            writer.writerow([video.name, *moments, *times, t.label, units, f"{t.amplitude_px:.3f}", activity])
    with writing(folder):
        write_bytes(folder / TRUTH, text.getvalue().encode())
