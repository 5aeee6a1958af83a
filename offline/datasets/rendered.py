"""A rendered database exactly in the layout of an official one, so that everything can be tried without a licence.

Folders, file names, frame numbers and table are those of CASME II, SMIC or SAMM; people, action units, light and noise
are drawn from a seed. Emotions are performed with the action units that those tables code them by.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.face.geometry import (
    CROP_HEIGHT,
    CROP_WIDTH,
    INNER_EYE_LEFT,
    INNER_EYE_RIGHT,
    similarity_from_eyes,
)
from engines.files import check_name
from engines.synthesis import Identity, Performance, Renderer, Scene
from engines.synthesis.performance import frames_of
from engines.synthesis.script import blink
from offline.datasets.mark import write_mark

Progress = Callable[[int, int], None]
Units = tuple[tuple[int, ...], ...]
# Time between the onsets of a person's clips, in the one long scene they are taken from.
_EVERY_S: Final = 2.0
_BLINKS: Final = 0.08
MOST_INTENSITY: Final = 4.5
_HAPPY: Final[Units] = ((6, 12), (12,))
_SURPRISED: Final[Units] = ((1, 2), (1, 2, 5), (1, 2, 26))


@dataclass(frozen=True)
class Camera:
    """One of a database's cameras. ``later_half``: it recorded the second half of the people only."""

    name: str
    fps: float
    colour: bool = True
    later_half: bool = False


@dataclass(frozen=True)
class Layout:
    """A database's way of laying things out.

    ``emotions``: the action units each is performed with, and how often it comes among ten clips. ``subjects`` and
    ``clips`` (a person) are about those of the database. ``number``: of the first person. ``face_px``: width of the
    faces in a frame of 640x480. ``around``: frames kept before the onset and after the offset.
    """

    name: str
    emotions: Mapping[str, tuple[Units, int]]
    subjects: int
    clips: int
    cameras: tuple[Camera, ...]
    face_px: tuple[float, float]
    number: int = 1
    around: int = 0


LAYOUTS: Final = {
    layout.name: layout
    for layout in (
        Layout(
            "casme2",
            {
                "others": (((14,), (17,), (20,), (23,)), 4),
                "disgust": (((4,), (4, 7), (4, 9), (9, 10), (10,)), 3),
                "happiness": (_HAPPY, 1),
                "repression": (((15,), (15, 17)), 1),
                "surprise": (_SURPRISED, 1),
            },
            *(26, 10, (Camera("", 200.0),), (200.0, 260.0)),
        ),
        Layout(
            "smic",
            {
                "negative": (((4,), (4, 7), (4, 9), (9, 10), (10,), (15,), (14,)), 4),
                "positive": (_HAPPY, 3),
                "surprise": (_SURPRISED, 3),
            },
            *(16, 10),
            (Camera("HS", 100.0), Camera("VIS", 25.0, later_half=True), Camera("NIR", 25.0, False, True)),
            (170.0, 210.0),
        ),
        Layout(
            "samm",
            {
                "Anger": (((4,), (4, 7), (4, 23)), 3),
                "Other": (((17,), (20,), (23,)), 2),
                "Happiness": (_HAPPY, 2),
                "Surprise": (_SURPRISED, 1),
                "Contempt": (((14,),), 1),
                "Disgust": (((9,), (9, 10), (10,)), 1),
            },
            *(29, 5, (Camera("", 200.0, colour=False),), (240.0, 320.0)),
            number=6,
            around=40,
        ),
    )
}


@dataclass(frozen=True)
class Rendering:
    """What to render. ``subjects`` people with ``clips`` each; ``images`` cropped or raw (SAMM has raw ones alone);
    ``errata``: with the official tables' mistakes, for the people there are. ``intensity``: displacements are so many
    times those of micro-expressions (1 to 2.6 px of a face 200 px wide); 4 is an ordinary expression.
    """

    layout: Layout
    subjects: int
    clips: int
    seed: int = 0
    images: str = "cropped"
    errata: bool = False
    intensity: float = 1.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.intensity <= MOST_INTENSITY:
            raise InputError(f"--intensity {self.intensity:g}: choose 0.1 to {MOST_INTENSITY:g}")
        if self.images not in ("cropped", "raw"):
            raise InputError(f"--images {self.images!r}: choose cropped or raw")

    @property
    def words(self) -> str:
        """All of it in a line."""
        images = "raw" if self.layout.name == "samm" else self.images
        mistakes = "with" if self.errata else "without"
        return (
            f"Layout {self.layout.name}, {self.subjects} people, {self.clips} clips each, seed {self.seed}, "
            f"{images} images, {mistakes} the official table's known mistakes, intensity {self.intensity:g}"
        )


