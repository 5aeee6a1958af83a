"""A video file as it is: its frames with their own times, and the face that FaceMesh sees in each of them."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from engines.code import code_digest
from engines.errors import InputError
from engines.face import FaceSettings, FaceStatus, FaceTracker
from engines.files import check_name, write_bytes
from engines.series import hidden
from engines.video import open_file
from offline.writing import writing

SUFFIXES = frozenset(
    {
        *(".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"),
        *(".wmv", ".flv", ".ts", ".3gp", ".ogv"),
    }
)
_USUAL_FPS = 25.0
# Landmarks on every frame, whatever the frame rate.
_EVERY_FRAME_S = 1e-6


def find_videos(place: Path) -> list[Path]:
    """The video files in a folder, by name, or the one that is named.

    Raises InputError where there is none, or a name is no text.
    """
    if place.is_file():
        check_name(place)
        return [place]
    if not place.is_dir():
        raise InputError(f"no such folder or video: {place}")
    found = sorted(
        path
        for path in place.iterdir()
        if path.is_file() and path.suffix.lower() in SUFFIXES and not hidden(path.name)
    )
    if not found:
        kinds = " ".join(sorted(SUFFIXES))
        raise InputError(f"no video in {place}: give a folder with files of these kinds: {kinds}")
    for path in found:
        check_name(path)
    return found


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content. Raises InputError where it cannot be read."""
    try:
        with path.open("rb") as file:
            digest = sha256()
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    return digest.hexdigest()


def promised_frames(path: Path) -> int:
    """How many frames the container says it holds; 0 where it does not say."""
    film = open_file(path)
    film.close()
    return film.facts.promised or 0


def read_frames(path: Path) -> Iterator[tuple[int, float, NDArray[np.uint8]]]:
    """Number, time in seconds from the first frame on, and BGR image of every frame; a phone's rotation is applied.

    A damaged frame is black: it shows no face, and no movement is followed across it. Raises InputError where nothing
    can be decoded.
    """
    film = open_file(path)
    try:
        index = 0
        while (picture := film.read()) is not None:
            yield (
                index,
                picture.t_ns / 1e9,
                np.zeros_like(picture.image) if picture.damaged else picture.image,
            )
            index += 1
    finally:
        film.close()


@dataclass(frozen=True)
class Faces:
    """What FaceMesh saw of the largest face of a video's N frames.

    ``times_s`` float64 (N,); ``landmarks`` float32 (N, 478, 3) in pixels of the frame, NaN where no face is seen;
    ``usable`` bool (N,): large, frontal and whole enough to be measured; ``person`` int32 (N,): changes where another
    face is followed, -1 without one.
    """

    times_s: NDArray[np.float64]
    landmarks: NDArray[np.float32]
    usable: NDArray[np.bool_]
    person: NDArray[np.int32]

    @property
    def fps(self) -> float:
        """Frames a second, on the average of the whole video."""
        if len(self.times_s) < 2:
            return _USUAL_FPS
        return round((len(self.times_s) - 1) / float(self.times_s[-1] - self.times_s[0]), 3)


def see_faces(path: Path, tick: Callable[[int], None] | None = None) -> Faces:
    """Follow the largest face through a video, with landmarks on every frame; ``tick`` receives the number of
    frames just done.
    """
    tracker = FaceTracker(FaceSettings(landmarks_every_s=_EVERY_FRAME_S, search_every_s=_EVERY_FRAME_S))
    times, landmarks, usable, person = [], [], [], []
    nothing = np.full((478, 3), np.nan, np.float32)
    try:
        for _, t_s, image in read_frames(path):
            found = tracker.step(image, t_s)[0]
            here = found.landmarks is not None and found.status is not FaceStatus.LOST
            times.append(t_s)
            landmarks.append(found.landmarks if here and found.landmarks is not None else nothing)
            usable.append(found.status is FaceStatus.OK)
            person.append(found.id if here else -1)
            if tick:
                tick(1)
    finally:
        tracker.close()
    return Faces(np.array(times), np.array(landmarks), np.array(usable), np.array(person, dtype=np.int32))


def faces_file(folder: Path, digest: str) -> Path:
    """Where the faces of a video with this content are kept."""
    return folder / f"{digest[:24]}-{code_digest(__name__)}.npz"


def load_faces(file: Path) -> Faces | None:
    """Faces as they were kept; None where there are none, or the file is damaged."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            return Faces(kept["times_s"], kept["landmarks"], kept["usable"], kept["person"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def save_faces(file: Path, faces: Faces) -> None:
    """Keep faces, the whole file or none of it. Raises InputError where it cannot be written."""
    content = io.BytesIO()
    np.savez(
        content,
        times_s=faces.times_s,
        landmarks=faces.landmarks,
        usable=faces.usable,
        person=faces.person,
    )
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(file, content.getvalue())
