"""How a dataset is split: which clips train, which are scored, and what must be true of that."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from offline.datasets.class_maps import CLASS_MAPS, ClassMap
from offline.datasets.registry import DATASETS, others, title_of, whose_people
from offline.datasets.samples import Samples, without_motion


class LeakError(InputError):
    """Something of the scored clips would reach the training of the model that scores them."""


@dataclass(frozen=True)
class Split:
    """One fold: its name, and the indices of the samples that train and that are scored."""

    name: str
    train: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True)
class Protocol:
    """A splitter with what it promises.

    ``datasets``: the databases it uses, None for all. ``independent``: no person is on both sides of a split.
    ``make_splits``: of the samples it uses and a seed; a clip that several splits score is given the mean of their
    probabilities, one that none scores is no part of the result. ``class_map``: how emotions become its classes.
    """

    name: str
    title: str
    source: str
    independent: bool
    make_splits: Callable[[Samples, int], list[Split]]
    datasets: tuple[str, ...] | None = None
    class_map: ClassMap = CLASS_MAPS["cde"]

    def prepare(self, samples: Samples) -> Samples:
        """The samples this protocol uses. InputError when there are none of a database it needs, or other classes."""
        if samples.class_map != self.class_map.name:
            raise InputError(
                f"protocol {self.name} needs the classes {', '.join(self.class_map.classes)} of the map "
                f"{self.class_map.name!r}, these samples have those of {samples.class_map!r}: give --data, the videos"
            )
        if self.datasets is not None:
            samples = samples.rows(np.isin(samples.datasets, self.datasets))
        if len(samples) == 0:
            names = ", ".join(title_of(name) for name in self.datasets or ())
            raise InputError(f"protocol {self.name} needs {names}, of which there is no clip in this release")
        return samples

    def splits(self, samples: Samples, seed: int = 0) -> list[Split]:
        """The folds, checked for leaks. InputError (LeakError for a leak) when they cannot be made."""
        splits = self.make_splits(samples, seed)
        for split in splits:
            check_split(samples, split, self.independent)
        return splits


def check_split(samples: Samples, split: Split, independent: bool) -> None:
    """Raise LeakError unless the split keeps its sides apart.

    Refused: a clip on both sides, the same picture under two names on both sides and, for a
    subject-independent protocol, a person on both sides. Clips in which nothing moves are alike without being the
    same. Raises InputError for an empty side.
    """
    if len(split.train) == 0 or len(split.test) == 0:
        side = "train on" if len(split.train) == 0 else "score"
        raise InputError(f"fold {split.name}: no clip to {side}; this release is too small for the protocol")
    both = np.intersect1d(split.train, split.test)
    if len(both):
        raise LeakError(f"leak in fold {split.name}: clip {samples.clips[both[0]]} is trained on and scored")
    people = np.intersect1d(samples.people[split.train], samples.people[split.test])
    if independent and len(people):
        raise LeakError(
            f"leak in fold {split.name}: {people[0]} is on both sides of a subject-independent split"
        )
    still = without_motion(samples.maps)
    train = {_fingerprint(samples.maps[i]): i for i in split.train[~still[split.train]]}
    for i in split.test[~still[split.test]]:
        if (twin := train.get(_fingerprint(samples.maps[i]))) is not None:
            raise LeakError(
                f"leak in fold {split.name}: {samples.clips[i]} (scored) and {samples.clips[twin]} (trained on) "
                "are the same picture"
            )


def _fingerprint(flow_map: NDArray[Any]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(flow_map).tobytes(), digest_size=16).digest()


def _leave_one_out(groups: Callable[[Samples], NDArray[Any]]) -> Callable[[Samples, int], list[Split]]:
    def make(samples: Samples, seed: int) -> list[Split]:
        keys = groups(samples)
        return [
            Split(str(key), np.flatnonzero(keys != key), np.flatnonzero(keys == key))
            for key in np.unique(keys)
        ]

    return make


def _clip_keys(samples: Samples) -> NDArray[Any]:
    return np.char.add(np.char.add(samples.people, "/"), samples.clips.astype(str))


def _holdout_database(samples: Samples, seed: int) -> list[Split]:
    names = np.unique(samples.datasets)
    if len(names) < 2:
        raise InputError(
            "protocol hde trains on other databases than it scores: it needs two, this release has one"
        )
    return _leave_one_out(lambda s: s.datasets)(samples, seed)


def _k_fold(folds: int) -> Callable[[Samples, int], list[Split]]:
    def make(samples: Samples, seed: int) -> list[Split]:
        """Clips dealt out at random, class by class, so that every fold has its share of each."""
        rng = np.random.default_rng(seed)
        fold = np.empty(len(samples), np.int64)
        dealt = 0
        for label in range(len(samples.classes)):
            members = rng.permutation(np.flatnonzero(samples.labels == label))
            fold[members] = (np.arange(len(members)) + dealt) % folds
            dealt += len(members)
        return [
            Split(f"fold-{k + 1}", np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)
        ]

    return make


def _from_source(source: str, target: str, folds: int = 5) -> Callable[[Samples, int], list[Split]]:
    def make(samples: Samples, seed: int) -> list[Split]:
        """Each training has all but a fifth of the source, dealt out class by class; each is scored on the target."""
        inside = np.flatnonzero(samples.datasets == source)
        test = np.flatnonzero(samples.datasets == target)
        for name, found in ((source, inside), (target, test)):
            if len(found) == 0:
                raise InputError(f"{title_of(name)} is missing: this protocol goes from {source} to {target}")
        parts = _k_fold(folds)(samples.rows(inside), seed)
        return [
            Split(f"{source}-to-{target}-{k}", inside[part.train], test) for k, part in enumerate(parts, 1)
        ]

    return make


_SUBJECTS = _leave_one_out(lambda samples: samples.people)
_COMPOSITE: Final = ("casme2", "smic", "samm")
# Paper 002, table 10.
_CDMER: Final = (
    ("smic", "smic-vis"),
    ("smic-vis", "smic"),
    ("smic", "smic-nir"),
    ("smic-nir", "smic"),
    ("smic-vis", "smic-nir"),
    ("smic-nir", "smic-vis"),
    ("casme2", "smic"),
    ("smic", "casme2"),
    ("casme2", "smic-vis"),
    ("smic-vis", "casme2"),
    ("casme2", "smic-nir"),
    ("smic-nir", "casme2"),
)


def _loso_composite(dataset: str) -> Protocol:
    """Within one database, with the classes of the composite."""
    title = f"leave one subject out within {title_of(dataset)}"
    return Protocol(f"loso-{dataset}", title, "paper 002, table 5", True, _SUBJECTS, (dataset,))


def _loso(name: str, dataset: str, class_map: str, source: str) -> Protocol:
    chosen = CLASS_MAPS[class_map]
    title = f"leave one subject out within {title_of(dataset)}, {len(chosen.classes)} classes"
    return Protocol(name, title, source, True, _SUBJECTS, (dataset,), chosen)


def _cdmer(number: int, source: str, target: str) -> Protocol:
    same_people = whose_people(source) == whose_people(target)
    return Protocol(
        f"cdmer-{number}",
        f"trained on {title_of(source)}, scored on {title_of(target)}: five trainings on four fifths of the source, "
        "their scores averaged" + ("; the cameras share people" if same_people else ""),
        f"CDMER (Zong et al.); paper 002, table 10, experiment {number}",
        not same_people,
        _from_source(source, target),
        (source, target),
        CLASS_MAPS["cdmer"],
    )


PROTOCOLS: Final = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "cde",
            "composite database evaluation: leave one subject out over all databases",
            "MEGC 2019; papers 001-002",
            True,
            _SUBJECTS,
            _COMPOSITE,
        ),
        Protocol(
            "hde",
            "holdout database evaluation: trained on the other databases, scored on the one left",
            "paper 001, table III",
            True,
            _holdout_database,
            _COMPOSITE,
        ),
        *(_loso_composite(dataset) for dataset in DATASETS),
        _loso("loso-casme2-5", "casme2", "five", "papers 002-004"),
        _loso("loso-samm-5", "samm", "samm-five", "paper 004, table III"),
        _loso("loso-casme2-4", "casme2", "four", "paper 002, table 5"),
        _loso("loso-samm-4", "samm", "four", "paper 002, table 5"),
        *(_cdmer(number, *pair) for number, pair in enumerate(_CDMER, 1)),
        Protocol(
            "lovo",
            "leave one video out: the same people are in training and test, so no figure for unseen people",
            "CASME II's own baseline",
            False,
            _leave_one_out(_clip_keys),
            _COMPOSITE,
        ),
        Protocol(
            "lovo-casme2-5",
            "leave one video out within CASME II, 5 classes: no figure for unseen people",
            "Yan et al., PLoS ONE 2014; paper 000",
            False,
            _leave_one_out(_clip_keys),
            ("casme2",),
            CLASS_MAPS["five"],
        ),
        Protocol(
            "kfold",
            "5 folds over clips: the same people are in training and test, so no figure for unseen people",
            "paper 002, table 8",
            False,
            _k_fold(5),
            _COMPOSITE,
        ),
    )
}


def names() -> tuple[str, ...]:
    """The protocols there are, those within databases of other packages last."""
    return (*PROTOCOLS, *(f"loso-{name}" for name in others()))


def open_protocol(name: str) -> Protocol:
    """The protocol of this name. InputError with the list of known ones for any other."""
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    if name not in names():
        raise InputError(f"unknown protocol {name!r}: choose one of {', '.join(names())}")
    return _loso_composite(name.removeprefix("loso-"))
