"""A whole benchmark run: every fold and seed, kept as it finishes, scored when all are there."""

import csv
import errno
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.files import write_bytes
from offline.datasets.samples import Samples, without_motion
from offline.folds import FoldResult, run_fold
from offline.metrics import bootstrap_uf1, by_subject, confusion_matrix, score, uf1_uar
from offline.pretraining import refuse_seen
from offline.protocols import LeakError, Protocol, Split
from offline.published import PUBLISHED_ON, difference, published
from offline.recognisers import Entry, Settings

DASK_TIMEOUT = "10s"
SCORING = "last epoch; nothing is chosen on scored subjects; UF1 and UAR pooled over folds; means over seeds"


@dataclass(frozen=True)
class Plan:
    """What is to be run. ``jobs`` processes on this machine, or a Dask scheduler's address in ``dask``; ``weights`` is
    a file of pretrained ones that every training begins with, ``precision`` that of networks' training.
    """

    protocol: Protocol
    entry: Entry
    seeds: tuple[int, ...] = (0,)
    epochs: int | None = None
    audit: bool = False
    device: str = "cpu"
    jobs: int = 1
    dask: str | None = None
    weights: Path | None = None
    precision: str = "float32"


@dataclass(frozen=True)
class _Task:
    seed: int
    split: Split
    file: Path


# Called with the number of finished and of all folds.
Progress = Callable[[int, int], None]


