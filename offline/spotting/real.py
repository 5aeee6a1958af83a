"""Real videos as they are, and with known micro-expressions implanted in them. See `Video` in truth.py."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.labels import CLASSES
from engines.synthesis.implant import COURSES, Course, amplitude, frames_at, implanted, runs, smoothed
from engines.synthesis.performance import Performance
from engines.synthesis.script import COMMON, EXPRESSIONS, micro
from offline.spotting.footage import (
    Faces,
    digest_of,
    faces_file,
    load_faces,
    promised_frames,
    read_frames,
    save_faces,
    see_faces,
)
from offline.spotting.truth import Interval

Range = tuple[float, float]
# From the appearance of a face to the first implant, from the last one to its end, and between two of them.
_AFTER_APPEARING_S, _BEFORE_END_S, _APART_S = 1.0, 0.5, 1.2
# The pause between two is drawn from here: about one every three seconds.
_PAUSE_S = (_APART_S, 4.0)
_OF = {"all": EXPRESSIONS, "common": COMMON}


@dataclass(frozen=True)
class RealVideo:
    """A video file in which nothing is annotated. ``cache``: a folder where the faces seen in it are kept."""

    path: Path
    cache: Path

    @property
    def name(self) -> str:
        """See `Video.name`."""
        return self.path.name

    @property
    def fps(self) -> float:
        """See `Video.fps`: the average, where it varies."""
        return self.faces.fps

    @property
    def neutral(self) -> bool:
        """See `Video.neutral`: unknown."""
        return False

    @property
    def count(self) -> int:
        """See `Video.count`."""
        return len(self.faces.times_s)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return digest_of(self.path)

    @cached_property
    def faces(self) -> Faces:
        """The face in every frame: kept, or looked for now."""
        return load_faces(faces_file(self.cache, self.digest)) or self.see()

    def promised(self) -> int:
        """How many frames the file says it has, without looking at them."""
        return promised_frames(self.path)

    def seen(self) -> bool:
        """Whether its faces are kept already."""
        return load_faces(faces_file(self.cache, self.digest)) is not None

    def see(self, tick: Callable[[int], None] | None = None) -> Faces:
        """Look for the face in every frame and keep what was seen; ``tick`` receives the number of frames just done."""
        faces = see_faces(self.path, tick)
        save_faces(faces_file(self.cache, self.digest), faces)
        return faces

    def identity(self) -> str:
        """See `Video.identity`: the file's content."""
        return f"real {self.digest}"

    def performed(self) -> list[Interval]:
        """See `Video.performed`: nothing that is known."""
        return []

    def time_s(self, index: int) -> float:
        """See `Video.time_s`: the file's own."""
        return float(self.faces.times_s[index])

    def frames(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """See `Video.frames`."""
        return ((index, image) for index, _, image in read_frames(self.path))

    def head_px(self, first: int, last: int) -> float | None:
        """See `Video.head_px`: unknown."""
        return None

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "cache": self.cache, "digest": self.digest}


@dataclass(frozen=True)
class Implants:
    """What is implanted: sizes (px at a face 200 px wide), lengths (s), drawn evenly, and how it rises and falls.

    ``expressions``: ``all`` that the renderer knows, or the ``common`` four: AU 6+12, 1+2+26, 4+15, 9+15.
    """

    size_px: Range = (1.0, 2.6)
    length_s: Range = (0.26, 0.48)
    course: Course = "raised-cosine"
    expressions: str = "all"

    def __post_init__(self) -> None:
        if not 0 < self.size_px[0] <= self.size_px[1] <= 12:
            raise InputError(
                f"implants of {self.size_px[0]:g} to {self.size_px[1]:g} px: choose within 0 and 12"
            )
        if not 0.04 <= self.length_s[0] <= self.length_s[1] <= 0.5:
            raise InputError(
                f"implants of {self.length_s[0]:g} to {self.length_s[1]:g} s: a micro-expression lasts 0.04 to 0.5 s"
            )
        if self.course not in COURSES:
            raise InputError(f"unknown course {self.course!r}: choose from {', '.join(COURSES)}")
        if self.expressions not in _OF:
            raise InputError(f"unknown expressions {self.expressions!r}: choose from {', '.join(_OF)}")