@dataclass(frozen=True)
class _Take:
    """One clip as performed and as it will be called."""

    subject: int
    name: str
    emotion: str
    performance: Performance


@dataclass(frozen=True)
class _Row:
    """One clip of one camera as written: its annotation, in numbers of its files."""

    camera: str
    take: _Take
    first: int
    onset: int
    apex: int
    offset: int
    last: int


def open_layout(name: str) -> Layout:
    """The layout of this name. InputError with the list of known ones for any other."""
    if name not in LAYOUTS:
        raise InputError(f"unknown layout {name!r}: choose one of {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


def render(
    rendering: Rendering, out: Path, jobs: int = 1, progress: Progress | None = None
) -> dict[str, int]:
    """Render a database into the folder ``out`` and return its numbers of clips by camera ("" for the only one).

    The same rendering gives the same files whatever ``jobs``. The mark that it is rendered is written first, the
    table last. Raises InputError for a folder that is not empty.
    """
    check_name(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not an empty folder: choose another --out, or empty it")
    out.mkdir(parents=True, exist_ok=True)
    write_mark(out, rendering.words)
    numbers = [rendering.layout.number + i for i in range(rendering.subjects)]
    rows: dict[int, list[_Row]] = {}
    for number, made in _persons(rendering, out, numbers, jobs):
        rows[number] = made
        if progress:
            progress(len(rows) * rendering.clips, rendering.subjects * rendering.clips)
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        write_mark(folder, rendering.words)  # it may be copied elsewhere without the rest
    ordered = [row for number in numbers for row in rows[number]]
    _TABLES[rendering.layout.name](rendering, ordered, out)
    return {c.name: sum(row.camera == c.name for row in ordered) for c in rendering.layout.cameras}


def _persons(
    rendering: Rendering, out: Path, numbers: Sequence[int], jobs: int
) -> Iterator[tuple[int, list[_Row]]]:
    if jobs == 1 or len(numbers) == 1:
        for number in numbers:
            yield _person(rendering, out, number)
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=min(jobs, len(numbers)), return_as="generator_unordered")
    yield from parallel(delayed(_person)(rendering, out, number) for number in numbers)


def _person(rendering: Rendering, out: Path, number: int) -> tuple[int, list[_Row]]:
    """All clips of a person, by every camera that recorded them."""
    cv2.setNumThreads(1)  # the renderer counts on it; people are what runs in parallel
    layout = rendering.layout
    place = number - layout.number
    seed = (0xDB, list(LAYOUTS).index(layout.name), rendering.seed, number)
    rng = np.random.default_rng(seed)
    takes = _takes(rendering, number, rng)
    blinks = [
        blink(rng, take.performance.onset_s + float(rng.uniform(-0.1, 0.3)))
        for take in takes
        if rng.random() < _BLINKS
    ]
    performances = sorted([*(take.performance for take in takes), *blinks], key=lambda p: p.onset_s)
    face = Identity.from_seed(int(np.random.default_rng(seed).integers(1 << 31)), layout.face_px)
    draws = [float(draw) for draw in rng.uniform(0.2, 1.0, 8)]
    begins = rng.integers(10, 300, len(takes)) + 5000 * (layout.name != "casme2")
    rows = []
    for camera in layout.cameras:
        if camera.later_half and place < rendering.subjects // 2:
            continue
        scene = Scene(
            identity=face,
            fps=camera.fps,
            seed=number + 1000 * rendering.seed,
            performances=performances,
            noise=2.5 * draws[0],
            flicker=0.01 * draws[1],
            exposure_drift=0.04 * draws[2],
            light_drift=0.06 * draws[3],
            sway_px=4.0 * draws[4],
            sway_deg=draws[5],
            yaw_px=1.2 * draws[6],
            breathing=0.005 * draws[7],
        )
        renderer = Renderer(scene)
        for take, begin in zip(takes, begins, strict=True):
            rows.append(_film(rendering, out, camera, renderer, take, int(begin)))
    return number, rows


def _takes(rendering: Rendering, number: int, rng: np.random.Generator) -> list[_Take]:
    """A person's clips: emotions in the database's shares, every one there before one repeats more than its share."""
    emotions = rendering.layout.emotions
    bag: list[str] = []
    takes: list[_Take] = []
    for at in range(rendering.clips):
        if not bag:
            once = [str(emotion) for emotion in rng.permutation(list(emotions))]
            again = [emotion for emotion, (_, share) in emotions.items() for _ in range(share - 1)]
            bag = [str(emotion) for emotion in rng.permutation(again)] + once
        emotion = bag.pop()
        units = emotions[emotion][0]
        onset, duration = 0.5 + at * _EVERY_S, float(rng.uniform(0.2, 0.5))
        performance = Performance(
            *("micro", None, units[int(rng.integers(len(units)))]),
            *(onset, onset + duration * float(rng.uniform(0.35, 0.55)), onset + duration),
            amplitude_px=rendering.intensity * float(rng.uniform(1.0, 2.6)),
            asymmetry=float(rng.uniform(-0.15, 0.15)),
        )
        takes.append(_Take(number, _name(rendering, number, at, emotion, takes), emotion, performance))
    return takes


def _name(rendering: Rendering, number: int, at: int, emotion: str, before: Sequence[_Take]) -> str:
    if rendering.layout.name == "samm":
        wrong = {28: "028_4_1", 32: "032_3_1"}.get(number) if rendering.errata and at == 0 else None
        return wrong or f"{number:03d}_{at // 3 + 5}_{at % 3 + 1}"
    if rendering.layout.name == "smic":
        short = {"negative": "ne", "positive": "po", "surprise": "sur"}[emotion]
        return f"s{number}_{short}_{sum(take.emotion == emotion for take in before) + 1:02d}"
    known = [clip for subject, clip, _, _ in _CASME2_ERRATA if subject == number] if rendering.errata else []
    return known[at] if at < len(known) else f"EP{at + 1:02d}_{number:02d}f"


# -- pictures ----------------------------------------------------------------------------------------------------------


def _film(
    rendering: Rendering, out: Path, camera: Camera, renderer: Renderer, take: _Take, begin: int
) -> _Row:
    """Write a clip's frames; the numbers begin with ``begin`` at its onset."""
    marks = frames_of(take.performance, camera.fps)
    assert marks is not None
    onset, apex, offset = marks
    around = rendering.layout.around
    first, last = max(0, onset - around), offset + around
    folder, pattern = _place(rendering, camera, take)
    (out / folder).mkdir(parents=True)
    matrix = None
    if _cropped(rendering):
        eyes = renderer.landmarks(onset)[[INNER_EYE_LEFT, INNER_EYE_RIGHT], :2]
        matrix = similarity_from_eyes(*eyes.astype(np.float64))
    for index in range(first, last + 1):
        image = renderer.frame(index)
        if not camera.colour:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        if matrix is not None:
            image = _crop(image, matrix)
        path = out / folder / pattern.format(begin + index - onset)
        if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 95]):
            raise InputError(f"cannot write {path}: make room, or choose another --out")
    moved = begin - onset
    return _Row(camera.name, take, first + moved, begin, apex + moved, offset + moved, last + moved)


