"""Concordance over ordered classes: by hand, against DeLong's area, and its intervals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gwasbone.errors import InputError
from gwasbone.stats.concordance import compare_concordance, concordance
from gwasbone.stats.roc import area_under_curve, compare_paired_auc


def made(seed=1, n=200, classes=3, signal=0.6):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n).astype(float)
    return y, np.round(signal * y + rng.normal(size=n), 1), rng.integers(0, 4, n)


def counted(y, score, group):
    """Pair by pair, as the definition says."""
    good = pairs = 0.0
    for i, j in itertools.permutations(range(len(y)), 2):
        if group[i] == group[j] and y[i] > y[j]:
            pairs += 1
            good += (score[i] > score[j]) + 0.5 * (score[i] == score[j])
    return good / pairs, pairs


def test_it_is_the_share_of_pairs():
    y, score, group = made(n=60)
    for of in (np.zeros(60), group):
        found = concordance(y, score, group=of)
        share, pairs = counted(y, score, of)
        assert found.estimate == pytest.approx(share, abs=1e-12)
        assert found.n_pairs == pairs
    # by hand: of the pairs (1, 0), (2, 0), (2, 1) the first two are right and the third is a tie
    assert concordance([0, 1, 2], [0, 5, 5]).estimate == pytest.approx(2.5 / 3)


def test_two_classes_are_delong():
    y, score, _ = made(classes=2)
    ours, theirs = concordance(y, score), area_under_curve(y, score, scale="logit")
    for name, other in (("estimate", "auc"), ("se", "se"), ("lower", "lower"), ("upper", "upper")):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, other), rel=1e-10)
    other = score + np.random.default_rng(3).normal(size=len(y))
    ours, theirs = compare_concordance(y, score, other), compare_paired_auc(y, score, other)
    for name in ("difference", "se", "lower", "upper"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-9)


def test_invariants():
    y, score, group = made()
    found = concordance(y, score, group=group)
    assert concordance(y, np.exp(score), group=group).estimate == found.estimate
    flipped = concordance(2 - y, score, group=group)
    assert flipped.estimate == pytest.approx(1 - found.estimate)
    assert flipped.se == pytest.approx(found.se)
    # a level that belongs to the group changes nothing, since pairs are within groups
    assert concordance(y, score + 100 * group, group=group) == found
    order = np.random.default_rng(2).permutation(len(y))
    again = concordance(y[order], score[order], group=group[order])
    assert again.se == pytest.approx(found.se)
    holes = np.append(score, np.nan)
    assert concordance(np.append(y, 1), holes, group=np.append(group, 0)) == found


def test_the_interval_covers():
    """The truth of normal scores at three levels, in 400 draws of 120 people in four folds."""
    rng = np.random.default_rng(11)
    p, step = np.array([0.5, 0.4, 0.1]), 0.7
    big_y = rng.choice(3, 200_000, p=p)
    truth = concordance(big_y, step * big_y + rng.normal(size=len(big_y))).estimate
    covered = 0
    for _ in range(400):
        y = rng.choice(3, 120, p=p)
        one = concordance(y, step * y + rng.normal(size=120), group=rng.integers(0, 4, 120))
        covered += one.lower <= truth <= one.upper
    # 3 standard errors of a share of 0.95 in 400 draws
    assert abs(covered / 400 - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 400)


def test_what_cannot_be_compared_is_said():
    with pytest.raises(InputError, match="samples of two classes in a group"):
        concordance([1, 1, 0], [1, 2, 3], group=[0, 0, 1])
    with pytest.raises(InputError, match=r"one length, got \[2, 3\]"):
        concordance([1, 0, 0], [1, 2])
    assert concordance([0, 1], [1, 2]).lower == 1
