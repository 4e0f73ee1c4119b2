"""Scans of others, and inputs on which the program was seen to fail, read in place."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gwasbone.cli import main
from gwasbone.errors import InputError
from gwasbone.sumstats.ld_score_files import read_ld_scores
from gwasbone.sumstats.scans import Positions, open_scans, read_scan

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
from small_cohort import left_by, one_line_error

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def cases(shared_data) -> Path:
    return shared_data / "cases"


@pytest.fixture(scope="module")
def of_scans(cases) -> Path:
    return cases / "scans-and-genes"


def test_bolts_table(shared_data):
    table = read_scan(shared_data / "genotypes/1kg_eur_82k/bolt.sumstats.txt.gz")
    assert len(table) == 82_448
    row = table[table["source_id"] == "rs142556222"].iloc[0]
    assert (row["effect_allele"], row["other_allele"]) == ("C", "T")
    # the mixed model's own p-value, not those beside it
    assert row["neg_log_10_p_value"] == pytest.approx(-np.log10(0.084))


def test_regenies_table(shared_data):
    path = shared_data / "genotypes/regenie_example/test_bin_out_firth_Y1.regenie.gz"
    table = read_scan(path)
    assert len(table) == 1000
    row = table.iloc[0]
    # of alleles that are numbered nobody knows the bases: they stay as they are
    assert (row["effect_allele"], row["other_allele"], row["n"]) == ("1", "2", 494)
    assert (row["beta"], row["neg_log_10_p_value"]) == (0.0775674, 0.133163)


def test_metals_table_has_names_only(shared_data, tmp_path):
    path = shared_data / "sumstats/glucose_meta/METAANALYSIS1.TBL"
    with pytest.raises(InputError, match=r"named as rs\d+: give --positions FILE"):
        read_scan(path)
    # one of its inputs has the positions
    positions = Positions.read(path.with_name("magic_SARDINIA.tbl"))
    [scan] = open_scans([path], positions=positions).values()
    table = scan.table()
    assert len(table) > 1000
    assert set(table["chromosome"]) <= set(range(1, 24))
    z = np.abs(table["beta"] / table["standard_error"])
    assert np.corrcoef(z, np.sqrt(table["neg_log_10_p_value"]))[0, 1] > 0.9


@pytest.mark.parametrize(
    "name", ["DGI_three_regions.txt", "MAGIC_FUSION_Results.txt.gz", "magic_SARDINIA.tbl"]
)
def test_columns_that_are_nobodys_are_refused_in_one_line(shared_data, tmp_path, capfd, name):
    path = shared_data / "sumstats/glucose_meta" / name
    error = one_line_error(
        ["clump", str(path), "--distance-only", "--build", "GRCh37", "--out", str(tmp_path / "o")],
        capfd,
    )
    assert f"{path}: its columns (" in error
    assert "those of no known format" in error
    assert left_by(tmp_path / "o") == []


def test_ldscs_tables_are_compared_on_their_positions(shared_data, tmp_path):
    folder = shared_data / "sumstats/ukb_50_irnt_20160"
    scans = [str(folder / f"ld_score_regression.{n}.sumstats.tsv") for n in ("50_irnt", "20160")]
    positions = folder / "ld_score_regression.univariate_ld_scores.tsv"
    for scan, name in zip(scans, ("height", "smoking"), strict=True):
        (tmp_path / f"{name}.sumstats").write_bytes(Path(scan).read_bytes())
    renamed = [str(tmp_path / f"{name}.sumstats") for name in ("height", "smoking")]
    arguments = ["compare", *renamed, "--positions", str(positions), "--out", str(tmp_path / "o")]
    assert main([*arguments, "--force"]) == 0
    table = pd.read_csv(tmp_path / "o.comparison.tsv", sep="\t").set_index("quantity")
    z = pd.read_csv(scans[0], sep="\t")["Z"]
    mean = table.loc["mean_chi2"].query("scan_a == 'height'")["value"].item()
    assert mean == pytest.approx((z**2).mean(), rel=0.02)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("allele_html", "alleles are not spelled with A, C, G, T"),
        ("beta_inf", "effect infinite"),
        ("chrom_77", "chromosome is none of 1-22, X, Y, MT"),
        ("dup", "the same variant again, less significant"),
        ("eaf_1.7", "effect allele frequency outside 0 to 1"),
        ("n_negative", "sample size below 1"),
        ("n_zero", "sample size below 1"),
        ("nlp_inf", "p-value outside 0 to 1"),
        ("nlp_negative", "p-value outside 0 to 1"),
        ("p_contradicts_beta", "p-value contradicts effect and standard error"),
        ("pos_1e12", "position outside 1 to"),
        ("pos_negative", "position outside 1 to"),
        ("se_negative", "standard error not above 0"),
        ("se_zero", "standard error not above 0"),
    ],
)
def test_an_impossible_value_is_set_aside_counted_and_named(cases, tmp_path, capsys, name, reason):
    path = cases / f"reliability/ssf_values/{name}.bmd.tsv"
    lines = path.read_text().splitlines()
    sound = (cases / "reliability/ssf_values/se_zero.bmd.tsv").read_text().splitlines()
    number = next(i for i, line in enumerate(sound, 1) if "\t16098561\t" in line)
    arguments = ["clump", str(path), "--distance-only", "--build", "GRCh37", "--rule", "plink"]
    assert main([*arguments, "--out", str(tmp_path / "o")]) == 0
    printed = capsys.readouterr()
    assert f"{path}: 1 row set aside: {reason}" in printed.err
    if name != "dup":
        assert f"(first in line {number})" in printed.err
    n = len(lines) - 2
    assert f"clumps of {n} variants by distance" in printed.out


@pytest.mark.parametrize("name", ["bmd_hip.tsv.gz", "catalog_p.tsv.gz"])
def test_a_catalog_file_with_p_values_alone(cases, name):
    table = read_scan(cases / "genotypes/14-ssf-in" / name)
    assert table["neg_log_10_p_value"].iloc[:2].tolist() == pytest.approx([400, 38.49607], abs=1e-5)
    assert table["n"].isna().all()


@pytest.mark.parametrize(
    "name",
    ["bmd_hip2", "chrx", "lower", "n_float", "n_na", "some_na", "swapped", "unsorted", "wrongname"],
)
@pytest.mark.parametrize("command", ["clump", "plot", "select", "compare"])
def test_spellings_of_the_catalogs_format(cases, tmp_path, name, command):
    folder = cases / "genotypes/14-ssf-in"
    scans = [str(folder / f"{name}.tsv")]
    more = {
        "clump": ["--distance-only", "--build", "GRCh37"], "plot": [], "select": [],
        "compare": [str(folder / ("lower.tsv" if name != "lower" else "n_float.tsv"))],
    }[command]  # fmt: skip
    if command == "compare" and name == "chrx":
        return  # on another chromosome than all others
    head = [command, "manhattan"] if command == "plot" else [command]
    assert main([*head, *scans, *more, "--out", str(tmp_path / "o")]) == 0
    if command == "clump":
        table = pd.read_csv(tmp_path / "o.clumps.tsv", sep="\t")
        assert table["neg_log_10_p_value"].iloc[0] == pytest.approx(40.92026)
        assert str(table["chromosome"].iloc[0]) == ("X" if name == "chrx" else "2")


def test_lower_case_alleles_meet_the_genotypes(cases, tmp_path, capsys):
    folder = cases / "genotypes/14-ssf-in"
    arguments = ["clump", str(folder / "lower.tsv"), "--bfile", str(folder / "g")]
    assert main([*arguments, "--build", "GRCh37", "--out", str(tmp_path / "o")]) == 0
    assert "(0 more are not in the genotypes)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["inf", "dups"])
def test_an_infinite_p_value_or_a_copy_is_one_row_set_aside(cases, name, caplog):
    table = read_scan(cases / f"genotypes/14-ssf-in/{name}.tsv")
    assert "set aside" in caplog.text
    assert not table.duplicated(["chromosome", "base_pair_location"]).any()


def test_scans_without_n_are_compared_but_for_what_needs_it(of_scans, tmp_path):
    folder = of_scans / "04-n-missing"
    scans = [str(folder / f"scan.{name}.tsv.gz") for name in ("one", "two")]
    scores = str(of_scans / "01-ld-folder-of-several-populations/right")
    assert main(["compare", *scans, "--ld-scores", scores, "--out", str(tmp_path / "o")]) == 0
    table = pd.read_csv(tmp_path / "o.comparison.tsv", sep="\t").set_index("quantity")
    assert table.loc["h2", "value"].isna().all()
    assert table.loc["h2", "note"].str.contains(r"sample sizes \(n\) are missing").all()
    for kind in ("manhattan", "volcano"):
        assert main(["plot", kind, scans[0], "--out", str(tmp_path / kind)]) == 0


@pytest.mark.parametrize("pair", [("x.a", "x.b"), ("same.a", "same.b"), ("half.a", "same.b")])
def test_edges_of_a_comparison(of_scans, tmp_path, pair):
    folder = of_scans / "20-compare-edges"
    scans = [str(folder / f"{name}.tsv.gz") for name in pair]
    scores = str(of_scans / "01-ld-folder-of-several-populations/right")
    assert main(["compare", *scans, "--ld-scores", scores, "--out", str(tmp_path / "o")]) == 0
    table = pd.read_csv(tmp_path / "o.comparison.tsv", sep="\t").set_index("quantity")
    if pair[0] == "x.a":
        assert table.loc["h2", "value"].isna().all()
    if pair[0] == "same.a":
        assert table.loc["rg", "value"] == pytest.approx(1, abs=1e-4)
    if pair[0] == "half.a":
        assert table.loc["h2", "value"].notna().all()


def test_known_loci_are_met_by_their_alleles(of_scans, tmp_path):
    folder = of_scans / "12-known-loci-multiallelic"
    scans = [str(folder / f"scan.{name}.tsv.gz") for name in ("one", "two")]
    arguments = ["compare", *scans, "--loci", str(folder / "known.tsv")]
    assert main([*arguments, "--out", str(tmp_path / "o")]) == 0
    table = pd.read_csv(tmp_path / "o.comparison.tsv", sep="\t").set_index("quantity")
    assert table.loc["mean_chi2_at_loci", "value"].tolist() == pytest.approx([36, 144])
    ratio = table.loc["effective_sample_size_ratio", "value"]
    assert ratio.tolist() == pytest.approx([0.2448] * 2, abs=5e-5)


def test_a_lead_without_alleles_is_the_strongest_of_its_position(of_scans):
    from gwasbone.sumstats.leads import leads_in_scan, read_leads

    leads = read_leads(of_scans / "21-leads-multiallelic/leads.tsv")
    scan = read_scan(of_scans / "12-known-loci-multiallelic/scan.two.tsv.gz")
    found = leads_in_scan(leads, scan)
    assert found[["effect_allele", "other_allele", "gene"]].to_numpy().tolist() == [
        ["A", "T", "GENE1"]
    ]
    assert found["neg_log_10_p_value"].iloc[0] == pytest.approx(32.449, abs=1e-3)


@pytest.mark.parametrize(
    "command",
    [
        ["compare"], ["plot", "miami"], ["plot", "stacked"], ["plot", "scatter"], ["select"],
        ["clump", "--distance-only"],
    ],
)  # fmt: skip
def test_scans_on_two_builds_are_refused(of_scans, tmp_path, capfd, command):
    folder = of_scans / "15-scans-on-two-builds"
    scans = [str(folder / f"scan.{name}.tsv.gz") for name in ("one", "two")]
    error = one_line_error([*command, *scans, "--out", str(tmp_path / "o")], capfd, code=2)
    assert "GRCh37" in error
    assert "GRCh38" in error
    assert left_by(tmp_path / "o") == []


def test_a_scan_on_another_build_than_the_genotypes_or_the_flag_is_refused(
    of_scans, cases, tmp_path, capfd
):
    scan = str(of_scans / "15-scans-on-two-builds/scan.two.tsv.gz")
    other = str(of_scans / "00-common/scan.one.tsv.gz")
    genotypes = ["--bfile", str(cases / "genotypes/14-ssf-in/g"), "--build", "GRCh37"]
    for command in (
        ["select", scan, *genotypes],
        ["clump", scan, *genotypes],
        ["plot", "manhattan", scan, "--build", "GRCh37"], ["compare", scan, other, *genotypes],
    ):  # fmt: skip
        error = one_line_error([*command, "--out", str(tmp_path / "o")], capfd, code=2)
        assert "is on GRCh38" in error or "scans GRCh38" in error


def test_order_does_not_matter_and_of_a_copy_the_strongest_is_used(of_scans, tmp_path):
    folder = of_scans / "17-scan-out-of-order-and-twice"
    found = {}
    for name in ("sorted", "shuffled", "twice"):
        arguments = ["clump", str(folder / f"{name}.t.tsv.gz"), "--distance-only"]
        out = tmp_path / name
        assert main([*arguments, "--build", "GRCh37", "--out", str(out)]) == 0
        found[name] = pd.read_csv(f"{out}.loci.tsv", sep="\t")
    pd.testing.assert_frame_equal(found["sorted"], found["shuffled"])
    assert found["twice"]["neg_log_10_p_value"].max() == 80


@pytest.mark.parametrize("name", ["chr", "with-x", "bp-missing"])
def test_ld_scores_spelled_otherwise(of_scans, name):
    scores = read_ld_scores(of_scans / "18-ld-scores-spelled-otherwise" / name)
    right = read_ld_scores(of_scans / "01-ld-folder-of-several-populations/right")
    assert set(scores.chromosome) <= set(range(1, 23))
    assert len(scores) > 1000
    assert len(scores) <= len(right)


@pytest.mark.parametrize(
    ("folder", "one", "two"),
    [
        ("01-ld-folder-of-several-populations/right", 0.3762, 0.3496),
        ("01-ld-folder-of-several-populations/as-downloaded/UKBB.EUR", 0.3762, 0.3496),
        ("02-ld-folder-copy-and-missing-chromosome/missing", 0.2711, 0.2499),
    ],
)
def test_heritability_by_one_set_of_ld_scores(of_scans, folder, one, two):
    from gwasbone.comparison.compare import compare_scans
    from gwasbone.comparison.genome import ld_rows
    from gwasbone.sumstats.align import align_scans

    paths = {n: of_scans / f"00-common/scan.{n}.tsv.gz" for n in ("one", "two")}
    scans = align_scans(paths)
    table = compare_scans(scans, ld=ld_rows(scans, read_ld_scores(of_scans / folder))).measures
    h2 = table[table["quantity"] == "h2"]
    assert h2["value"].tolist() == pytest.approx([one, two], abs=1e-4)
    lacking = "without chromosomes 1-6: no LD scores there" if "missing" in folder else ""
    assert set(h2["note"]) == {lacking}


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("01-ld-folder-of-several-populations/as-downloaded", r"chromosomes 1-22: .*UKBB\.EUR$"),
        ("02-ld-folder-copy-and-missing-chromosome/copied", "chromosomes 1-6: .* copies"),
    ],
)
def test_ld_scores_that_overlap_are_refused(of_scans, folder, says):
    with pytest.raises(InputError, match=says):
        read_ld_scores(of_scans / folder)


@pytest.mark.parametrize(
    ("name", "locus", "gene", "distance"),
    [
        ("05-refgene-gtf-gene-in-two-places/genes.gtf", (1, 146_000_000), "REALNEAR", 5000),
        ("07-gene-without-symbol/genes.tsv", (1, 1_000_500), "ENSG00000000001", 0),
        ("07-gene-without-symbol/genes.tsv", (2, 1_000_500), "ENSG00000000003", 0),
        ("13-gtf-of-gene-lines-only/genes.gtf", (1, 1_000_000), "ABC", 0),
        ("10-gtf-odd/two_spaces_two_genes.gtf", (1, 20_000_000), "BBB", 10_000_000),
        ("10-gtf-odd/single_quotes_two_genes.gtf", (1, 999_000), "AAA", 1000),
        ("10-gtf-odd/dup_gene_lines.gtf", (1, 8_000_000), "A", 1_000_000),
        ("10-gtf-odd/mixed_biotype.gtf", (1, 1500), "A", 0),
        ("10-gtf-odd/biomart.txt", (1, 1500), "A", 0),
        ("10-gtf-odd/float_places.tsv", (1, 1500), "A", 0),
        ("10-gtf-odd/comma_thousands.csv", (1, 2100), "A", 100),
        ("10-gtf-odd/magma.gene.loc", (23, 3500), "3", 0),
        ("10-gtf-odd/rownames.tsv", (1, 5500), "B", 0),
    ],
)
def test_the_nearest_gene_of_odd_files(of_scans, name, locus, gene, distance):
    from gwasbone.genes.files import read_genes
    from gwasbone.genes.nearest import nearest_genes

    found = nearest_genes(read_genes(of_scans / name, build="GRCh37"), [locus[0]], [locus[1]])
    assert found[["name", "distance_to_gene_bp"]].to_numpy().tolist() == [[gene, distance]]


@pytest.mark.parametrize(
    "name",
    [
        "bherer", "eagle", "hapmap", "sexes", "locuszoom_recomb_rate", "female_first",
        "position_cm_first", "position_cm_first2",
    ],
)  # fmt: skip
def test_genetic_maps_of_one_rate(of_scans, name):
    from gwasbone.genes.genetic_map import read_genetic_map

    rates = read_genetic_map(of_scans / f"08-genetic-maps/{name}.txt")["cm_per_mb"]
    assert rates[:9].tolist() == pytest.approx([3] * 9)


def test_a_map_with_cm_per_mb_and_cm(of_scans):
    from gwasbone.genes.genetic_map import read_genetic_map

    rates = read_genetic_map(of_scans / "08-genetic-maps/decode_like.txt")["cm_per_mb"]
    assert rates.tolist() == [1, 5] * 5


@pytest.mark.parametrize("name", ["comma.csv", "float.tsv", "fuma.txt", "gwas_catalog.tsv"])
def test_known_loci_of_others(of_scans, name):
    from gwasbone.comparison.known_loci import read_loci

    table = read_loci(of_scans / "19-known-loci-files" / name)
    assert len(table) == 12
    assert table[["chromosome", "base_pair_location"]].iloc[-1].tolist() == [22, 6328416]
