"""Loci by hand: clumps merged, leads chosen, genes named; by LD and by distance alone."""

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

from gwasbone.association.results import AssociationResults
from gwasbone.cohort.read import read_genotypes
from gwasbone.errors import InputError, UsageError
from gwasbone.genes.bone import bone_genes
from gwasbone.genes.table import Genes
from gwasbone.loci.clump_tables import clump_by_distance
from gwasbone.loci.loci import LOCUS_COLUMNS, find_loci, merge_spans
from gwasbone.loci.options import CLUMP_RULES, ClumpRule, clump_rule
from gwasbone.sumstats.table import COLUMNS

A, B, C = [2, 2, 2, 2, 0, 0, 0, 0], [2, 2, 0, 0, 2, 2, 0, 0], [2, 0, 2, 0, 2, 0, 2, 0]
#: Three uncorrelated signals: A at 1.0 and 1.1 Mb, B at 1.3 and 1.4, C at 2 Mb and on X.
PLACES = [
    (4, 1_000_000, A), (4, 1_100_000, A), (4, 1_300_000, B), (4, 1_400_000, B),
    (4, 2_000_000, C), (23, 5_000_000, C),
]  # fmt: skip


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("loci") / "made"
    to_bed(
        f"{prefix}.bed",
        np.array([calls for _, _, calls in PLACES], dtype=np.float32).T,
        properties={
            "iid": [f"p{i}" for i in range(8)], "fid": ["f"] * 8, "sex": [2] * 8,
            "chromosome": [str(c) for c, _, _ in PLACES],
            "bp_position": [p for _, p, _ in PLACES],
            "sid": [f"rs{i}" for i in range(len(PLACES))],
            "allele_1": ["G"] * len(PLACES), "allele_2": ["A"] * len(PLACES),
        },
    )  # fmt: skip
    return read_genotypes(bfile=str(prefix), build="GRCh37")


def scan(*neg_log10_p):
    return pd.DataFrame(
        {
            "chromosome": [c for c, _, _ in PLACES],
            "base_pair_location": [p for _, p, _ in PLACES],
            "other_allele": "A",
            "effect_allele": "G",
            "source_id": [f"rs{i}" for i in range(len(PLACES))],
            "beta": np.arange(len(PLACES)) / 10,
            "standard_error": 0.5,
            "n": 1_234_567,
            "neg_log_10_p_value": neg_log10_p,
        }
    )


SCAN = scan(9.0, 3.0, 20.0, 4.0, 1.0, 8.0)
GENES = Genes(
    pd.DataFrame(
        [
            (4, 1_290_001, 1_299_999, "-", "LEFT"),
            (4, 1_700_000, 1_800_000, "+", "RIGHT"),
            (4, 1_800_001, 1_900_000, "+", "FAR"),
        ],
        columns=["chromosome", "start_bp", "end_bp", "strand", "name"],
    ).assign(biotype=""),
    "GRCh37",
    "made",
)


@pytest.mark.parametrize(
    ("start", "end", "gap", "expected"),
    [
        ([1, 11], [10, 20], 0, [1, 2]),  # from 10 to 11 is a gap of 1
        ([1, 11], [10, 20], 1, [1, 1]),
        ([1, 10], [10, 20], 0, [1, 1]),
        ([1, 5, 80], [100, 6, 90], 0, [1, 1, 1]),  # the farthest end counts, not the last
        ([50, 1], [60, 10], 39, [2, 1]),
        ([50, 1], [60, 10], 40, [1, 1]),
    ],
)
def test_spans_are_merged_by_their_gap(start, end, gap, expected):
    assert merge_spans([1] * len(start), start, end, gap_bp=gap).tolist() == expected


def test_spans_of_two_chromosomes_never_merge():
    assert merge_spans([2, 1], [1, 1], [9, 9], gap_bp=1e9).tolist() == [2, 1]


