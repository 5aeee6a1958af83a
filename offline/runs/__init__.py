"""A whole benchmark run: every fold and seed, kept as it finishes, scored when all are there."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from engines.errors import InputError
from engines.files import write_bytes
from offline.datasets.samples import Samples, without_motion
from offline.pretraining import refuse_seen
from offline.progress import Progress
from offline.protocols import Split
from offline.runs import workers
from offline.runs.fold import FoldResult
from offline.runs.kept import claim, file_name, load_fold, save_curves, save_fold
from offline.runs.plan import Plan, Task
from offline.runs.scoring import gather, predictions_csv, score_run
from offline.writing import writing


def run(samples: Samples, plan: Plan, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Run a plan and write results.json, predictions.csv and the folds into ``out``; the results are also
    returned.

    Folds that an earlier, interrupted run of the same plan left in ``out`` are not trained again. Raises
    InputError when ``out`` holds another run, the disk is full (finished folds are kept) or the protocol
    does not fit the data, and LeakError when something would leak.
    """
    samples = plan.protocol.prepare(samples)
    if plan.training.weights is not None:
        refuse_seen(samples, plan.training.weights)
    splits = {seed: plan.protocol.splits(samples, seed) for seed in plan.seeds}
    if plan.audit:
        _refuse_repeated(splits[plan.seeds[0]], plan)
    claim(out, samples, plan)
    tasks = [
        Task(seed, split, out / "folds" / f"seed{seed}-{file_name(split.name)}.npz")
        for seed, folds in splits.items()
        for split in folds
    ]
    results: dict[Path, FoldResult] = {}
    for task in tasks:
        if (kept := load_fold(task, len(samples.classes), plan.audit)) is not None:
            results[task.file] = kept
    todo = [task for task in tasks if task.file not in results]
    if progress:
        progress(len(results), len(tasks))
    for task, result in workers.results(samples, plan, todo):
        with writing(out, f"{len(results)} of {len(tasks)} folds are kept"):
            save_fold(task.file, result)
        results[task.file] = result
        if progress:
            progress(len(results), len(tasks))
    if plan.training.device == "cpu":
        workers.repeat_first(samples, plan, tasks[0], results[tasks[0].file])
    rounds, probabilities, watched = gather(samples, plan, tasks, results)
    notes = _odd_trainings(samples, tasks)
    scored = np.unique(np.concatenate([task.split.test for task in tasks]))
    if len(scored) < len(samples):  # the rest only trains
        samples, probabilities = samples.rows(scored), probabilities[:, scored]
    report = score_run(samples, plan, splits, rounds, probabilities, watched)
    report["notes"] += notes + plan.training.notes()
    report["seconds"] = round(sum(result.seconds for result in results.values()), 1)
    with writing(out, "all folds are kept"):
        write_bytes(out / "predictions.csv", predictions_csv(samples, rounds, probabilities).encode())
        save_curves(out, tasks, results)
        write_bytes(out / "results.json", (json.dumps(report, indent=1) + "\n").encode())
    return report


def _odd_trainings(samples: Samples, tasks: list[Task]) -> list[str]:
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