@dataclass(frozen=True)
class ImplantedVideo:
    """A real video with micro-expressions put into it, where and which drawn by the seed. See `Video`."""

    real: RealVideo
    seed: int
    implants: Implants = Implants()

    @property
    def name(self) -> str:
        """See `Video.name`."""
        return f"{self.real.name}-implanted{self.seed}"

    @property
    def fps(self) -> float:
        """See `Video.fps`."""
        return self.real.fps

    @property
    def neutral(self) -> bool:
        """See `Video.neutral`."""
        return False

    @property
    def count(self) -> int:
        """See `Video.count`."""
        return self.real.count

    def identity(self) -> str:
        """See `Video.identity`."""
        return f"{self.real.identity()} {self.seed} {self.implants}"

    @cached_property
    def performances(self) -> list[Performance]:
        """What is implanted, in order of onset."""
        faces = self.real.faces
        # Of the file too: two videos of one seed get different ones.
        rng = np.random.default_rng((0x1391A, self.seed, int(self.real.digest[:8], 16)))
        found = []
        bag: list[str] = []
        for first, last in usable_runs(faces):
            now = float(faces.times_s[first]) + _AFTER_APPEARING_S + float(rng.uniform(0, 1.5))
            until = float(faces.times_s[last]) - _BEFORE_END_S
            while now + self.implants.length_s[1] <= until:
                bag = bag or [str(label) for label in rng.permutation(CLASSES)]
                one = micro(
                    rng,
                    now,
                    bag.pop(),
                    self.implants.size_px,
                    self.implants.length_s,
                    expressions=_OF[self.implants.expressions],
                )
                if frames_at(one, faces.times_s, self.implants.course) is not None:
                    found.append(one)
                now = one.offset_s + float(rng.uniform(*_PAUSE_S))
        return found

    @cached_property
    def marks(self) -> NDArray[np.float32]:
        """What implants are anchored to: landmarks smoothed over time, (N, 478, 2)."""
        return smoothed(self.real.faces.landmarks[..., :2], self.real.faces.times_s)

    def performed(self) -> list[Interval]:
        """See `Video.performed`: what was implanted, nothing else is known."""
        done = []
        for one in self.performances:
            at = frames_at(one, self.real.faces.times_s, self.implants.course)
            assert at is not None
            done.append(Interval("micro", *at, one.label, one.amplitude_px, one.aus))
        return done

    def time_s(self, index: int) -> float:
        """See `Video.time_s`."""
        return self.real.time_s(index)

    def frames(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """See `Video.frames`: the file's, bit for bit, wherever nothing is implanted."""
        for index, t_s, image in read_frames(self.real.path):
            now = [one for one in self.performances if one.onset_s < t_s < one.offset_s]
            moving = [(one, amplitude(one, t_s, self.implants.course)) for one in now]
            yield index, implanted(image, self.marks[index], moving) if moving else image

    def head_px(self, first: int, last: int) -> float | None:
        """See `Video.head_px`: unknown."""
        return None

    def __getstate__(self) -> dict[str, object]:
        return {"real": self.real, "seed": self.seed, "implants": self.implants}


def usable_runs(faces: Faces) -> list[tuple[int, int]]:
    """Stretches in which one face can be measured without a break: first and last frame of each."""
    usable = np.where(faces.usable[:, None, None], faces.landmarks, np.float32(np.nan))
    found: list[tuple[int, int]] = []
    for first, last in runs(usable, faces.times_s):
        changes = np.flatnonzero(np.diff(faces.person[first : last + 1])) + first + 1
        edges = [first, *(int(k) for k in changes), last + 1]
        found += [(a, b - 1) for a, b in pairwise(edges)]
    return found
