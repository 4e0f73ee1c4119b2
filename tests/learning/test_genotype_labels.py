"""Dosages to classes: hard calls, merging, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from gwasbone.errors import InputError, UsageError
from gwasbone.learning.genotype_labels import genotype_labels, hard_calls


def test_hard_calls_are_near_a_whole_number():
    given = [0, 0.1, 0.11, 0.89, 0.9, 1.1, 1.5, 1.9, 2, np.nan]
    expected = [0, 0, np.nan, np.nan, 1, 1, np.nan, 2, 2, np.nan]
    np.testing.assert_array_equal(hard_calls(given), expected)
    for wrong in (-9, 3):
        with pytest.raises(InputError, match=f"from 0 to 2, got {wrong}"):
            hard_calls([0, wrong])


def made(*counts):
    return np.repeat([0.0, 1, 2], counts)


def test_three_classes_where_each_has_enough():
    labels = genotype_labels(np.append(made(50, 40, 10), [np.nan, 0.5]), least=10)
    assert (labels.status, labels.classes) == ("ok", ((0,), (1,), (2,)))
    assert labels.counts == (50, 40, 10)
    assert labels.maf == pytest.approx(0.3)
    assert labels.n_uncertain == 1
    np.testing.assert_array_equal(labels.label, labels.copies)
    assert np.isnan(labels.label[-2:]).all()
    assert not labels.is_rare


def test_too_few_homozygotes_join_the_heterozygotes():
    labels = genotype_labels(made(50, 40, 9), least=10)
    assert labels.classes == ((0,), (1, 2))
    np.testing.assert_array_equal(labels.label, labels.copies > 0)
    # the same with the alleles exchanged, order kept
    flipped = genotype_labels(2 - made(50, 40, 9), least=10)
    assert flipped.classes == ((0, 1), (2,))
    np.testing.assert_array_equal(flipped.label, 1 - labels.label)
    assert flipped.maf == pytest.approx(labels.maf)


def test_what_cannot_be_learned_has_a_name():
    assert genotype_labels(made(90, 9, 0), least=10).status == "too_few_in_class"
    assert genotype_labels(made(90, 0, 0), least=10).status == "too_few_in_class"
    assert genotype_labels([np.nan, 0.5], least=10).status == "no_genotypes"
    assert genotype_labels(made(9900, 100, 1), least=10).is_rare
    with pytest.raises(UsageError, match="at least 1, got 0"):
        genotype_labels(made(9, 9, 9), least=0)
