"""Splits keep their promise, and a leak does not pass."""

import numpy as np
import pytest

from engines.errors import InputError
from offline.protocols import PROTOCOLS, LeakError, Split, check_split, open_protocol


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_clip_is_scored_once_and_never_trained_on_by_the_model_that_scores_it(samples, name):
    protocol = open_protocol(name)
    used = protocol.prepare(samples)
    splits = protocol.splits(used, seed=1)
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(len(used)))
    for split in splits:
        assert set(split.train) | set(split.test) == set(range(len(used)))
        assert not set(split.train) & set(split.test)
        if protocol.independent:
            assert not set(used.people[split.train]) & set(used.people[split.test])


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


def test_what_cannot_be_split_is_refused(samples):
    with pytest.raises(InputError, match="needs two"):
        open_protocol("hde").splits(samples.rows(samples.datasets == "smic"))
    with pytest.raises(InputError, match="needs SAMM, of which there is no clip"):
        open_protocol("loso-samm").prepare(samples.rows(samples.datasets == "smic"))
    with pytest.raises(InputError, match="no clip to train on"):
        open_protocol("cde").splits(samples.rows(samples.subjects == "s01"))
    with pytest.raises(InputError, match="choose one of cde, hde"):
        open_protocol("loto")