def run(samples: Samples, plan: Plan, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Run a plan and write results.json, predictions.csv and the folds into ``out``; the results are also
    returned.

    Folds that an earlier, interrupted run of the same plan left in ``out`` are not trained again. Raises
    InputError when ``out`` holds another run, the disk is full (finished folds are kept) or the protocol
    does not fit the data, and LeakError when something would leak.
    """
    samples = plan.protocol.prepare(samples)
    if plan.weights is not None:
        refuse_seen(samples, plan.weights)
    splits = {seed: plan.protocol.splits(samples, seed) for seed in plan.seeds}
    if plan.audit:
        _refuse_repeated(splits[plan.seeds[0]], plan)
    _claim(out, samples, plan)
    tasks = [
        _Task(seed, split, out / "folds" / f"seed{seed}-{_file_name(split.name)}.npz")
        for seed, folds in splits.items()
        for split in folds
    ]
    results: dict[Path, FoldResult] = {}
    for task in tasks:
        if (kept := _load_fold(task, len(samples.classes), plan.audit)) is not None:
            results[task.file] = kept
    todo = [task for task in tasks if task.file not in results]
    if progress:
        progress(len(results), len(tasks))
    for task, result in _results(samples, plan, todo):
        try:
            _save_fold(task.file, result)
        except OSError as error:
            raise _disk(error, out, f"{len(results)} of {len(tasks)} folds are kept") from None
        results[task.file] = result
        if progress:
            progress(len(results), len(tasks))
    if plan.device == "cpu":
        _repeat(samples, plan, tasks[0], results[tasks[0].file])
    probabilities, watched = _gather(samples, plan, tasks, results)
    notes = _odd_trainings(samples, tasks)
    scored = np.unique(np.concatenate([task.split.test for task in tasks]))
    if len(scored) < len(samples):  # the rest only trains
        samples, probabilities = samples.rows(scored), probabilities[:, scored]
    report = _score(samples, plan, splits, probabilities, watched)
    report["notes"] += notes
    if plan.weights is not None:
        report["notes"].append(
            f"trained from the weights {plan.weights.name}, SHA-256 {_digest(plan.weights)[:12]}"
        )
    if plan.precision != "float32":
        report["notes"].append(f"networks trained in {plan.precision}, scored in float32")
    report["seconds"] = round(sum(result.seconds for result in results.values()), 1)
    try:
        write_text(out / "predictions.csv", predictions_csv(samples, plan.seeds, probabilities))
        _save_curves(out, plan, tasks, results)
        write_text(out / "results.json", json.dumps(report, indent=1) + "\n")
    except OSError as error:
        raise _disk(error, out, "all folds are kept") from None
    return report


def _odd_trainings(samples: Samples, tasks: list[_Task]) -> list[str]:
    """Lines about folds that train without a class, and about clips in which nothing moves."""
    there = np.unique(samples.labels)
    without: dict[str, list[str]] = {}
    for task in tasks:
        trained = np.unique(samples.labels[task.split.train])
        missing = [samples.classes[label] for label in np.setdiff1d(there, trained)]
        if len(trained) == 1:
            missing = [""]
        for word in missing:
            without.setdefault(word, []).append(task.split.name)
    lines = []
    for word, folds in without.items():
        what = f"no {word}" if word else "one class alone"
        lines.append(f"{what} to train on in {len(folds)} of {len(tasks)} folds: {_some(folds)}")
    still = np.flatnonzero(without_motion(samples.maps))
    if len(still):
        named = [f"{samples.people[i]} {samples.clips[i]}" for i in still]
        lines.append(
            f"nothing moves in {len(still)} of {len(samples)} clips, used as they are: {_some(named)}"
        )
    return lines


def _some(names: list[str]) -> str:
    return f"{', '.join(names[:3])}{' ...' * (len(names) > 3)}"


def _refuse_repeated(splits: list[Split], plan: Plan) -> None:
    """InputError for an audit of folds that score a clip more than once: there is no one epoch to choose for it."""
    tested = np.concatenate([split.test for split in splits])
    if len(np.unique(tested)) < len(tested):
        raise InputError(
            f"--audit is not for {plan.protocol.name}, which scores each clip several times: leave it out"
        )


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is either the old one or the whole new one."""
    write_bytes(path, text.encode())


# -- the folds ---------------------------------------------------------------------------------------------------------


def _arguments(samples: Samples, plan: Plan, task: _Task) -> tuple[Any, ...]:
    """What a worker is given: of the scored side, maps only."""
    settings = Settings(
        len(samples.classes), plan.epochs, task.seed, plan.device, plan.weights, plan.precision
    )
    train, test = task.split.train, task.split.test
    return (
        plan.entry.name,
        settings,
        samples.maps[train],
        samples.labels[train],
        samples.maps[test],
        plan.audit,
    )


def _results(samples: Samples, plan: Plan, todo: list[_Task]) -> Iterator[tuple[_Task, FoldResult]]:
    if not todo:
        return
    if plan.dask is not None:
        yield from _on_dask(samples, plan, todo)
    elif plan.jobs == 1 or len(todo) == 1:
        for task in todo:
            yield task, run_fold(*_arguments(samples, plan, task))
    else:
        yield from _on_processes(samples, plan, todo)


def _numbered(number: int, arguments: tuple[Any, ...]) -> tuple[int, FoldResult]:
    return number, run_fold(*arguments)


def _on_processes(samples: Samples, plan: Plan, todo: list[_Task]) -> Iterator[tuple[_Task, FoldResult]]:
    from joblib import Parallel, delayed

    parallel = Parallel(
        n_jobs=min(plan.jobs, len(todo)), return_as="generator_unordered", pre_dispatch="n_jobs"
    )
    work = (delayed(_numbered)(i, _arguments(samples, plan, task)) for i, task in enumerate(todo))
    for number, result in parallel(work):
        yield todo[number], result


def _on_dask(samples: Samples, plan: Plan, todo: list[_Task]) -> Iterator[tuple[_Task, FoldResult]]:
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise InputError("--dask needs Dask: install apexcam[cluster]") from None
    try:
        client = distributed.Client(plan.dask, timeout=DASK_TIMEOUT)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {plan.dask}: {error}; start one, or leave --dask out"
        ) from None
    with client:
        futures = {
            client.submit(run_fold, *_arguments(samples, plan, task), pure=False): task for task in todo
        }
        for future, result in distributed.as_completed(futures, with_results=True):
            yield futures[future], result


def _repeat(samples: Samples, plan: Plan, task: _Task, before: FoldResult) -> None:
    """Train the first fold once more, after all the others: a recogniser that carries something over is
    caught here.
    """
    again = run_fold(*_arguments(samples, plan, task)[:-1])
    if not np.allclose(again.probabilities, before.probabilities, atol=1e-4):
        raise LeakError(
            f"leak: fold {task.split.name} predicts otherwise when trained again after the others; "
            "something carries over from fold to fold (or the training is not reproducible)"
        )


# -- what is kept ------------------------------------------------------------------------------------------------------


def _file_name(name: str) -> str:
    plain = "".join(c if c.isalnum() or c in "-." else "_" for c in name)
    return plain if plain == name else f"{plain}-{sha256(name.encode()).hexdigest()[:6]}"


