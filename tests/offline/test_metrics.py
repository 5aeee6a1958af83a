"""Scores against values worked out by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from offline.metrics import bootstrap_uf1, by_subject, compare, confusion_matrix, mcnemar, score, uf1_uar


def test_scores_by_hand():
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predicted = np.array([0, 0, 0, 1, 1, 0, 2, 2])
    result = score(labels, predicted, 3)
    assert result.confusion.tolist() == [[3, 1, 0], [1, 1, 0], [0, 0, 2]]
    assert result.acc == 6 / 8
    assert result.uf1 == pytest.approx((6 / 8 + 2 / 4 + 1) / 3)
    assert result.uar == pytest.approx((3 / 4 + 1 / 2 + 1) / 3)


def test_the_majority_class_scores_what_the_field_says():
    labels = np.repeat([0, 1, 2], [250, 109, 83])
    result = score(labels, np.zeros_like(labels), 3)
    assert result.uf1 == pytest.approx(0.241, abs=5e-4) and result.uar == pytest.approx(1 / 3)


def test_scores_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 3, (2, 200))
    result = score(labels, predicted, 3)
    assert result.uf1 == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert result.uar == pytest.approx(recall_score(labels, predicted, average="macro"))


def test_f1_weighted_by_the_clips_a_class():
    labels, predicted = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 0, 1, 1, 0, 2])
    assert score(labels, predicted, 3).wf1 == pytest.approx(f1_score(labels, predicted, average="weighted"))


def test_a_class_that_nobody_shows_is_left_out():
    result = score(np.array([0, 0, 1]), np.array([0, 2, 1]), 3)
    assert result.uf1 == pytest.approx((2 / 3 + 1) / 2) and result.uar == pytest.approx(0.75)
    with pytest.raises(ValueError, match="no predictions"):
        score(np.array([], int), np.array([], int), 3)


def test_people_add_up_to_everybody():
    rng = np.random.default_rng(1)
    labels, predicted = rng.integers(0, 3, (2, 60))
    people = rng.choice(["a", "b", "c"], 60)
    each = by_subject(labels, predicted, people, 3)
    assert each.shape == (3, 3, 3)
    assert np.array_equal(each.sum(0), confusion_matrix(labels, predicted, 3))


def test_the_interval_holds_the_score_and_widens_with_fewer_people():
    rng = np.random.default_rng(2)

    def interval(people):
        labels = rng.integers(0, 3, people * 8)
        predicted = np.where(rng.random(people * 8) < 0.7, labels, rng.integers(0, 3, people * 8))
        names = np.repeat(np.arange(people), 8).astype(str)
        each = by_subject(labels, predicted, names, 3)
        low, high = bootstrap_uf1(each)
        assert low < uf1_uar(each.sum(0))[0] < high
        assert bootstrap_uf1(each) == (low, high)
        return high - low

    assert interval(8) > 1.5 * interval(100)


def test_two_that_are_alike_do_not_differ_and_a_better_one_does():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 240)
    people = np.repeat(np.arange(30), 8).astype(str)

    def guesses(p):
        return np.where(rng.random(240) < p, labels, (labels + rng.integers(1, 3, 240)) % 3)

    same = compare(labels, guesses(0.7), guesses(0.7), people, 3, resamples=1000)
    better = compare(labels, guesses(0.9), guesses(0.6), people, 3, resamples=1000)
    assert same.p_permutation > 0.05 and same.p_mcnemar > 0.05 and same.ci95[0] < 0 < same.ci95[1]
    assert better.p_permutation < 0.01 and better.p_mcnemar < 0.01 and better.ci95[0] > 0
    nothing = compare(labels, labels, labels, people, 3, resamples=100)
    assert nothing.difference == 0 and nothing.p_permutation == 1 and nothing.p_mcnemar == 1


def test_mcnemar_by_hand():
    only_first, only_second = np.array([True] * 9 + [False] * 1), np.array([False] * 9 + [True])
    assert mcnemar(only_first, only_second) == pytest.approx(2 * (1 + 10) / 2**10)
