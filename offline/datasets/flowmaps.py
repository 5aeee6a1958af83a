"""The released 28x28 flow maps of CASME II, SMIC-HS and SAMM (the STSTNet authors' TV-L1 maps, as HTNet
passes them on).
 Layout: ``combined_3_class2_for_optical_flow.csv`` (dataset, sub, filename_o, label, ...) beside
``STSNet_whole_norm_u_v_os/<sub>_<filename_o> .png``, the space before the dot included. Each PNG is uint8
28x28, RGB = u, v, optical strain, stretched to 0..255 per image and per channel. The full release is 442
clips of 68 subjects; a partial one is accepted, and said. The MEGC's own table, ``combined_3class_gt.csv`` without a
header, will do as well.
"""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.delimited import rows_of
from engines.errors import InputError
from engines.files import check_name
from engines.labels import CLASSES
from engines.series import hidden
from offline.datasets.registry import title_of
from offline.datasets.samples import Samples

TABLE: Final = "combined_3_class2_for_optical_flow.csv"
MEGC_TABLE: Final = "combined_3class_gt.csv"
FOLDER: Final = "STSNet_whole_norm_u_v_os"
COLUMNS: Final = ("dataset", "sub", "filename_o", "label")


@dataclass(frozen=True)
class Expected:
    """What the full release holds of one database: clips by class (negative, positive, surprise) and
    subjects.
    """

    counts: tuple[int, int, int]
    subjects: int

    @property
    def clips(self) -> int:
        """Clips in all."""
        return sum(self.counts)


# MEGC 2019 (See et al., FG 2019, table I); paper 002, table 9
FULL: Final = {
    "casme2": Expected((88, 32, 25), 24),
    "smic": Expected((70, 51, 43), 16),
    "samm": Expected((92, 26, 15), 28),
}


def load_flowmaps(directory: Path) -> Samples:
    """Every clip of the release in ``directory``, in the order of its table.

    Raises InputError for: no table or folder, missing columns, an unknown dataset or label, duplicate
    clips, a subject without clips, missing or unreadable pictures (named), a wrong shape, channels in
    another order.
    """
    rows = _read_table(directory)
    maps = np.stack([_read_map(_find_picture(directory, row)) for row in rows])
    _check_channels(maps, directory)
    datasets = np.array([row["dataset"] for row in rows])
    samples = Samples(
        maps,
        np.array([int(row["label"]) for row in rows], np.int64),
        datasets,
        np.array([row["sub"] for row in rows]),
        np.array([row["filename_o"] for row in rows]),
    )
    return Samples(
        samples.maps,
        samples.labels,
        samples.datasets,
        samples.subjects,
        samples.clips,
        notes=(*_compare_with_full(samples), *_unlisted(directory, rows)),
        measured={"input": "flow-map", "released": True},
    )


def _read_table(directory: Path) -> list[dict[str, str]]:
    tables = [path for name in (TABLE, MEGC_TABLE) if (path := directory / name).is_file()]
    table = tables[0] if tables else directory / TABLE
    if not tables or not (directory / FOLDER).is_dir():
        missing = FOLDER + "/" if tables else TABLE
        raise InputError(
            f"{directory} is not a flow-map release: {missing} is missing; give the folder that holds "
            f"{TABLE} and {FOLDER}/"
        )
    try:
        lines = rows_of(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table} cannot be read as a table: {error}; copy it again") from None
    if lines and len(lines[0][1]) == len(COLUMNS) and lines[0][1][0].strip() in FULL:
        lines.insert(0, (0, list(COLUMNS)))  # the MEGC's own table has no header
    header = lines[0][1] if lines else []
    if absent := [column for column in COLUMNS if column not in header]:
        raise InputError(f"{table}: no column {', '.join(absent)}; it needs {', '.join(COLUMNS)}")
    places = {column: header.index(column) for column in COLUMNS}
    numbers, rows = [], []
    for line, cells in lines[1:]:
        numbers.append(line)
        rows.append({c: cells[at].strip() if at < len(cells) else "" for c, at in places.items()})
    if not rows:
        raise InputError(f"{table} has no rows")
    seen: dict[tuple[str, str, str], int] = {}
    for line, row in zip(numbers, rows, strict=True):
        where = f"{table}, line {line}"
        if row["dataset"] not in FULL:
            raise InputError(f"{where}: unknown dataset {row['dataset']!r}; known: {', '.join(FULL)}")
        if row["dataset"] == "samm":
            row["sub"] = row["sub"].zfill(3)  # spreadsheets eat the zeros of 006
        if not row["filename_o"]:
            raise InputError(
                f"{where}: subject {row['sub'] or '(unnamed)'} has no clip; remove the line or name it"
            )
        if not row["sub"]:
            raise InputError(f"{where}: clip {row['filename_o']} has no subject")
        name = f"{row['sub']}_{row['filename_o']}"
        if Path(name).name != name or len(name.encode("utf-8", "replace")) > 200:
            raise InputError(f"{where}: {name[:50]!r} is no name of a picture")
        if row["label"] not in {str(i) for i in range(len(CLASSES))}:
            raise InputError(
                f"{where}: label {row['label']!r} of {row['sub']} {row['filename_o']} is outside the map: "
                + ", ".join(f"{i} {word}" for i, word in enumerate(CLASSES))
            )
        clip = (row["dataset"], row["sub"], row["filename_o"])
        if clip in seen:
            raise InputError(
                f"{where}: clip {' '.join(clip)} is there twice, first on line {seen[clip]}; remove one"
            )
        seen[clip] = line
    missing_files = [picture.name for row in rows if not (picture := _find_picture(directory, row)).is_file()]
    if missing_files:
        more = f" and {len(missing_files) - 5} more" if len(missing_files) > 5 else ""
        raise InputError(
            f"{directory / FOLDER}: {len(missing_files)} of {len(rows)} pictures are missing: "
            f"{', '.join(repr(name) for name in missing_files[:5])}{more}"
        )
    return rows