def test_merging_equals_connected_spans():
    """Against a reachability search over all pairs."""
    rng = np.random.default_rng(4)
    chromosome, start = rng.integers(1, 4, 60), rng.integers(0, 4000, 60)
    end = start + rng.integers(0, 60, 60)
    near = (chromosome[:, None] == chromosome) & (
        np.maximum(start[:, None], start) - np.minimum(end[:, None], end) <= 15
    )
    reach = np.linalg.matrix_power(near.astype(float), 59) > 0
    got = merge_spans(chromosome, start, end, gap_bp=15)
    assert ((got[:, None] == got) == reach).all()
    assert 5 < got.max() < 50
    order = np.lexsort((start, chromosome))
    assert (np.diff(got[order]) >= 0).all()


def test_loci_by_ld(cohort):
    found = find_loci(SCAN, cohort, genes=GENES, gene_window_kb=400)
    assert found.build == "GRCh37"
    assert not found.by_distance
    assert list(found.table) == list(LOCUS_COLUMNS)
    assert found.clumps["scan"].table["variant"].tolist() == ["rs2", "rs0", "rs5"]
    one, on_x = found.table.to_dict("records")
    # 200 kb lie between 1.1 Mb, the end of the one, and 1.3 Mb, the start of the other
    assert (one["start_bp"], one["end_bp"], one["n_clumps"]) == (1_000_000, 1_400_000, 2)
    assert one["lead_variant_id"] == "4_1300000_A_G"
    assert (one["source_id"], one["beta"], one["standard_error"], one["n"]) == (
        "rs2",
        0.2,
        0.5,
        1_234_567,
    )
    assert (one["effect_allele"], one["other_allele"]) == ("G", "A")
    assert one["neg_log_10_p_value"] == 20
    assert one["nearest_gene"] == "LEFT"
    assert one["distance_to_gene_bp"] == 1
    assert one["distance_to_tss_bp"] == -1
    assert one["strand"] == "-"
    assert one["genes_in_window"] == "LEFT,RIGHT"
    assert one["known_bone_genes"] == "IDUA"  # which truly lies at 4:0.98 Mb
    assert on_x["known_bone_genes"] is None
    assert on_x["lead_variant_id"] == "23_5000000_A_G"
    assert on_x["nearest_gene"] is None
    assert pd.isna(on_x["distance_to_gene_bp"])
    assert on_x["genes_in_window"] is None


def test_clumps_farther_apart_than_merge_kb_are_two_loci(cohort):
    assert len(find_loci(SCAN, cohort, merge_kb=200).table) == 2
    apart = find_loci(SCAN, cohort, merge_kb=199.999).table
    assert apart["lead_variant_id"].tolist() == [
        "4_1000000_A_G", "4_1300000_A_G", "23_5000000_A_G",
    ]  # fmt: skip
    assert apart["locus"].tolist() == [1, 2, 3]


def test_several_scans_share_the_numbers_of_loci(cohort):
    scans = {"one": SCAN, "none": scan(*[1.0] * 6), "two": scan(1.0, 12.0, 1.0, 1.0, 30.0, 1.0)}
    found = find_loci(scans, cohort)
    rows = found.table[["trait", "locus", "n_clumps", "start_bp", "end_bp"]].to_numpy().tolist()
    # the locus is one of both scans; each row has its own scan's clumps
    assert rows == [
        ["one", 1, 2, 1_000_000, 1_400_000],
        ["one", 3, 1, 5_000_000, 5_000_000],
        ["two", 1, 1, 1_100_000, 1_100_000],
        ["two", 2, 1, 2_000_000, 2_000_000],
    ]
    assert list(found.clumps) == ["one", "none", "two"]


def test_results_of_a_run(cohort):
    table = SCAN.reindex(columns=list(COLUMNS)).assign(
        effect_allele_frequency=0.5, call_rate=1.0, statistic=1.0, dof=6.0, test="t", status=""
    )
    results = AssociationResults.from_tables(
        {"bmd": table}, build="GRCh37", provenance={}
    )  # fmt: skip
    assert find_loci(results, cohort).table["trait"].tolist() == ["bmd", "bmd"]
    other = AssociationResults.from_tables({"bmd": table}, build="GRCh38", provenance={})
    with pytest.raises(UsageError, match="scans GRCh38, genotypes GRCh37"):
        find_loci(other, cohort)


