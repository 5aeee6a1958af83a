"""Scores of a finished run: results.json and predictions.csv."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.datasets.samples import Samples
from offline.metrics import bootstrap_uf1, by_subject, confusion_matrix, score, uf1_uar
from offline.protocols import Split
from offline.published import PUBLISHED_ON, difference, published
from offline.runs.fold import FoldResult
from offline.runs.plan import Plan, Task

SCORING = "last epoch; nothing is chosen on scored subjects; UF1 and UAR pooled over folds; means over seeds"
EARLY = (
    "the epoch that early stopping on held-out training people chose; nothing is chosen on scored subjects; "
    "UF1 and UAR pooled over folds; means over seeds"
)
SEVERAL = "; each training is scored by itself and their scores averaged"

# A seed, and which of the trainings that score the same clips, from 1 on.
Round = tuple[int, int]


def rounds_of(plan: Plan, tasks: list[Task]) -> dict[Path, Round]:
    """The round of each task's file: the first that scores a clip under a seed is of training 1, the next of 2."""
    scored: dict[tuple[int, int], int] = {}
    rounds = {}
    for task in tasks:
        training = 1 + max(scored.get((task.seed, clip), 0) for clip in task.split.test.tolist())
        scored |= dict.fromkeys(((task.seed, clip) for clip in task.split.test.tolist()), training)
        rounds[task.file] = (task.seed, training)
    return rounds


def gather(
    samples: Samples, plan: Plan, tasks: list[Task], results: dict[Path, FoldResult]
) -> tuple[list[Round], NDArray[np.float32], NDArray[np.int64] | None]:
    """The rounds, their probabilities (rounds, N, C) and, when audited, what each epoch said, (rounds, E, N), in the
    order of samples. A clip that no fold scores has nan.
    """
    of_task = rounds_of(plan, tasks)
    rounds = sorted(set(of_task.values()), key=lambda each: (plan.seeds.index(each[0]), each[1]))
    place = {each: i for i, each in enumerate(rounds)}
    probabilities = np.full((len(rounds), len(samples), len(samples.classes)), np.nan, np.float32)
    watched: NDArray[np.int64] | None = None
    for task in tasks:
        result, at = results[task.file], place[of_task[task.file]]
        probabilities[at, task.split.test] = result.probabilities
        if result.watched is not None:
            if watched is None:
                watched = np.zeros((len(rounds), len(result.watched), len(samples)), np.int64)
            watched[at][:, task.split.test] = result.watched
    return rounds, probabilities, watched


def score_run(
    samples: Samples,
    plan: Plan,
    splits: dict[int, list[Split]],
    rounds: list[Round],
    probabilities: NDArray[np.float32],
    watched: NDArray[np.int64] | None,
) -> dict[str, Any]:
    """What results.json says of predictions (rounds, N, C), all but how long it took."""
    recipe = plan.recipe
    trainings = max(training for _, training in rounds)
    predicted = probabilities.argmax(2)
    sets = {"full": np.ones(len(samples), bool)}
    sets |= {name: samples.datasets == name for name in dict.fromkeys(samples.datasets.tolist())}
    metrics = {name: metrics_of(samples.rows(mask), predicted[:, mask]) for name, mask in sets.items()}
    report: dict[str, Any] = {
        "protocol": plan.protocol.name,
        "model": plan.entry.name,
        "scoring": (EARLY if recipe is not None and recipe.patience else SCORING) + SEVERAL * (trainings > 1),
        "seeds": list(plan.seeds),
        "epochs": plan.epochs,
        "training": plan.trained(),
        "measured": dict(samples.measured),
        "n_samples": len(samples),
        "n_subjects": len(np.unique(samples.people)),
        "classes": list(samples.classes),
        "notes": list(samples.notes),
        "seconds": 0.0,
        "metrics": metrics,
    }
    if trainings > 1:
        report["trainings"] = trainings
        together = probabilities.reshape(-1, trainings, *probabilities.shape[1:]).mean(1).argmax(2)
        report["ensemble"] = {
            "what": f"the probabilities of the {trainings} trainings averaged: no score of the paper's protocol",
            "metrics": {
                name: metrics_of(samples.rows(mask), together[:, mask]) for name, mask in sets.items()
            },
        }
    if samples.rendered:
        report["rendered"] = list(samples.rendered)
    if not plan.protocol.independent:
        report["notes"].append("the same people are in training and test: no figure for unseen people")
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
    """Scores of predictions (rounds, N): means over them, the confusion matrix summed over them, UF1's interval."""
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


def predictions_csv(samples: Samples, rounds: Sequence[Round], probabilities: NDArray[np.float32]) -> str:
    """One line a seed and clip: seed, dataset, subject, clip, label, predicted, one probability column a class.

    Where several trainings score the same clips, a line for each, and a last column that counts them.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    several = ["training"] if any(training > 1 for _, training in rounds) else []
    writer.writerow(["seed", "dataset", "subject", "clip", "label", "predicted", *samples.classes, *several])
    for place, (seed, training) in enumerate(rounds):
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
                    *([training] if several else []),
                ]
            )
    return text.getvalue()
