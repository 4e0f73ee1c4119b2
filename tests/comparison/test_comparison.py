"""Scans of known effective sample sizes compared."""

import numpy as np
import pandas as pd
import pytest
from made_comparison import made_scans, ssf

from gwasbone.comparison.compare import compare_scans
from gwasbone.comparison.genome import ld_rows
from gwasbone.comparison.known_loci import known_loci, read_loci
from gwasbone.comparison.measures import COLUMNS
from gwasbone.comparison.options import ComparisonRule
from gwasbone.errors import InputError, UsageError
from gwasbone.sumstats.align import align_scans
from gwasbone.sumstats.ld_score_files import read_ld_scores


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    scans = made_scans(np.random.default_rng(11))
    return folder, scans.write(folder), scans


@pytest.fixture(scope="module")
def measures(made):
    folder, paths, _ = made
    scans = align_scans(paths)
    loci = known_loci(scans, read_loci(folder / "loci.tsv"), source="loci.tsv")
    ld = ld_rows(scans, read_ld_scores(folder / "ld"))
    return compare_scans(scans, loci=loci, ld=ld).measures


def _one(measures, quantity, a="score", b="case", method=""):
    rows = measures[
        (measures["quantity"] == quantity) & (measures["scan_a"] == a) & (measures["scan_b"] == b)
    ]
    rows = rows[rows["method"].str.contains(method, regex=False)]
    assert len(rows) == 1, quantity
    return rows.iloc[0]


def _holds(row, truth):
    return row["low"] <= truth <= row["high"]


def test_what_was_simulated_comes_out_within_its_interval(measures):
    assert tuple(measures.columns) == COLUMNS
    for method in ("jackknife", "score interval"):
        assert _holds(_one(measures, "effective_sample_size_ratio", method=method), 2.0), method
    assert _holds(_one(measures, "polygenic_signal_ratio"), 2.0)
    assert _holds(_one(measures, "rg"), 1.0)
    assert _holds(_one(measures, "error_correlation"), 0.7)
    assert _holds(_one(measures, "deming_slope_per_sd"), np.sqrt(0.5))
    assert _holds(_one(measures, "ld_intercept", b=""), 1.0)
    assert _one(measures, "deming_heterogeneity")["value"] < 3
    difference = _one(measures, "mean_chi2_at_loci_difference")
    assert difference["low"] > 0


def test_the_stronger_scan_finds_more_loci_and_the_weaker_replicates_as_expected(measures):
    assert _one(measures, "loci_at_equal_fdr", b="")["value"] > 10
    assert _one(measures, "loci_at_equal_fdr_difference")["value"] > 0
    for quantity in ("leads_same_direction", "leads_nominal", "leads_bonferroni"):
        seen = _one(measures, quantity)
        assert _holds(seen, _one(measures, f"{quantity}_expected")["value"]), quantity
        assert "no independent replication" in seen["note"]


def test_paired_differences_are_surer_than_the_numbers_themselves(measures):
    for quantity in ("mean_chi2_at_loci", "mean_chi2"):
        apart = [_one(measures, quantity, a=name, b="") for name in ("score", "case")]
        width = np.hypot(*[(row["high"] - row["low"]) for row in apart])
        paired = _one(measures, f"{quantity}_difference")
        assert paired["high"] - paired["low"] < 0.8 * width


def test_one_phenotype_twice_is_the_same(made, tmp_path):
    folder, _, scans = made
    paths = {}
    for name in ("one", "two"):
        paths[name] = tmp_path / f"{name}.tsv"
        ssf(scans.table, scans.z["score"], 20_000).to_csv(paths[name], sep="\t", index=False)
    aligned = align_scans(paths)
    loci = known_loci(aligned, read_loci(folder / "loci.tsv"), source="loci.tsv")
    ld = ld_rows(aligned, read_ld_scores(folder / "ld"))
    found = compare_scans(aligned, loci=loci, ld=ld).measures
    for quantity in ("rg", "effective_sample_size_ratio", "deming_slope", "polygenic_signal_ratio"):
        rows = found[found["quantity"] == quantity]
        assert np.allclose(rows["value"], 1, atol=0.01), quantity
    differences = found[found["quantity"].str.endswith("_difference")]
    np.testing.assert_allclose(differences[["value", "low", "high"]], 0, atol=1e-12)


