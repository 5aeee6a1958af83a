"""Splits keep their promise, and a leak does not pass."""

import numpy as np
import pytest

from engines.errors import InputError
from offline.datasets.registry import DATASETS
from offline.datasets.samples import Samples
from offline.protocols import PROTOCOLS, LeakError, Split, check_split, open_protocol


def of_every_database(class_map):
    """Three people of each database, with two clips a class."""
    rows = [
        (dataset, f"p{person}", f"c{label}{again}", label)
        for dataset in DATASETS
        for person in range(3)
        for label in range(len(class_map.classes))
        for again in range(2)
    ]
    datasets, subjects, clips, labels = zip(*rows, strict=True)
    maps = np.random.default_rng(0).random((len(rows), 4)).astype(np.float32)
    names = (np.array(datasets), np.array(subjects), np.array(clips))
    return Samples(maps, np.array(labels), *names, class_map.classes, (), class_map.name)


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if not name.startswith("cdmer")])
def test_every_clip_is_scored_once_and_never_trained_on_by_the_model_that_scores_it(name):
    protocol = open_protocol(name)
    used = protocol.prepare(of_every_database(protocol.class_map))
    splits = protocol.splits(used, seed=1)
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(len(used)))
    for split in splits:
        assert set(split.train) | set(split.test) == set(range(len(used)))
        assert not set(split.train) & set(split.test)
        if protocol.independent:
            assert not set(used.people[split.train]) & set(used.people[split.test])


def test_cdmer_trains_five_times_on_four_fifths_of_the_source_and_scores_all_of_the_target():
    pairs = set()
    for number in range(1, 13):
        protocol = open_protocol(f"cdmer-{number}")
        used = protocol.prepare(of_every_database(protocol.class_map))
        splits = protocol.splits(used, seed=0)
        ((source,), (target,)) = (set(used.datasets[split]) for split in (splits[0].train, splits[0].test))
        pairs.add((source, target))
        assert len(splits) == 5 and protocol.independent == ("casme2" in (source, target))
        assert all(set(split.test) == set(np.flatnonzero(used.datasets == target)) for split in splits)
        left_out = [set(np.flatnonzero(used.datasets == source)) - set(split.train) for split in splits]
        assert sorted(i for part in left_out for i in part) == sorted(np.flatnonzero(used.datasets == source))
    assert len(pairs) == 12 and {d for pair in pairs for d in pair} == {
        "casme2",
        "smic",
        "smic-vis",
        "smic-nir",
    }
    with pytest.raises(InputError, match="SMIC-VIS is missing"):
        protocol = open_protocol("cdmer-1")
        every = of_every_database(protocol.class_map)
        protocol.splits(protocol.prepare(every.rows(every.datasets == "smic")))


def test_flow_maps_of_three_classes_are_not_taken_for_other_classes(samples):
    for name in ("loso-casme2-5", "cdmer-7", "loso-samm-4"):
        with pytest.raises(InputError, match=r"give --data, the videos"):
            open_protocol(name).prepare(samples)


def test_the_protocols_have_the_folds_they_should(samples):
    def count(name):
        protocol = open_protocol(name)
        return len(protocol.splits(protocol.prepare(samples)))

    assert count("cde") == 7
    assert count("hde") == 3
    assert count("loso-casme2") == 3 and count("loso-samm") == 2
    assert count("lovo") == 28
    assert count("kfold") == 5


def test_people_of_two_databases_with_one_name_are_two_people(samples):
    renamed = samples.subjects.copy()
    renamed[renamed == "s01"] = "sub01"
    samples.subjects[:] = renamed
    assert len(open_protocol("cde").splits(samples)) == 7


def test_folds_over_clips_are_stratified_and_depend_on_the_seed_alone(samples):
    protocol = open_protocol("kfold")
    a, b, c = protocol.splits(samples, 0), protocol.splits(samples, 0), protocol.splits(samples, 1)
    assert all(np.array_equal(x.test, y.test) for x, y in zip(a, b, strict=True))
    assert not all(np.array_equal(x.test, y.test) for x, y in zip(a, c, strict=True))
    sizes = [np.bincount(samples.labels[split.test], minlength=3) for split in a]
    assert np.ptp(sizes, axis=0).max() <= 1


def test_a_person_on_both_sides_is_a_leak(samples):
    first = np.flatnonzero(samples.people == "casme2/sub01")
    split = Split("x", np.arange(first[0] + 1, len(samples)), first[:1])
    with pytest.raises(LeakError, match="casme2/sub01 is on both sides"):
        check_split(samples, split, independent=True)
    check_split(samples, split, independent=False)


def test_a_clip_on_both_sides_is_a_leak_whatever_the_protocol(samples):
    with pytest.raises(LeakError, match="is trained on and scored"):
        check_split(samples, Split("x", np.arange(10), np.arange(9, 14)), independent=False)


def test_one_picture_under_two_names_is_a_leak(samples):
    samples.maps[-1] = samples.maps[0]
    with pytest.raises(LeakError, match="are the same picture"):
        open_protocol("cde").splits(samples)


def test_clips_in_which_nothing_moves_are_no_leak(samples):
    samples.maps[[0, -1]] = 0.0
    assert open_protocol("cde").splits(samples)


def test_what_cannot_be_split_is_refused(samples):
    with pytest.raises(InputError, match="needs two"):
        open_protocol("hde").splits(samples.rows(samples.datasets == "smic"))
    with pytest.raises(InputError, match="needs SAMM, of which there is no clip"):
        open_protocol("loso-samm").prepare(samples.rows(samples.datasets == "smic"))
    with pytest.raises(InputError, match="no clip to train on"):
        open_protocol("cde").splits(samples.rows(samples.subjects == "s01"))
    with pytest.raises(InputError, match="choose one of cde, hde"):
        open_protocol("loto")
