"""Chromosomes side by side: order, gaps, names at the centres."""

import numpy as np
import pytest

from gwasbone.errors import InputError
from gwasbone.plots.genome_axis import genome_axis


def _axis(spans):
    chromosome = np.repeat(np.array(list(spans), dtype=np.int16), 2)
    position_bp = np.array([end for span in spans.values() for end in span], dtype=np.int32)
    return genome_axis(chromosome, position_bp), chromosome, position_bp


def test_hand_worked_offsets():
    axis, chromosome, position_bp = _axis(
        {1: (10_000_000, 60_000_000), 23: (5_000_000, 55_000_000)}
    )
    # Two spans of 50 Mb and a gap of 0.6% of their sum.
    np.testing.assert_allclose(axis.place(chromosome, position_bp), [0, 50, 50.6, 100.6])
    labels = axis.labels()
    assert list(labels.values()) == ["1", "X"]
    np.testing.assert_allclose(list(labels), [25, 75.6])


def test_chromosomes_never_overlap_and_keep_their_order():
    rng = np.random.default_rng(1)
    chromosome = rng.integers(1, 24, 5_000).astype(np.int16)
    position_bp = rng.integers(1, 240_000_000, 5_000).astype(np.int32)
    axis = genome_axis(chromosome, position_bp)
    x = axis.place(chromosome, position_bp)
    order = np.lexsort((position_bp, chromosome))
    assert (np.diff(x[order]) >= 0).all()
    ends = [x[chromosome == code].max() for code in range(1, 23)]
    starts = [x[chromosome == code].min() for code in range(2, 24)]
    assert (np.array(starts) > np.array(ends)).all()


def test_one_chromosome_keeps_its_own_positions():
    axis, chromosome, position_bp = _axis({7: (1_000_000, 159_000_000)})
    np.testing.assert_allclose(axis.place(chromosome, position_bp), [1, 159])


def test_a_chromosome_that_is_absent_has_no_place():
    axis, *_ = _axis({1: (1, 1_000_000), 2: (1, 1_000_000)})
    assert np.isnan(axis.place(np.array([9]), np.array([5]))).all()


@pytest.mark.parametrize("code", [0, 26])
def test_codes_outside_the_genome_are_refused(code):
    with pytest.raises(InputError, match="1-25"):
        genome_axis(np.array([1, code]), np.array([1, 1]))