def test_a_flipped_scan_is_expected_to_act_the_other_way(made, tmp_path):
    folder, paths, scans = made
    turned = tmp_path / "turned.tsv"
    ssf(scans.table, -scans.z["case"], 20_000).to_csv(turned, sep="\t", index=False)
    aligned = align_scans({"score": paths["score"], "turned": turned})
    loci = known_loci(aligned, read_loci(folder / "loci.tsv"), source="loci.tsv")
    found = compare_scans(aligned, loci=loci).measures
    assert _one(found, "deming_slope_per_sd", b="turned")["value"] < 0
    agreeing = _one(found, "leads_same_direction", b="turned")
    assert agreeing["value"] > 0.9
    assert "opposite effects are expected" in agreeing["note"]
    assert _one(found, "error_correlation", b="turned")["value"] < 0


def test_noise_leaves_numbers_undefined_and_says_why(tmp_path):
    rng = np.random.default_rng(12)
    scans = made_scans(rng, m=600, h2=0.0, locus_share=0.0, n_loci=10)
    paths = scans.write(tmp_path)
    aligned = align_scans(paths)
    loci = known_loci(aligned, read_loci(tmp_path / "loci.tsv"), source="loci.tsv")
    ld = ld_rows(aligned, read_ld_scores(tmp_path / "ld"))
    found = compare_scans(aligned, loci=loci, ld=ld).measures
    undefined = found[found["value"].isna()]
    assert (undefined["note"] != "").all()
    assert "effective_sample_size_ratio" in set(undefined["quantity"])
    assert "leads_nominal" in set(undefined["quantity"])
    assert _holds(_one(found, "lambda_gc", b=""), 1.0)
    assert _one(found, "loci_at_equal_fdr", b="")["value"] == 0


def test_without_loci_and_ld_scores_the_rest_is_still_compared(made):
    _, paths, _ = made
    found = compare_scans(align_scans(paths)).measures
    assert {"lambda_gc", "loci_at_equal_fdr", "error_correlation", "leads_nominal"} <= set(
        found["quantity"]
    )
    assert "rg" not in set(found["quantity"])
    expected = _one(found, "leads_nominal_expected")
    assert np.isnan(expected["value"])
    assert "unknown" in expected["note"]


def test_few_loci_and_few_ld_scores_are_said(made):
    folder, paths, _ = made
    scans = align_scans(paths)
    table = read_loci(folder / "loci.tsv").head(2)
    ld = ld_rows(scans, read_ld_scores(folder / "ld"))
    few = type(ld)(ld.rows[:50], ld.ld_score[:50], ld.m_ld, ld.source)
    found = compare_scans(scans, loci=known_loci(scans, table, source="two"), ld=few).measures
    notes = found.set_index("quantity")["note"]
    assert "2 independent loci" in notes["effective_sample_size_ratio"]
    assert "50 variants have LD scores" in notes["h2"].iloc[0]


def test_ld_scores_on_another_build_leave_heritability_undefined(made):
    folder, paths, _ = made
    scans, scores = align_scans(paths), read_ld_scores(folder / "ld")
    # 230 of 2,400 places coincide
    moved = scores.position_bp + (np.arange(len(scores)) >= 230)
    other = type(scores).of(scores.chromosome, moved, scores.ld_score, m_ld=1e4, source="hg38")
    found = compare_scans(scans, ld=ld_rows(scans, other)).measures.set_index("quantity")
    assert found.loc["h2", "value"].isna().all()
    assert found.loc["h2", "note"].str.contains("are they on one build").all()


def test_chromosomes_without_ld_scores_are_named_beside_each_number(made):
    folder, paths, _ = made
    scans, scores = align_scans(paths), read_ld_scores(folder / "ld")
    there = ~np.isin(scores.chromosome, [1, 2, 3, 7])
    some = type(scores).of(
        scores.chromosome[there], scores.position_bp[there], scores.ld_score[there],
        m_ld=scores.m_ld, source="some",
    )  # fmt: skip
    notes = compare_scans(scans, ld=ld_rows(scans, some)).measures.set_index("quantity")["note"]
    for quantity in ("h2", "h2_difference", "ld_intercept", "rg", "rg_intercept"):
        assert set(notes.loc[[quantity]]) == {"without chromosomes 1-3, 7: no LD scores there"}
    every = compare_scans(scans, ld=ld_rows(scans, scores)).measures.set_index("quantity")["note"]
    assert set(every.loc["h2"]) == {""}


