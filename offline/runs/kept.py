"""A run's folder: whose it is, the folds that are finished, the training curve."""

import io
import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.files import write_bytes
from offline.datasets.samples import Samples
from offline.runs.fold import FoldResult
from offline.runs.plan import Plan, Task
from offline.writing import cannot_write


def file_name(name: str) -> str:
    """A fold's name as part of a file's."""
    plain = "".join(c if c.isalnum() or c in "-." else "_" for c in name)
    return plain if plain == name else f"{plain}-{sha256(name.encode()).hexdigest()[:6]}"


def claim(out: Path, samples: Samples, plan: Plan) -> None:
    """Make ``out`` this run's folder; InputError when it is another's or cannot be one."""
    digest = sha256(samples.maps.tobytes() + samples.labels.tobytes() + "\n".join(samples.people).encode())
    identity = {**plan.identity(), "data": digest.hexdigest()}
    try:
        (out / "folds").mkdir(parents=True, exist_ok=True)
        file = out / "run.json"
        if not file.exists():
            write_bytes(file, (json.dumps(identity, indent=1) + "\n").encode())
            return
        there = json.loads(file.read_text())
    except ValueError:
        raise InputError(f"{out / 'run.json'} is damaged: choose another --out, or remove this one") from None
    except OSError as error:
        raise cannot_write(out, error, "nothing was run") from None
    differing = [key for key in identity if there.get(key) != identity[key]]
    if differing:
        what = ", ".join(
            f"{key} {there.get(key)!s:.12} instead of {identity[key]!s:.12}" for key in differing
        )
        raise InputError(f"{out} holds another run ({what}): choose another --out, or remove it")


def save_fold(path: Path, result: FoldResult) -> None:
    """Keep a fold, the whole file or none of it. Raises OSError."""
    buffer = io.BytesIO()
    arrays: dict[str, NDArray[Any]] = {
        "probabilities": result.probabilities,
        "history": result.history,
        "seconds": np.array(result.seconds),
    }
    if result.watched is not None:
        arrays["watched"] = result.watched
    np.savez(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def load_fold(task: Task, classes: int, audit: bool) -> FoldResult | None:
    """A kept fold; None when there is none, it is damaged, or it lacks what an audit needs."""
    try:
        with np.load(task.file, allow_pickle=False) as kept:
            result = FoldResult(
                kept["probabilities"],
                kept["watched"] if audit and "watched" in kept else None,
                kept["history"],
                float(kept["seconds"]),
            )
            if audit and "watched" not in kept and len(result.history):
                return None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return result if result.probabilities.shape == (len(task.split.test), classes) else None


def save_curves(out: Path, tasks: list[Task], results: dict[Path, FoldResult]) -> None:
    """Write training.csv, loss and accuracy of each epoch, means over folds. Raises OSError."""
    histories = [results[task.file].history for task in tasks if len(results[task.file].history)]
    if not histories:
        return
    # Folds that early stopping ended are no part of the mean of later epochs.
    whole = np.full((len(histories), max(map(len, histories)), 2), np.nan)
    for row, history in zip(whole, histories, strict=True):
        row[: len(history)] = history
    mean = np.nanmean(whole, 0)
    lines = ["epoch,training_loss,training_accuracy"]
    lines += [f"{epoch},{loss:.6f},{accuracy:.6f}" for epoch, (loss, accuracy) in enumerate(mean, 1)]
    write_bytes(out / "training.csv", ("\n".join(lines) + "\n").encode())