def _claim(out: Path, samples: Samples, plan: Plan) -> None:
    """Make ``out`` this run's folder; InputError when it is another's or cannot be one."""
    digest = sha256(samples.maps.tobytes() + samples.labels.tobytes() + "\n".join(samples.people).encode())
    identity = {
        "protocol": plan.protocol.name,
        "model": plan.entry.name,
        "epochs": plan.epochs if plan.epochs is not None else plan.entry.epochs,
        "device": plan.device,
        "data": digest.hexdigest(),
        "weights": None if plan.weights is None else _digest(plan.weights),
        "precision": None if plan.precision == "float32" else plan.precision,
    }
    try:
        (out / "folds").mkdir(parents=True, exist_ok=True)
        claim = out / "run.json"
        if not claim.exists():
            write_text(claim, json.dumps(identity, indent=1) + "\n")
            return
        there = json.loads(claim.read_text())
    except ValueError:
        raise InputError(f"{out / 'run.json'} is damaged: choose another --out, or remove this one") from None
    except OSError as error:
        raise _disk(error, out, "nothing was run") from None
    differing = [key for key in identity if there.get(key) != identity[key]]
    if differing:
        what = ", ".join(
            f"{key} {there.get(key)!s:.12} instead of {identity[key]!s:.12}" for key in differing
        )
        raise InputError(f"{out} holds another run ({what}): choose another --out, or remove it")


