"""Two scans meet variant by variant, whichever allele is the effect allele."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError
from gwasbone.sumstats.align import pair_scans


def scan(rows: list[tuple[int, int, str, str, float]]) -> pd.DataFrame:
    """A table of (chromosome, position, other allele, effect allele, beta); s.e. is 0.1."""
    names = ["chromosome", "base_pair_location", "other_allele", "effect_allele", "beta"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(
        standard_error=0.1,
        neg_log_10_p_value=table["beta"].abs() * 10,
        n=100,
        effect_allele_frequency=0.2,
    )


def test_hand_worked_join() -> None:
    a = scan([(1, 10, "A", "G", 0.5), (1, 20, "A", "G", 0.2), (1, 30, "C", "T", 0.1)])
    b = scan(
        [
            (1, 10, "G", "A", -0.4),  # the other way round: the same effect
            (1, 20, "A", "C", 0.3),  # another allele
            (1, 30, "C", "T", 0.6),
            (2, 30, "C", "T", 0.7),
        ]
    )
    paired = pair_scans(a, b)
    assert paired.table["base_pair_location"].tolist() == [10, 30]
    assert paired.table["beta_a"].tolist() == [0.5, 0.1]
    assert paired.table["beta_b"].tolist() == [0.4, 0.6]
    np.testing.assert_allclose(paired.table["z_b"], [4, 6])
    np.testing.assert_allclose(paired.table["effect_allele_frequency_b"], [0.8, 0.2])
    assert (paired.n_swapped, paired.n_only_a, paired.n_only_b) == (1, 1, 2)


def test_a_variant_that_a_scan_has_not_tested_is_left_out_and_counted() -> None:
    a = scan([(1, 10, "A", "G", 0.5), (1, 20, "A", "G", 0.2)])
    b = a.assign(neg_log_10_p_value=[np.nan, 3.0])
    paired = pair_scans(a, b)
    assert (len(paired.table), paired.n_untested, paired.n_only_a) == (1, 1, 0)


def test_the_short_way_for_scans_of_the_same_variants_gives_the_same() -> None:
    rng = np.random.default_rng(1)
    alleles = rng.permuted(np.tile(list("ACGT"), (300, 1)), axis=1)[:, :2]
    position = np.sort(rng.choice(100_000, 300, replace=False))
    rows = [(1, int(p), a, b, 0.1) for p, (a, b) in zip(position, alleles, strict=True)]
    a = scan(rows)
    b = a.assign(beta=rng.normal(size=300), neg_log_10_p_value=rng.exponential(size=300))
    short = pair_scans(a, b).table
    longer = pair_scans(a, pd.concat([b, scan([(2, 5, "A", "C", 1.0)])], ignore_index=True))
    pd.testing.assert_frame_equal(short, longer.table)
    assert longer.n_only_b == 1


def test_alleles_the_other_way_round_change_signs_only() -> None:
    rng = np.random.default_rng(2)
    rows = [(1, i, "A", "G", float(rng.normal())) for i in range(1, 200)]
    a, b = scan(rows), scan(rows).assign(beta=rng.normal(size=199))
    flipped = b.rename(
        columns={"effect_allele": "other_allele", "other_allele": "effect_allele"}
    ).assign(beta=-b["beta"], effect_allele_frequency=1 - b["effect_allele_frequency"])
    paired = pair_scans(a, flipped)
    pd.testing.assert_frame_equal(paired.table, pair_scans(a, b).table)
    assert paired.n_swapped == 199


def test_a_variant_given_both_ways_round_pairs_once() -> None:
    a = scan([(1, 10, "A", "G", 0.5)])
    b = scan([(1, 10, "G", "A", -0.1), (1, 10, "A", "G", 0.4)])
    paired = pair_scans(a, b)
    assert paired.table["beta_b"].tolist() == [0.4]
    assert (paired.n_only_a, paired.n_only_b, paired.n_swapped) == (0, 1, 0)


def test_scans_that_share_nothing_are_refused() -> None:
    a = scan([(1, 10, "A", "G", 0.5)])
    with pytest.raises(InputError, match="are they on one build"):
        pair_scans(a, a.assign(base_pair_location=11))
    with pytest.raises(InputError, match=r"scan B: .* no beta"):
        pair_scans(a, a.drop(columns="beta"))
