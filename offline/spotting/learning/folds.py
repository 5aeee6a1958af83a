"""Networks for people left out, and those for everybody: each kept as it finishes."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
import torch

from engines.code import code_digest
from engines.errors import InputError
from engines.files import write_bytes
from offline.progress import Progress
from offline.spotting.batch import Tick, each
from offline.spotting.learning.network import SpottingNetwork
from offline.spotting.learning.scoring import Scored, score
from offline.spotting.learning.sources import Subject, load
from offline.spotting.learning.training import lessons_of, train
from offline.writing import writing


@dataclass(frozen=True)
class Recorded:
    """A recording that lies in a file, and who is in it; ``key`` is of its content."""

    name: str
    person: str
    real: bool
    file: Path
    key: str

    def subject(self) -> Subject:
        """Read it. Raises InputError where the file has gone."""
        recording = load(self.file)
        if recording is None:
            raise InputError(f"{self.file} is damaged or gone: run the same command again")
        return Subject(self.name, self.person, self.real, recording)


@dataclass(frozen=True)
class Training:
    """Networks to be trained, one a seed, on everybody but the people left out, who are then scored."""

    recorded: tuple[Recorded, ...]
    left_out: tuple[str, ...]
    epochs: int
    seeds: tuple[int, ...]

    def key(self) -> str:
        """Changes with everything the result depends on."""
        rows = [[one.key, one.name, one.person, one.real] for one in self.recorded]
        content = msgspec.json.encode([code_digest(__name__), rows, self.left_out, self.epochs, self.seeds])
        return sha256(content).hexdigest()[:24]


class Trained(msgspec.Struct, frozen=True):
    """Trained networks: the ``weights`` of each by name, and how they did together on the people left out."""

    key: str
    weights: tuple[dict[str, list[float]], ...]
    scored: tuple[Scored, ...]

    def networks(self) -> list[SpottingNetwork]:
        """The networks, ready to answer."""
        return [_with(weights) for weights in self.weights]


def _with(weights: dict[str, list[float]]) -> SpottingNetwork:
    network = SpottingNetwork()
    shapes = {name: values.shape for name, values in network.state_dict().items()}
    network.load_state_dict(
        {name: torch.tensor(values).reshape(shapes[name]) for name, values in weights.items()}
    )
    return network.eval()


def groups(seconds: dict[str, float], count: int) -> list[tuple[str, ...]]:
    """People in so many groups of about the same time on screen, or each alone where ``count`` is 0 or too many."""
    if not 0 < count < len(seconds):
        return [(person,) for person in sorted(seconds)]
    found: list[list[str]] = [[] for _ in range(count)]
    for person in sorted(seconds, key=lambda p: (-seconds[p], p)):
        min(found, key=lambda group: sum(seconds[p] for p in group)).append(person)
    return [tuple(sorted(group)) for group in found]


def run(training: Training, tick: Tick | None = None) -> Trained:
    """Train on everybody but the people left out, and score those."""
    subjects = [one.subject() for one in training.recorded]
    known = [one for one in subjects if one.person not in training.left_out]
    lessons = lessons_of(known)
    members = [train(lessons, training.epochs, seed, tick) for seed in training.seeds]
    scored = tuple(score(members, one) for one in subjects if one.person in training.left_out)
    weights = tuple(
        {name: values.flatten().tolist() for name, values in member.state_dict().items()}
        for member in members
    )
    return Trained(training.key(), weights, scored)


def run_all(
    trainings: Sequence[Training], folder: Path, jobs: int, progress: Progress | None = None
) -> list[Trained]:
    """Run trainings, ``jobs`` at a time, in their order; what ``folder`` holds already is not run again.
    ``progress`` counts epochs.

    Raises InputError where a result cannot be kept.
    """
    keys = [training.key() for training in trainings]
    done = {key: kept for key in keys if (kept := _load(folder, key)) is not None}
    todo = [training for training, key in zip(trainings, keys, strict=True) if key not in done]
    total = sum(training.epochs * len(training.seeds) for training in trainings)
    before = total - sum(training.epochs * len(training.seeds) for training in todo)

    def keep(trained: Trained) -> None:
        done[trained.key] = trained
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_bytes(folder / f"{trained.key}.msgpack", msgspec.msgpack.encode(trained))

    def show(epochs: int) -> None:
        if progress:
            progress(min(before + epochs, total), total)

    show(0)
    each(run, todo, jobs, keep, show)
    return [done[key] for key in keys]


def _load(folder: Path, key: str) -> Trained | None:
    try:
        return msgspec.msgpack.decode((folder / f"{key}.msgpack").read_bytes(), type=Trained)
    except (OSError, msgspec.DecodeError):
        return None