def test_leads_of_a_scan_are_refused_as_known_loci(made, tmp_path):
    _, paths, scans = made
    aligned = align_scans(paths)
    own = ssf(scans.table, scans.z["score"], 1).nlargest(20, "neg_log_10_p_value")
    own.round(4).to_csv(tmp_path / "leads.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match="p-values of scan score itself"):
        known_loci(aligned, read_loci(tmp_path / "leads.tsv"), source="leads.tsv")
    # the same places without them, or with another study's, are taken
    other = own.assign(neg_log_10_p_value=own["neg_log_10_p_value"] + 1)
    other.to_csv(tmp_path / "other.tsv", sep="\t", index=False)
    assert len(known_loci(aligned, read_loci(tmp_path / "other.tsv"), source="other")) > 0


def test_loci_near_one_another_count_once_in_the_order_of_the_file(made, tmp_path):
    _, paths, scans = made
    aligned = align_scans(paths)
    rows = scans.table.iloc[[1, 0, 100]]
    table = pd.DataFrame(
        {
            "chr": [f"chr{c}" for c in rows["chromosome"]] + ["22"],
            "bp": [*rows["base_pair_location"], 7],
        }
    )
    table.to_csv(tmp_path / "loci.tsv", sep="\t", index=False)
    found = known_loci(aligned, read_loci(tmp_path / "loci.tsv"), source="x")
    assert (found.n_listed, found.n_absent, found.n_near) == (4, 1, 1)
    assert found.rows.tolist() == [1, 100]


CATALOG = "DATE\tCHR_ID\tCHR_POS\tP-VALUE\n2011\t7\t100\t1E-9\n2012\t\t\t3E-8\n2013\tX\t5\t1\n"


@pytest.mark.parametrize(
    "text",
    [
        CATALOG,
        "chr,pos,p\n7,100,1e-9\nX,5,1\n",
        'CHROM,POS,P\n"7","100",1e-9\n"X","5",1\n',
        "# from the Catalog\nchr bp p\n7.0 100.0 1e-9\nchrX 5 1\n",
        "#chrom\tposition\tneg_log_10_p_value\n7\t100\t9\n23\t5\t0\n\n",
    ],
)
def test_loci_are_read_as_tables_spell_them(tmp_path, text, caplog):
    (tmp_path / "loci").write_text(text)
    table = read_loci(tmp_path / "loci")
    assert table[["chromosome", "base_pair_location"]].to_numpy().tolist() == [[7, 100], [23, 5]]
    assert table["neg_log_10_p_value"].tolist() == [9, 0]
    assert ("1 loci without a position are left out" in caplog.text) == (text is CATALOG)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("chr\tpos\n77\t5\n", "in line 2: chromosome '77'"),
        ("chr\tpos\n1\t-5\n", "in line 2: .*'-5'"),
        ("chr\tpos\n1\t7\n1\t9e12\n", "in line 3: .*'9e12'"),
        ("chr\tpos\n1\t7.5\n", "'7.5'"),
        ("chr\tpos\tp\n1\t7\t1.2\n", "p_value from 0 to 1; 1 row has not, .* line 2.*'1.2'"),
        ("chr\tpos\tp\n1\t7\t-1\n", "p_value from 0 to 1"),
        ("chr\tpos\tneg_log10_p\n1\t7\t-1\n", "neg_log_10_p_value from 0 up"),
        ("chr\tpos\tp\n1\t7\n", "line 2: expected 3 columns, got 2"),
        ('chr,pos,p\n1,7,"0.1\n1,8,0.2\n', "line 2: expected quotes in pairs"),
        ("chr\tpos\n1\t7\0\n", "line 2: expected text, got a byte of value 0"),
    ],
)
def test_impossible_loci_are_refused_by_line(tmp_path, text, says):
    (tmp_path / "loci").write_text(text)
    with pytest.raises(InputError, match=says):
        read_loci(tmp_path / "loci")


def test_planted_loci_of_a_simulation_come_first(tmp_path):
    text = (
        "trait\tchromosome\tposition_bp\tplanted\na\t1\t5\tFalse\na\t1\t9\tTrue\nb\t1\t5\tFalse\n"
    )
    (tmp_path / "causal.tsv").write_text(text)
    assert read_loci(tmp_path / "causal.tsv")["base_pair_location"].tolist() == [9, 5]


def test_what_cannot_be_read_or_asked_is_refused(made, tmp_path):
    _, paths, _ = made
    aligned = align_scans(paths)
    bad = tmp_path / "bad.tsv"
    for text, words in (
        ("rs\tp\n1\t2\n", "expected columns chromosome and base_pair_location"),
        ("chr\tbp\n1\tx\n", "in line 2: chromosome"),
        ("chr\tbp\n", "it has none"),
    ):
        bad.write_text(text)
        with pytest.raises(InputError, match=words):
            read_loci(bad)
    bad.write_text("chr\tbp\n1\t1\n")
    with pytest.raises(InputError, match="none of its 1 loci"):
        known_loci(aligned, read_loci(bad), source="bad")
    with pytest.raises(UsageError, match="two scans or more"):
        compare_scans(align_scans({"score": paths["score"]}))
    with pytest.raises(UsageError, match="fdr"):
        ComparisonRule(fdr=0)
    with pytest.raises(InputError, match=r"l2\.ldscore\.gz"):
        read_ld_scores(tmp_path)