def test_a_scan_without_hits_gives_an_empty_table(cohort):
    found = find_loci(scan(*[1.0] * 6), cohort, genes=GENES)
    assert found.table.empty
    assert list(found.table) == list(LOCUS_COLUMNS)


def test_without_genes_columns_are_missing_but_bone_genes_are_known():
    wnt16 = bone_genes("GRCh37").query("gene == 'WNT16'").iloc[0]
    table = SCAN.assign(chromosome=7, base_pair_location=wnt16["start_bp"] + np.arange(6))
    found = find_loci(table, distance_only=True, build="GRCh37").table
    assert found["known_bone_genes"].tolist() == ["WNT16,FAM3C,CPED1"]
    assert found["nearest_gene"].isna().all()
    assert found["distance_to_tss_bp"].isna().all()
    near = find_loci(table, distance_only=True, build="GRCh37", gene_window_kb=1).table
    assert near["known_bone_genes"].tolist() == ["WNT16"]


def test_by_distance_alone_is_clumping_as_if_all_were_linked():
    found = clump_by_distance(SCAN, kb=250)
    table = found.table
    # 1.3 Mb takes 1.1 and 1.4 Mb; 1.0 Mb is left, with nothing that is free
    assert table["variant"].tolist() == ["rs2", "rs0", "rs5"]
    assert table["members"].tolist() == ["rs1,rs3", "", ""]
    assert table["n_linked"].tolist() == [2, 0, 0]
    assert table[["start_bp", "end_bp"]].iloc[0].tolist() == [1_100_000, 1_400_000]
    # nearer than, not as near as
    assert clump_by_distance(SCAN, kb=200).table["members"][0] == "rs3"
    assert clump_by_distance(SCAN, kb=200.001).table["members"][0] == "rs1,rs3"
    wide = clump_by_distance(SCAN, kb=10_000, p2=1e-4).table
    assert wide["variant"].tolist() == ["rs2", "rs5"]
    assert wide["n_members"].tolist() == [1, 0]
    assert wide["n_linked"].tolist() == [4, 0]
    assert found.n_used == 6
    two = pd.concat([SCAN, SCAN.assign(base_pair_location=SCAN["base_pair_location"] + 1)])
    assert set(clump_by_distance(two).table["variant"]) == {
        "4:1300000:A:G", "4:1000000:A:G", "X:5000000:A:G",
    }  # fmt: skip


def test_by_distance_says_so():
    assert find_loci(SCAN, distance_only=True, build="GRCh38").by_distance


def test_named_rules():
    assert clump_rule("loci") == ClumpRule(p1=5e-8, p2=0.01, r2=0.1, kb=250)
    assert clump_rule("instruments") == ClumpRule(p1=5e-8, p2=0.01, r2=0.001, kb=10_000)
    assert clump_rule("plink") == ClumpRule(p1=1e-4, p2=0.01, r2=0.5, kb=250)
    assert set(CLUMP_RULES) == {"loci", "instruments", "plink"}
    with pytest.raises(UsageError, match="loci, instruments, plink"):
        clump_rule("plonk")


def test_what_does_not_fit_is_refused(cohort):
    with pytest.raises(UsageError, match="distance_only"):
        find_loci(SCAN)
    with pytest.raises(UsageError, match="build"):
        find_loci(SCAN, distance_only=True)
    with pytest.raises(UsageError, match="genotypes GRCh37, genes GRCh38"):
        find_loci(SCAN, cohort, genes=Genes(GENES.table, "GRCh38", "made"))
    with pytest.raises(UsageError, match="0 kb or more"):
        find_loci(SCAN, cohort, merge_kb=-1)
    with pytest.raises(UsageError, match="at least one scan"):
        find_loci({}, cohort)
    with pytest.raises(UsageError, match="p1 <= p2"):
        clump_by_distance(SCAN, p1=0.5)
    with pytest.raises(UsageError, match="above 0 kb"):
        clump_by_distance(SCAN, kb=0)
    with pytest.raises(InputError, match="expected neg_log_10_p_value"):
        clump_by_distance(SCAN.drop(columns="neg_log_10_p_value"))
