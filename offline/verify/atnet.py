"""HOOF and LBP-TOP features of all 442 clips by paper 001's authors, through its polynomial SVM: tables II and III.

`atn/hoof.zip` and `atn/lbp-top.zip` hold a MATLAB file for each setting and clip, such as
`HOOF_TIM10_4/Features/casme2-sub01-EP02_01f.mat`; the classes are those of STSTNet's log, of the same 442 clips.
"""

import io
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from offline.datasets.sheets import digits
from offline.metrics import score
from offline.papers.paper_001 import TABLES
from offline.training.pairwise_svm import PairwiseSVM
from offline.verify.check import Artefacts, Check, figures, skipped
from offline.verify.logs import DATASETS, read_log

Key = tuple[str, int, str]

# The archive and its folder of each row of the tables, by the recogniser that stands for the row.
_FOLDERS: Final = {
    f"{ours}{n}-tim{count}": (archive, f"{theirs}_TIM{count}_{'333_' * (theirs == 'LBPTOP')}{n}")
    for ours, archive, theirs in (("lbp-top-p", "lbp-top.zip", "LBPTOP"), ("hoof-n", "hoof.zip", "HOOF"))
    for count in (10, 64)
    for n in (4, 8)
}
_SLIP: Final = (
    "the rest of the row is equal, no other class of a single clip gives it: a slip of the print or its scan"
)
_SOLVER: Final = (
    "the rest of the row is equal, one SAMM clip taken for the other wrong class gives it: another solver"
)
# Figures that the features do not give, though they give the others of their rows, and the reason found.
_APART: Final = {
    ("II", "lbp-top-p8-tim64", "SAMM UF1"): _SOLVER,
    ("II", "hoof-n8-tim10", "Full UAR"): _SLIP,
    ("II", "hoof-n8-tim10", "SMIC UF1"): _SLIP,
    ("III", "lbp-top-p4-tim10", "SAMM UAR"): _SLIP,
}
_MOST_BYTES = 1 << 20  # of one file; the authors' have two thousand


def features(artefacts: Artefacts) -> list[Check]:
    """Each row of both tables that the features give."""
    name = "paper 001, tables II and III"
    log = artefacts.folder / "ststnet" / "STSTNet_logfile.txt"
    if not log.is_file():
        return [skipped(name, f"{log}, which has the classes,")]
    truth = read_log(log)
    classes = {_key(*key): int(label) for key, label in zip(truth.keys, truth.truth, strict=True)}
    checks = []
    for archive in sorted({archive for archive, _ in _FOLDERS.values()}, reverse=True):
        path = artefacts.folder / "atn" / archive
        if not path.is_file():
            checks.append(skipped(f"{name}, {path.stem}", path))
            continue
        with _opened(path) as packed:
            for model, (holder, folder) in _FOLDERS.items():
                if holder == archive:
                    checks += _rows(model, *_vectors(packed, path, folder, classes))
    return checks


def _key(dataset: str, subject: str, clip: str) -> Key:
    return dataset, digits(subject) or 0, clip


def _rows(model: str, keys: list[Key], X: NDArray[np.float64], y: NDArray[np.int64]) -> list[Check]:
    datasets = np.array([dataset for dataset, _, _ in keys])
    people = np.array([f"{dataset} {subject}" for dataset, subject, _ in keys])
    checks = []
    for table, groups in zip(TABLES, (people, datasets), strict=True):
        (row,) = (row for row in table.rows if row.model == model)
        predicted = _left_out(X, y, groups)
        ours = {}
        for column in table.columns:
            of = np.isin(datasets, DATASETS if column.of == "full" else (column.of,))
            ours[column.heading] = getattr(score(y[of], predicted[of], 3), column.metric)
        theirs = dict(zip(ours, row.values, strict=True))
        checks += _compared(table.number, row.title, model, theirs, ours)
    return checks


def _compared(
    table: str, title: str, model: str, theirs: dict[str, Any], ours: dict[str, float]
) -> list[Check]:
    name = f"paper 001, table {table}, {title}"
    apart = {heading: why for (t, m, heading), why in _APART.items() if (t, m) == (table, model)}
    same = {heading: theirs[heading] for heading in ours if heading not in apart}
    why = "the authors' features through our polynomial SVM" + "; without " * bool(apart) + ", ".join(apart)
    return [
        figures(name, same, ours, why, 3),
        *(
            Check(
                f"{name}: {heading}",
                theirs[heading],
                round(ours[heading], 3),
                "skipped",
                f"cannot be equal: {why}",
            )
            for heading, why in apart.items()
        ),
    ]


def _left_out(X: NDArray[np.float64], y: NDArray[np.int64], groups: NDArray[Any]) -> NDArray[np.int64]:
    """The prediction of every clip by a machine that has not seen its group."""
    predicted = np.zeros(len(y), np.int64)
    for group in np.unique(groups):
        out = groups == group
        predicted[out] = PairwiseSVM().fit(X[~out], y[~out]).predict(X[out])
    return predicted


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"cannot read {path}: {error}; copy it again") from None


def _vectors(
    packed: zipfile.ZipFile, path: Path, folder: str, classes: dict[Key, int]
) -> tuple[list[Key], NDArray[np.float64], NDArray[np.int64]]:
    """Clips, float64 (N, D) and int64 (N,) of a setting. InputError where one is missing or unreadable."""
    vectors: dict[Key, NDArray[np.float64]] = {}
    for part in packed.infolist():
        if part.filename.startswith(f"{folder}/") and part.filename.endswith(".mat"):
            names = Path(part.filename).stem.split("-", 2)
            if len(names) == 3:
                vectors[_key(*names)] = _matrix(packed, part, path)
    missing = [key for key in classes if key not in vectors]
    if missing or len({vector.size for vector in vectors.values()}) != 1:
        what = f"no {missing[0]}" if missing else "vectors of several lengths"
        raise InputError(f"{path}, {folder}: {what}; copy it again")
    keys = list(classes)
    return keys, np.stack([vectors[key] for key in keys]), np.array([classes[key] for key in keys])


def _matrix(packed: zipfile.ZipFile, part: zipfile.ZipInfo, path: Path) -> NDArray[np.float64]:
    from scipy.io import loadmat

    try:
        if part.file_size > _MOST_BYTES:
            raise ValueError(f"it unpacks to {part.file_size} bytes")
        held = loadmat(io.BytesIO(packed.read(part)))
        (matrix,) = (value for name, value in held.items() if not name.startswith("__"))
        vector = np.asarray(matrix, np.float64).ravel()
    except Exception as error:  # scipy lets through whatever its reader raises on a damaged file
        raise InputError(f"cannot read {part.filename} in {path}: {error}; copy it again") from None
    if not np.isfinite(vector).all():
        raise InputError(f"{path}: {part.filename} holds values that are no numbers; copy it again")
    return vector