def _find_picture(directory: Path, row: dict[str, str]) -> Path:
    released = directory / FOLDER / f"{row['sub']}_{row['filename_o']} .png"
    tidied = released.with_name(f"{row['sub']}_{row['filename_o']}.png")
    return tidied if tidied.is_file() and not released.is_file() else released


def _read_map(picture: Path) -> NDArray[Any]:
    """Float32 (3, 28, 28) in 0..1: u, v, strain."""
    try:
        with Image.open(picture) as opened:  # its head alone: a damaged one may promise gigabytes
            width, height = opened.size
            opened.verify()  # a chunk that says it is longer than the file: OpenCV would make room for it
    except Exception:  # Pillow lets through whatever its readers raise on a damaged file
        raise InputError(f"{picture} cannot be read as a picture: copy it again") from None
    if width * height > 1 << 20:
        raise InputError(f"{picture} is {width}x{height} pixels, not 28x28: u, v and strain")
    check_name(picture)
    image = cv2.imread(str(picture), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise InputError(f"{picture} cannot be read as a picture: copy it again")
    if image.shape != (28, 28, 3) or image.dtype != np.uint8:
        raise InputError(f"{picture} is {image.dtype} {image.shape}, not uint8 (28, 28, 3): u, v and strain")
    planes = np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1))  # OpenCV reads RGB as BGR
    flow_map: NDArray[Any] = planes.astype(np.float32) / 255
    return flow_map


def _check_channels(maps: NDArray[Any], directory: Path) -> None:
    """Strain is a magnitude, mostly near zero: on average it is by far the darkest channel, and must be the
    third.
    """
    means = maps.mean((0, 2, 3))
    if len(maps) >= 20 and int(np.argmin(means)) != 2:
        raise InputError(
            f"{directory / FOLDER}: the channels are not RGB = u, v, strain (the darkest is number "
            f"{int(np.argmin(means)) + 1}, strain should be the third): write them in that order"
        )


def _compare_with_full(samples: Samples) -> list[str]:
    notes = []
    for dataset, full in FULL.items():
        mask = samples.datasets == dataset
        if not mask.any():
            notes.append(
                f"partial release: no {title_of(dataset)} ({full.clips} clips, {full.subjects} subjects)"
            )
            continue
        found = Counter(samples.labels[mask].tolist())
        counts = tuple(found[i] for i in range(len(CLASSES)))
        subjects = len(set(samples.subjects[mask].tolist()))
        if counts != full.counts or subjects != full.subjects:
            notes.append(
                f"{title_of(dataset)}: {sum(counts)} clips {'/'.join(map(str, counts))} of {subjects} subjects, "
                f"the full release has {full.clips} {'/'.join(map(str, full.counts))} of {full.subjects}"
            )
    return notes


def _unlisted(directory: Path, rows: list[dict[str, str]]) -> list[str]:
    listed = {_find_picture(directory, row).name for row in rows}
    extra = sorted(
        p.name for p in (directory / FOLDER).glob("*.png") if p.name not in listed and not hidden(p.name)
    )
    return (
        [f"{len(extra)} pictures are not in the table and are left out, such as {extra[0]!r}"]
        if extra
        else []
    )