def _cropped(rendering: Rendering) -> bool:
    return rendering.images == "cropped" and rendering.layout.name != "samm"


def _crop(image: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    """340x280, the benchmark's crop at twice its size, as CASME II's are."""
    twice = matrix.copy()
    twice[:, :2] /= 2
    twice[:, 2] -= twice[:, :2] @ (0.5, 0.5)
    size = (2 * CROP_WIDTH, 2 * CROP_HEIGHT)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(image, twice, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _place(rendering: Rendering, camera: Camera, take: _Take) -> tuple[Path, str]:
    """A clip's folder below the database's, and the names of its files."""
    cropped = _cropped(rendering)
    if rendering.layout.name == "casme2":
        kind = "Cropped" if cropped else "CASME2_RAW_selected"
        return Path(kind) / f"sub{take.subject:02d}" / take.name, "reg_img{}.jpg" if cropped else "img{}.jpg"
    if rendering.layout.name == "smic":
        kind = "SMIC_all_cropped" if cropped else "SMIC_all_raw"
        folder = Path(kind) / camera.name / f"s{take.subject}" / "micro" / take.emotion / take.name
        return folder, "reg_image{}.bmp" if cropped else "image{:06d}.bmp"
    return Path(f"{take.subject:03d}") / take.name, f"{take.subject:03d}_{{:05d}}.jpg"


# -- tables ------------------------------------------------------------------------------------------------------------


def _units(take: _Take) -> str:
    return "+".join(str(unit) for unit in take.performance.aus)


def _write(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(path)


# Subject, clip, the mark that is wrong, and what it is a copy of (None: "/").
_CASME2_ERRATA: Final = (
    (4, "EP12_01f", "apex", None),
    (5, "EP09_05f", "apex", "onset"),
    (5, "EP16_04f", "apex", "offset"),
    (12, "EP09_06", "apex", "offset"),
    (20, "EP16_01", "apex", "offset"),
    (25, "EP18_04f", "apex", "offset"),
    (3, "EP01_2", "", None),
    (9, "EP09f", "", None),
    (7, "EP06_02_01", "", None),
)


def _casme2(rendering: Rendering, rows: Sequence[_Row], out: Path) -> None:
    wrong = (
        {(s, clip): (mark, source) for s, clip, mark, source in _CASME2_ERRATA} if rendering.errata else {}
    )
    header = ("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None)
    lines: list[tuple[Any, ...]] = [(*header, "Action Units", "Estimated Emotion")]
    for at, row in enumerate(rows):
        take = row.take
        marks: dict[str, Any] = {"onset": row.onset, "apex": row.apex, "offset": row.offset}
        mark, source = wrong.get((take.subject, take.name), ("", None))
        if mark:
            marks[mark] = marks[source] if source else "/"
        units = "?" if rendering.errata and at % 50 == 7 else _units(take)
        lines.append((f"{take.subject:02d}", take.name, None, *marks.values(), None, units, take.emotion))
    _write(out / "CASME2-coding-20140508.xlsx", lines)


def _smic(rendering: Rendering, rows: Sequence[_Row], out: Path) -> None:
    header = ("Subject", "Filename", "OnsetF", "OffsetF", "FirstF", "LastF", "TotalMF1", "TotalVL", "Emotion")
    for camera in rendering.layout.cameras:
        lines: list[tuple[Any, ...]] = [header]
        for row in rows:
            take = row.take
            if row.camera != camera.name:
                continue
            if rendering.errata and camera.name == "HS" and take.name in ("s1_ne_02", "s2_sur_05"):
                continue
            emotion = "negative" if rendering.errata and take.name == "s18_sur_03" else take.emotion
            length = row.offset - row.onset + 1
            marks = (row.onset, row.offset, row.first, row.last, length, row.last - row.first + 1)
            lines.append((take.subject, take.name, *marks, emotion))
        _write(out / f"SMIC-{camera.name}.xlsx", lines)


def _samm(rendering: Rendering, rows: Sequence[_Row], out: Path) -> None:
    words = [("SAMM Micro-expressions, rendered",), *[(f"about the coding, line {i}",) for i in range(2, 14)]]
    header = (
        *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration"),
        *("Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
    )
    lines: list[tuple[Any, ...]] = [*words, header]
    for at, row in enumerate(rows):
        take = row.take
        apex, units = row.apex, _units(take)
        if rendering.errata:
            apex = row.offset + 500 if take.name in ("028_4_1", "032_3_1") else apex
            units = f"{units} or R14A" if at % 20 == 3 else units
        length = row.offset - row.onset + 1
        marks = (row.onset, apex, row.offset, length, "1/2")
        lines.append((f"{take.subject:03d}", take.name, 1, *marks, units, take.emotion, 1, None))
    _write(out / "SAMM_Micro_FACS_Codes_v2.xlsx", lines)


_TABLES: Final[dict[str, Callable[[Rendering, Sequence[_Row], Path], None]]] = {
    "casme2": _casme2,
    "smic": _smic,
    "samm": _samm,
}
