"""Clumping a scan with a cohort: what is matched, counted and refused."""

import logging

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

from gwasbone.association.results import AssociationResults
from gwasbone.cohort.read import read_genotypes
from gwasbone.errors import InputError, UsageError
from gwasbone.loci.clump import clump as clump_scan

A, B = [2, 2, 2, 2, 0, 0, 0, 0], [2, 0, 0, 2, 2, 2, 0, 0]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Five variants on chromosome 4 (two of one ID), one on Y; IDs of which one is '.'."""
    prefix = tmp_path_factory.mktemp("clump") / "made"
    to_bed(
        f"{prefix}.bed",
        np.array([A, A, B, A, B, A], dtype=np.float32).T,
        properties={
            "iid": [f"p{i}" for i in range(8)], "fid": ["f"] * 8, "sex": [2] * 8,
            "chromosome": ["4"] * 5 + ["24"],
            "bp_position": [1000, 2000, 3000, 4000, 400_000, 5_000_000],
            "sid": ["rs1", "rs2", ".", "rs4", "rs5", "rsY"],
            "allele_1": ["G"] * 6, "allele_2": ["A"] * 6,
        },
    )  # fmt: skip
    return read_genotypes(bfile=str(prefix), build="GRCh37")


def scan(rows):
    names = [
        "chromosome",
        "base_pair_location",
        "other_allele",
        "effect_allele",
        "neg_log_10_p_value",
    ]
    return pd.DataFrame(rows, columns=names)


def clump(*args, **rule):
    """Clumps by PLINK's own defaults."""
    return clump_scan(*args, **{"p1": 1e-4, "r2": 0.5} | rule)


SCAN = [
    (4, 1000, "A", "G", 400.0),
    (4, 2000, "G", "A", 3.0),
    (4, 3000, "A", "G", 5.0),
    (4, 4000, "A", "G", 0.5),
    (4, 4000, "A", "T", 9.0),
    (4, 9000, "A", "G", 1.0),
    (4, 400_000, "A", "G", np.nan),
    (24, 5_000_000, "A", "G", 20.0),
]


def test_index_variants_members_and_counts(cohort, caplog):
    with caplog.at_level(logging.INFO, logger="gwasbone"):
        found = clump(scan(SCAN), cohort)
    table = found.table
    assert table["variant"].tolist() == ["rs1", "4:3000:A:G"]
    assert table["neg_log_10_p_value"].tolist() == [400.0, 5.0]
    assert table["members"].tolist() == ["rs2", ""]
    assert table["n_members"].tolist() == [1, 0]
    assert table["n_linked"].tolist() == [2, 0]
    assert table["span_kb"].tolist() == [1.001, 0.001]
    assert table[["start_bp", "end_bp"]].to_numpy().tolist() == [[1000, 2000], [3000, 3000]]
    assert (found.n_used, found.n_untested, found.n_absent, found.n_absent_below_p1) == (4, 1, 3, 2)
    assert "cannot be the index of a clump (Y:5000000" in caplog.text
    members = found.members
    assert members[["clump", "variant", "effect_allele"]].to_numpy().tolist() == [[0, "rs2", "A"]]
    assert "4 variants of the scan have genotypes, 3 have none" in caplog.text
    assert "2 variants with p <= p1 are not in the genotypes" in caplog.text


def test_order_of_the_scan_does_not_matter(cohort):
    one = clump(scan(SCAN), cohort)
    other = clump(scan(SCAN[::-1]), cohort)
    pd.testing.assert_frame_equal(one.table, other.table)


def test_excluded_variants_and_people_do_not_count(cohort):
    without = np.arange(6) == 0
    found = clump(scan(SCAN), cohort.exclude_variants("t", "x", without, description=""))
    assert found.table["variant"].tolist() == ["4:3000:A:G"]
    # among these four A and B are the same
    few = cohort.exclude_people("t", "x", ~np.isin(np.arange(8), [0, 3, 6, 7]), description="")
    assert clump(scan(SCAN), few).table["members"].tolist() == ["rs2,4:3000:A:G"]


def test_no_clump_is_an_empty_table(cohort):
    found = clump(scan(SCAN[:3]), cohort, p1=1e-300, p2=1e-290).table
    assert found["variant"].tolist() == ["rs1"]
    found = clump(scan(SCAN[1:3]), cohort, p1=1e-6)
    assert found.table.empty
    assert found.members.empty
    assert list(found.table)[-1] == "members"


def test_results_of_a_run_need_a_trait_and_the_build_of_the_genotypes(cohort):
    table = scan(SCAN[:3]).assign(
        source_id=".", n=8, effect_allele_frequency=0.5, call_rate=1.0, beta=0.1,
        standard_error=0.1, statistic=1.0, dof=6.0, test="linear", status="",
    )  # fmt: skip
    two = AssociationResults.from_tables({"a": table, "b": table}, build="GRCh37", provenance={})
    assert len(clump(two, cohort, trait="b").table) == 2
    with pytest.raises(UsageError, match="one of a, b"):
        clump(two, cohort)
    with pytest.raises(UsageError, match="expected one of the traits a, b, got"):
        clump(two, cohort, trait="c")
    other = AssociationResults.from_tables({"a": table}, build="GRCh38", provenance={})
    with pytest.raises(UsageError, match="GRCh38"):
        clump(other, cohort)


def test_scans_that_cannot_be_clumped_are_refused(cohort):
    with pytest.raises(InputError, match="expected neg_log_10_p_value"):
        clump(scan(SCAN).drop(columns="neg_log_10_p_value"), cohort)
    with pytest.raises(InputError, match="none of the 1 variants"):
        clump(scan([(5, 1000, "A", "G", 9.0)]), cohort)


def test_of_a_variant_in_two_rows_the_more_significant_is_clumped(cohort, caplog):
    weaker = (*SCAN[0][:-1], SCAN[0][-1] - 1)
    found = clump(scan([weaker, *SCAN]), cohort)
    pd.testing.assert_frame_equal(found.table, clump(scan(SCAN), cohort).table)
    assert "the same variant again" in caplog.text
