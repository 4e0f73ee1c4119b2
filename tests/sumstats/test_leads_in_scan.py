"""Which variants of a scan a table of leads names."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gwasbone.sumstats.leads import leads_in_scan


def scan() -> pd.DataFrame:
    rows = [
        (1, 5, "A", "G", 2.0), (1, 5, "A", "T", 30.0), (1, 9, "C", "A", 4.0), (2, 5, "C", "G", 7.0),
        (2, 8, "A", "C", np.nan),
    ]  # fmt: skip
    names = ["chromosome", "base_pair_location", "other_allele", "effect_allele"]
    return pd.DataFrame(rows, columns=[*names, "neg_log_10_p_value"])


def marked(**leads: object) -> list[tuple[int, int, str, str]]:
    found = leads_in_scan(pd.DataFrame(leads), scan())
    names = ["chromosome", "base_pair_location", "effect_allele", "gene"]
    return list(found[names].itertuples(index=False, name=None))


def test_by_alleles_in_either_order_and_on_either_strand():
    found = marked(
        chromosome=[1, 1, 2], base_pair_location=[5, 9, 5], other_allele=["C", "T", "G"],
        effect_allele=["T", "G", "C"], gene=["X", "Y", "Z"],
    )  # fmt: skip
    assert found == [(1, 5, "G", "X"), (1, 9, "A", "Y"), (2, 5, "G", "Z")]


def test_without_alleles_the_strongest_of_the_position():
    assert marked(chromosome=[1], base_pair_location=[5], gene=["X"]) == [(1, 5, "T", "X")]


def test_a_row_without_alleles_among_others_goes_by_its_position():
    found = marked(
        chromosome=[1, 2, 1], base_pair_location=[5, 5, 9], other_allele=["A", None, "A"],
        effect_allele=["G", None, "T"], gene=["X", "Y", "Z"],
    )  # fmt: skip
    assert found == [(1, 5, "G", "X"), (2, 5, "G", "Y")]


def test_an_untested_variant_is_no_lead():
    assert marked(chromosome=[2], base_pair_location=[8], gene=["X"]) == []
