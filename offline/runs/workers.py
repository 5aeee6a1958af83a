"""The folds of a run, trained here, in processes of this machine or on a Dask cluster."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from engines.errors import InputError
from offline.datasets.samples import Samples
from offline.protocols import LeakError
from offline.runs.fold import FoldResult, run_fold
from offline.runs.plan import Plan, Task

DASK_TIMEOUT = "10s"


def _arguments(samples: Samples, plan: Plan, task: Task) -> tuple[Any, ...]:
    """What a worker is given: of the scored side, maps only."""
    training = replace(plan.training, seed=task.seed, protocol=plan.protocol.name)
    train, test = task.split.train, task.split.test
    return (
        plan.entry.name,
        len(samples.classes),
        training,
        samples.maps[train],
        samples.labels[train],
        samples.maps[test],
        plan.audit,
        samples.people[train],
    )


def results(samples: Samples, plan: Plan, todo: list[Task]) -> Iterator[tuple[Task, FoldResult]]:
    """Each task with its result, as it is done. Raises InputError where no Dask scheduler answers."""
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


def _on_processes(samples: Samples, plan: Plan, todo: list[Task]) -> Iterator[tuple[Task, FoldResult]]:
    from joblib import Parallel, delayed

    parallel = Parallel(
        n_jobs=min(plan.jobs, len(todo)), return_as="generator_unordered", pre_dispatch="n_jobs"
    )
    work = (delayed(_numbered)(i, _arguments(samples, plan, task)) for i, task in enumerate(todo))
    for number, result in parallel(work):
        yield todo[number], result


def _on_dask(samples: Samples, plan: Plan, todo: list[Task]) -> Iterator[tuple[Task, FoldResult]]:
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


def repeat_first(samples: Samples, plan: Plan, task: Task, before: FoldResult) -> None:
    """Train the first fold once more, after all the others: a recogniser that carries something over is
    caught here.
    """
    again = run_fold(*_arguments(samples, replace(plan, audit=False), task))
    if not np.allclose(again.probabilities, before.probabilities, atol=1e-4):
        raise LeakError(
            f"leak: fold {task.split.name} predicts otherwise when trained again after the others; "
            "something carries over from fold to fold (or the training is not reproducible)"
        )