def _digest(weights: Path) -> str:
    try:
        return sha256(weights.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read the weights {weights}: {error.strerror or error}") from None


def _disk(error: OSError, out: Path, kept: str) -> InputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(f"the disk of {out} is full; {kept}: make room and give the same command again")
    return InputError(f"cannot write to {out}: {error.strerror or error}; {kept}")


def _save_fold(path: Path, result: FoldResult) -> None:
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


def _load_fold(task: _Task, classes: int, audit: bool) -> FoldResult | None:
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


def _save_curves(out: Path, plan: Plan, tasks: list[_Task], results: dict[Path, FoldResult]) -> None:
    histories = [results[task.file].history for task in tasks if len(results[task.file].history)]
    if not histories:
        return
    mean = np.mean(histories, 0)
    lines = ["epoch,training_loss,training_accuracy"]
    lines += [f"{epoch},{loss:.6f},{accuracy:.6f}" for epoch, (loss, accuracy) in enumerate(mean, 1)]
    write_text(out / "training.csv", "\n".join(lines) + "\n")


# -- scoring -----------------------------------------------------------------------------------------------------------


def _gather(
    samples: Samples, plan: Plan, tasks: list[_Task], results: dict[Path, FoldResult]
) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    """Probabilities (seeds, N, C) and, when audited, what each epoch said, (seeds, E, N), in the order of
    samples. A clip that several folds score has the mean of what they say, one that none scores has nan.
    """
    place = {seed: i for i, seed in enumerate(plan.seeds)}
    total = np.zeros((len(plan.seeds), len(samples), len(samples.classes)), np.float32)
    times = np.zeros((len(plan.seeds), len(samples), 1), np.float32)
    watched: NDArray[np.int64] | None = None
    for task in tasks:
        result = results[task.file]
        total[place[task.seed], task.split.test] += result.probabilities
        times[place[task.seed], task.split.test] += 1
        if result.watched is not None:
            if watched is None:
                watched = np.zeros((len(plan.seeds), len(result.watched), len(samples)), np.int64)
            watched[place[task.seed]][:, task.split.test] = result.watched
    return np.where(times > 0, total / np.maximum(times, 1), np.float32(np.nan)), watched


def _score(
    samples: Samples,
    plan: Plan,
    splits: dict[int, list[Split]],
    probabilities: NDArray[np.float32],
    watched: NDArray[np.int64] | None,
) -> dict[str, Any]:
    predicted = probabilities.argmax(2)
    sets = {"full": np.ones(len(samples), bool)}
    sets |= {name: samples.datasets == name for name in dict.fromkeys(samples.datasets.tolist())}
    metrics = {name: metrics_of(samples.rows(mask), predicted[:, mask]) for name, mask in sets.items()}
    report: dict[str, Any] = {
        "protocol": plan.protocol.name,
        "model": plan.entry.name,
        "scoring": SCORING,
        "seeds": list(plan.seeds),
        "epochs": plan.epochs if plan.epochs is not None else plan.entry.epochs,
        "n_samples": len(samples),
        "n_subjects": len(np.unique(samples.people)),
        "classes": list(samples.classes),
        "notes": list(samples.notes),
        "seconds": 0.0,
        "metrics": metrics,
    }
    if samples.rendered:
        report["rendered"] = list(samples.rendered)
    if not plan.protocol.independent:
        report["notes"].append("the same person trains and is scored: no figure for strangers")
    if watched is not None:
        report["audit"] = audit(samples, splits, plan.seeds, watched, metrics["full"])
    paper = published(plan.entry.name, plan.protocol.name)
    if paper is not None and not samples.rendered:
        if len(samples) != PUBLISHED_ON:
            report["notes"].append(
                f"the published figures are of {PUBLISHED_ON} clips, these of {len(samples)}: "
                "differences are of methods and of data"
            )
        report["paper"] = {**paper, "difference": difference(metrics, paper)}
    return report


def metrics_of(samples: Samples, predicted: NDArray[Any]) -> dict[str, Any]:
    """Scores of predictions (seeds, N): means over seeds, the confusion matrix summed over them, UF1's
    interval.
    """
    classes = len(samples.classes)
    each = [score(samples.labels, row, classes) for row in predicted]
    people = np.stack([by_subject(samples.labels, row, samples.people, classes) for row in predicted])
    return {
        "n_samples": len(samples),
        "acc": _mean([s.acc for s in each]),
        "f1": _mean([s.f1 for s in each]),
        "wf1": _mean([s.wf1 for s in each]),
        "uf1": _mean([s.uf1 for s in each]),
        "uar": _mean([s.uar for s in each]),
        "uf1_ci95": [round(bound, 4) for bound in bootstrap_uf1(people)],
        "uf1_by_seed": [round(s.uf1, 4) for s in each],
        "confusion": np.sum([s.confusion for s in each], 0).tolist(),
    }


def _mean(values: list[float]) -> float:
    return round(float(np.mean(values)), 4)


def audit(
    samples: Samples,
    splits: dict[int, list[Split]],
    seeds: tuple[int, ...],
    watched: NDArray[np.int64],
    honest: dict[str, Any],
) -> dict[str, Any]:
    """What would have been claimed by choosing the epoch on the scored subjects. Never a score of its own.

    Per fold, the epoch of the best accuracy on that very fold's scored clips (the earliest of equals), as
    much published code does; and, milder, the one epoch for all folds that has the best UF1.
    """
    classes = len(samples.classes)
    best, common = [], []
    for place, seed in enumerate(seeds):
        chosen = np.empty(len(samples), np.int64)
        for split in splits[seed]:
            right = (watched[place][:, split.test] == samples.labels[split.test]).mean(1)
            chosen[split.test] = watched[place][int(right.argmax()), split.test]
        best.append(score(samples.labels, chosen, classes))
        every = np.stack([confusion_matrix(samples.labels, row, classes) for row in watched[place]])
        common.append(float(uf1_uar(every)[0].max()))
    claimed = {
        "acc_best_epoch": _mean([s.acc for s in best]),
        "uf1_best_epoch": _mean([s.uf1 for s in best]),
        "uar_best_epoch": _mean([s.uar for s in best]),
        "uf1_best_common_epoch": _mean(common),
    }
    claimed["uf1_inflation"] = round(claimed["uf1_best_epoch"] - honest["uf1"], 4)
    claimed["uar_inflation"] = round(claimed["uar_best_epoch"] - honest["uar"], 4)
    return claimed


def predictions_csv(samples: Samples, seeds: tuple[int, ...], probabilities: NDArray[np.float32]) -> str:
    """One line a seed and clip: seed, dataset, subject, clip, label, predicted, one probability column a
    class.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["seed", "dataset", "subject", "clip", "label", "predicted", *samples.classes])
    for place, seed in enumerate(seeds):
        for i, row in enumerate(probabilities[place]):
            writer.writerow(
                [
                    seed,
                    samples.datasets[i],
                    samples.subjects[i],
                    samples.clips[i],
                    samples.classes[samples.labels[i]],
                    samples.classes[int(row.argmax())],
                    *(f"{p:.6f}" for p in row),
                ]
            )
    return text.getvalue()
