"""Sex: stated, given in a table or inferred from X; and what it does to X and Y."""

import numpy as np
import pandas as pd
import pytest
from made_bgen import MadeVariant, write_bgen
from made_cohorts import bed_cohort, genotypes
from scipy.stats import poisson

import gwasbone as gb
from gwasbone.cli import main
from gwasbone.cohort.options import QcThresholds
from gwasbone.cohort.prune import sex_variants
from gwasbone.cohort.qc import qc
from gwasbone.cohort.read import annotate_phenotypes, read_genotypes
from gwasbone.cohort.sex import (
    infer_sex,
    read_sex,
    settle_sex,
    with_inferred_sex,
    with_sex,
    with_sex_of_tables,
)
from gwasbone.cohort.statistics import people_statistics, variant_statistics
from gwasbone.errors import InputError
from gwasbone.stats.hardy_weinberg import hardy_weinberg_neg_log10_p

N, M_X = 120, 90
SEX = np.array([1, 2] * (N // 2))


def x_cohort(folder, *, p=(0.25, 0.5), sex=SEX, block=False, extra=0):
    """X variants of frequencies between p; the last `extra` are heterozygous in all women."""
    rng = np.random.default_rng(5)
    p = rng.uniform(*p, M_X)
    G = genotypes(rng, p, N)
    if block:  # one haplotype block: every variant is the first but for a few calls
        G = np.where(rng.random(G.shape) < 0.02, G, G[:1])
    men = SEX == 1
    G[:, men] = 2 * (rng.random((M_X, men.sum())) < (G[:1, men] > 0 if block else p[:, None]))
    if extra:
        G[-extra:, ~men] = 1
    cohort = bed_cohort(
        folder, G, chromosome=np.full(M_X, 23), position=5_000_000 + 100_000 * np.arange(M_X),
        sex=sex,
    )  # fmt: skip
    return G, cohort


def test_sex_is_inferred_only_outside_the_grey_zone_and_with_enough_to_tell_it_by():
    statistics = pd.DataFrame(
        {
            "f_x": [0.8, 0.79, 0.2, 0.21, 1.0, np.nan, 1.0],
            "n_called_x": [99, 99, 99, 99, 49, 99, 99],
            "expected_het_x": [30, 30, 30, 30, 30, 30, 19.9],
        }
    )
    assert infer_sex(statistics, QcThresholds()).tolist() == [1, 0, 2, 0, 0, 0, 0]


def test_how_often_a_woman_looks_like_a_man_is_as_documented():
    """F of 0.8 and more is a fifth of the expected heterozygous calls or fewer."""
    rule = QcThresholds()
    most = (1 - rule.male_min_f) * rule.min_x_heterozygotes
    assert poisson.cdf(round(most), rule.min_x_heterozygotes) == pytest.approx(1.7e-5, rel=0.01)


@pytest.mark.parametrize("made", [{"p": (0.005, 0.02)}, {"block": True}])
def test_rare_or_linked_variants_do_not_tell_sex(tmp_path, made):
    """Women are homozygous at nearly all of them, as men are."""
    _, cohort = x_cohort(tmp_path, **made)
    found = people_statistics(cohort)
    assert (infer_sex(found, QcThresholds()) == 0).all()
    assert sex_variants(cohort).sum() < 50


def test_common_unlinked_variants_tell_everybodys_sex(tmp_path):
    _, cohort = x_cohort(tmp_path)
    assert sex_variants(cohort).sum() > 80
    told = infer_sex(people_statistics(cohort), QcThresholds()).to_numpy()
    assert (told == SEX).mean() > 0.98
    assert set(told[told != SEX]) <= {0}


def test_unknown_sex_is_taken_from_x_and_said(tmp_path, caplog):
    """The ten variants heterozygous in all women fail Hardy-Weinberg, as where sex is stated."""
    (tmp_path / "known").mkdir()
    _, unknown = x_cohort(tmp_path, sex=np.zeros(N, int), extra=10)
    _, known = x_cohort(tmp_path / "known", extra=10)
    done, wanted = (qc(c) for c in (unknown, known))
    assert "no autosomal variants" in caplog.text
    assert done.people.n_kept == wanted.people.n_kept == N
    assert (done.variants.reasons()[-10:] == "hwe").all()
    assert "sex of 120 participants is not stated: chromosome X shows it for 120" in caplog.text
    assert (done.people.table["sex"] == SEX).mean() > 0.98
    ours, theirs = (variant_statistics(with_inferred_sex(cohort)) for cohort in (unknown, known))
    pd.testing.assert_frame_equal(ours, theirs)
    assert ours["hwe_neg_log10_p"][-10:].min() > 15
    assert wanted.people.table["sex"].tolist() == SEX.tolist()


def test_qc_of_x_alone_has_a_page(tmp_path):
    """Call rates and heterozygosity of people are not known then, and not drawn."""
    x_cohort(tmp_path)
    command = ["qc", "--bfile", str(tmp_path / "made"), "--build", "GRCh37"]
    assert main([*command, "--chr", "X", "--out", str(tmp_path / "q")]) == 0
    page = (tmp_path / "q.qc.html").read_text()
    assert "Inbreeding coefficient on chromosome X" in page
    assert "Inbreeding coefficient against call rate" not in page


def test_statistics_of_x_are_missing_where_no_sex_is_known(tmp_path, caplog):
    _, cohort = x_cohort(tmp_path, sex=np.zeros(N, int))
    found = variant_statistics(cohort)
    assert found[["alt_frequency", "maf", "mac", "hwe_neg_log10_p"]].isna().all(axis=None)
    assert (found["call_rate"] == 1).all()
    assert "120 of 120 participants are of unknown sex" in caplog.text
    assert "which are therefore missing: give --sex FILE" in caplog.text


def test_those_of_unknown_sex_are_left_out_on_x(tmp_path):
    few = np.where(np.arange(N) < 9, 0, SEX)
    G, cohort = x_cohort(tmp_path, sex=few)
    H, men = G[:, 9:], SEX[9:] == 1
    alleles = 2 * (~men).sum() + men.sum()
    p = (H[:, ~men].sum(axis=1) + H[:, men].sum(axis=1) / 2) / alleles
    found = variant_statistics(cohort)
    np.testing.assert_allclose(found["alt_frequency"], p)
    counts = [(H[:, ~men] == g).sum(axis=1) for g in range(3)]
    np.testing.assert_allclose(found["hwe_neg_log10_p"], hardy_weinberg_neg_log10_p(*counts))


# --- Y, and the same genotypes from .bed and BGEN ----------------------------------------------

CHROMOSOME = np.array([23] * 12 + [24] * 6 + [25] * 4)
M = len(CHROMOSOME)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Calls on X (with heterozygous men), Y (with women called) and mitochondria, written twice."""
    folder = tmp_path_factory.mktemp("both")
    rng = np.random.default_rng(8)
    sex = np.where(np.arange(N) % 10 == 7, 0, SEX)
    G = genotypes(rng, rng.uniform(0.2, 0.6, M), N)
    G[12:] = 2 * (G[12:] > 0)
    G[rng.random(G.shape) < 0.03] = -1
    position = 5_000_000 + 1000 * np.arange(M)
    position[18:] = 100 + np.arange(4)
    names = {23: "X", 24: "Y", 25: "MT"}
    spelt = np.array([names[code] for code in CHROMOSOME])
    bed = bed_cohort(folder, G, chromosome=spelt, position=position, sex=sex)
    units = np.array([[255, 0], [0, 255], [0, 0]])
    variants = [
        MadeVariant(units[g], names[c], int(at), missing=g < 0, source_id=f"v{i}")
        for i, (g, c, at) in enumerate(zip(G, CHROMOSOME, position, strict=True))
    ]
    path = write_bgen(folder / "a.bgen", variants, sex=sex, ids=[f"p{i}" for i in range(N)])
    bgen = read_genotypes(bgen=str(path), sample=path.with_suffix(".sample"), build="GRCh37")
    return G, sex, bed, bgen


def test_y_counts_men_only(both):
    """Call rate and frequency by hand; women's calls are ignored, in .bed and BGEN."""
    G, sex, bed, bgen = both
    H = G[12:18, sex == 1]
    p = np.array([h[h >= 0].mean() / 2 for h in H])
    for cohort in (bed, bgen):
        found = variant_statistics(cohort).iloc[12:18]
        np.testing.assert_allclose(found["call_rate"], (H >= 0).mean(axis=1))
        np.testing.assert_allclose(found["alt_frequency"], p)
        np.testing.assert_allclose(found["mac"], np.minimum(p, 1 - p) * (H >= 0).sum(axis=1))
        assert (found["hom_ref"] + found["het"] + found["hom_alt"]).max() <= (sex == 1).sum()
        assert found["hwe_neg_log10_p"].isna().all()


def test_x_y_and_mitochondria_are_the_same_from_bed_and_bgen(both):
    _, _, bed, bgen = both
    ours, theirs = variant_statistics(bgen), variant_statistics(bed)
    shared = [c for c in ours if c != "info"]
    pd.testing.assert_frame_equal(ours[shared], theirs[shared])
    pd.testing.assert_frame_equal(people_statistics(bgen), people_statistics(bed))
    np.testing.assert_array_equal(
        *(c.source.genotypes(c.participants).dosages(c.variants.table) for c in (bgen, bed))
    )
    # certain dosages: their variance is what is expected of the frequency
    assert ours["info"][12:].between(0.9, 1.1).all()


def test_men_called_heterozygous_on_x_and_women_on_y_are_missing(both):
    G, sex, bed, bgen = both
    for cohort in (bed, bgen):
        dosages = cohort.source.genotypes(cohort.participants).dosages(cohort.variants.table)
        missing = G < 0
        missing[:12] |= (G[:12] == 1) & (sex == 1)
        missing[12:18] |= sex != 1
        np.testing.assert_array_equal(np.isnan(dosages), missing)


def test_a_scan_of_x_y_and_mitochondria_is_the_same_from_bed_and_bgen(both):
    """Heterozygous men on X, women called on Y and missing calls included."""
    _, sex, bed, bgen = both
    y = pd.DataFrame({"y": np.random.default_rng(3).normal(size=N)}, index=bed.people.table.index)
    tables = []
    for cohort in (bed, bgen):
        known = cohort.exclude_people("t", "unknown", sex == 0, description="")
        results = gb.associate(known.annotate_people(y), traits=["y"], covariates=["sex"])
        tables.append(results.table("y"))
    columns = ["beta", "standard_error", "neg_log_10_p_value", "effect_allele_frequency", "n"]
    np.testing.assert_allclose(*(t[columns] for t in tables), rtol=1e-6, atol=1e-6)
    assert tables[0]["status"].tolist() == tables[1]["status"].tolist()
    assert tables[0]["beta"].notna().sum() > 15


@pytest.mark.hail
def test_hail_counts_x_and_y_alike(both, hail_session):
    _, _, bed, _ = both
    for statistics in (variant_statistics, people_statistics):
        ours, theirs = statistics(bed), statistics(bed, engine="hail")
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-9, atol=1e-11)


@pytest.mark.peer
def test_frequencies_equal_plink2(both, plink2, tmp_path):
    """Of X, Y and mitochondria, among those of known sex."""
    import subprocess

    _, sex, bed, _ = both
    prefix = bed.source.filesets[0].bed.with_suffix("")
    keep = tmp_path / "keep"
    keep.write_text("".join(f"f p{i}\n" for i in np.flatnonzero(sex)))
    made = tmp_path / "without_errors"
    for words in (
        ["--bfile", prefix, "--keep", keep, "--set-hh-missing", "--make-bed"],
        ["--bfile", made, "--freq"],
    ):
        subprocess.run([plink2, *words, "--out", made], check=True, capture_output=True)
    theirs = pd.read_csv(f"{made}.afreq", sep="\t")
    kept = bed.exclude_people("t", "unknown", sex == 0, description="")
    ours = variant_statistics(kept)
    np.testing.assert_allclose(ours["alt_frequency"], theirs["ALT_FREQS"], atol=5e-7)


# --- a table of sex -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", "IID\tSEX\np0\t1\np1\t2\np2\tNA\n"),
        ("a.psam", "#IID SEX\np0 1\np1 2\np2 0\n"),
        ("a.csv", "IID,p31,age\np0,1,50\np1,0,51\np2,,52\n"),
        ("b.csv", "IID,Sex\np0,Male\np1,Female\np2,\n"),
        ("a.fam", "f p0 0 0 1 -9\nf p1 0 0 2 -9\nf p2 0 0 0 -9\n"),
        ("a.sample", "ID_1 ID_2 missing sex\n0 0 0 D\nf p0 0 1\nf p1 0 2\nf p2 0 NA\n"),
    ],
)
def test_tables_of_sex_in_every_spelling(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert read_sex(tmp_path / name).to_dict() == {"p0": 1, "p1": 2, "p2": 0}


def test_a_table_without_sex_or_with_several_columns_of_it(tmp_path):
    (tmp_path / "a.tsv").write_text("IID\tage\np0\t1\n")
    with pytest.raises(InputError, match="one column of sex, such as SEX or p31, got none"):
        read_sex(tmp_path / "a.tsv")
    (tmp_path / "a.tsv").write_text("IID\tp31\tp22001\np0\t1\t1\n")
    with pytest.raises(InputError, match="got p31, p22001"):
        read_sex(tmp_path / "a.tsv")


def test_a_table_goes_before_the_genotype_file(both, caplog):
    _, sex, bed, _ = both
    told = with_sex(bed, pd.Series({"p0": 2, "p7": 1, "p3": 0, "stranger": 1}), where="sex.tsv")
    assert told.people.table["sex"][["p0", "p7", "p3"]].tolist() == [2, 1, sex[3]]
    assert "sex.tsv gives 1 participants another sex than the genotype file" in caplog.text
    with pytest.raises(InputError, match="sex of participants of the genotypes"):
        with_sex(bed, pd.Series({"a": 1}), where="sex.tsv")


def test_qc_takes_a_table_of_sex(both, tmp_path):
    _, _, bed, _ = both
    table = tmp_path / "sex.tsv"
    rows = [f"p{i}\t{s}" for i, s in enumerate(SEX)]
    table.write_text("\n".join(["IID\tSEX", *rows]) + "\n")
    prefix = str(bed.source.filesets[0].bed.with_suffix(""))
    main(
        ["qc", "--bfile", prefix, "--build", "GRCh37", "--sex", str(table),
         "--no-plots", "--out", str(tmp_path / "q")]
    )  # fmt: skip
    people = pd.read_csv(tmp_path / "q.people.tsv.gz", sep="\t")
    assert people["sex"].tolist() == SEX.tolist()


# --- the order of the sources ------------------------------------------------------------------


def test_four_sources_of_sex_in_their_order(tmp_path, caplog):
    """By hand: p0 from --sex against the file and the table, p1 from the file against the table,
    p2 from the first table against the second, p3 from the second, the others from X."""
    caplog.set_level("INFO")
    sex = np.zeros(N, int)
    sex[:2] = [1, 1]
    _, cohort = x_cohort(tmp_path, sex=sex)
    (tmp_path / "sex.tsv").write_text("IID\tSEX\np0\t2\n")
    pheno = pd.DataFrame({"p31": [1, 0, 1, np.nan]}, index=["p0", "p1", "p2", "stranger"])
    covar = pd.DataFrame({"Sex": ["F", "F"]}, index=["p2", "p3"])
    tables = {"pheno.tsv": pheno, "covar.tsv": covar, "other.tsv": pd.DataFrame({"age": [1]})}
    told = settle_sex(cohort, stated=tmp_path / "sex.tsv", tables=tables, infer=True)
    found = told.people.table["sex"].to_numpy()
    assert found[:4].tolist() == [2, 1, 1, 2]
    by_x = found[4:] != 0
    assert (found[4:] == SEX[4:])[by_x].all()
    text = caplog.text
    assert f"{tmp_path}/sex.tsv gives 1 participants another sex than the genotype file" in text
    assert (
        "column p31 of pheno.tsv contradicts the sex that is already known of 2 among 2 "
        "participants (p0, p1): what is already known is kept"
    ) in text
    assert "column Sex of covar.tsv contradicts the sex that is already known of 1 among 1" in text
    assert (
        f"sex of 120 samples: 1 from --sex {tmp_path}/sex.tsv, 1 from the genotype files, 2 from "
        f"tables of participants, {by_x.sum()} from chromosome X, {(~by_x).sum()} from no source"
    ) in text


def test_what_no_source_states_is_counted(both, caplog):
    caplog.set_level("INFO")
    _, _, bed, _ = both
    settle_sex(bed)
    assert "sex of 120 samples: 108 from the genotype files, 12 from no source" in caplog.text


def test_a_column_of_sex_that_is_coded_the_other_way_is_not_used(both, caplog):
    _, sex, bed, _ = both
    turned = pd.DataFrame({"sex": 3 - SEX}, index=bed.people.table.index)
    told = with_sex_of_tables(bed, {"t.tsv": turned})
    assert told.people.table["sex"].tolist() == sex.tolist()
    assert "of 108 among 108 participants (p0, p1, p2 and 105 more): it must be" in caplog.text


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"p31": [1], "p22001": [1]}, r"several columns of sex (p31, p22001): none is used"),
        ({"sex": [7]}, "column sex of t.tsv is not used as a source of sex: expected sex as male"),
    ],
)
def test_a_column_of_sex_that_cannot_be_read_is_named_and_not_used(both, caplog, table, words):
    _, sex, bed, _ = both
    told = with_sex_of_tables(bed, {"t.tsv": pd.DataFrame(table, index=["p7"])})
    assert told.people.table["sex"].tolist() == sex.tolist()
    assert words in caplog.text


def test_a_column_called_sex_wins_over_fields_of_a_biobank(both):
    _, _, bed, _ = both
    table = pd.DataFrame({"p31": [0], "Sex": ["M"], "p22001": [0]}, index=["p7"])
    told = with_sex_of_tables(bed, {"t.tsv": table})
    assert told.people.table.loc["p7", "sex"] == 1


def test_a_phenotype_table_does_not_replace_the_sex_of_a_cohort(both):
    """UK Biobank's 0 for women, put in the place of the cohort's 2, would make them unknown."""
    _, _, bed, _ = both
    table = pd.DataFrame({"sex": SEX % 2, "y": 1.0}, index=bed.people.table.index)
    told = annotate_phenotypes(bed, table)
    assert told.people.table["sex"].tolist() == SEX.tolist()
    assert (told.people.table["y"] == 1).all()


def test_an_unknown_sex_is_missing_as_a_covariate(both):
    _, sex, bed, _ = both
    y = pd.DataFrame({"y": np.random.default_rng(3).normal(size=N)}, index=bed.people.table.index)
    results = gb.associate(annotate_phenotypes(bed, y), traits=["y"], covariates=["sex"])
    n = results.table("y").set_index("chromosome")["n"]
    assert n[23].max() == (sex != 0).sum() == 108


def test_x_and_y_are_scanned_alike_whichever_source_states_sex(both, tmp_path):
    """The phenotype table alone, --sex and the genotype files; .bed and BGEN."""
    _, _, bed, _ = both
    prefix = tmp_path / "g"
    rows = [f"f p{i} 0 0 {{}} -9" for i in range(N)]
    source = bed.source.filesets[0]
    for folder, codes in (("told", SEX), ("untold", np.zeros(N, int))):
        (tmp_path / folder).mkdir()
        for path in (source.bed, source.bim):
            (tmp_path / folder / f"g{path.suffix}").write_bytes(path.read_bytes())
        fam = "\n".join(row.format(s) for row, s in zip(rows, codes, strict=True))
        (tmp_path / folder / "g.fam").write_text(fam + "\n")
    sample = "ID_1 ID_2 missing\n0 0 0\n" + "".join(f"p{i} p{i} 0\n" for i in range(N))
    (tmp_path / "g.sample").write_text(sample)
    y = np.random.default_rng(3).normal(size=N)
    pheno = [f"p{i}\t{y[i]}\t{'MF'[s - 1]}" for i, s in enumerate(SEX)]
    (tmp_path / "pheno.tsv").write_text("\n".join(["IID\ty\tsex_at_birth", *pheno]) + "\n")
    (tmp_path / "plain.tsv").write_text(
        "IID\ty\n" + "".join(f"p{i}\t{v}\n" for i, v in enumerate(y))
    )
    bed_files = {name: ["--bfile", str(tmp_path / name / "g")] for name in ("told", "untold")}
    bgen_files = [
        "--bgen",
        str(source.bed.with_name("a.bgen")),
        "--sample",
        str(tmp_path / "g.sample"),
    ]
    runs = {
        "file": [*bed_files["told"], "--pheno-file", str(tmp_path / "plain.tsv")],
        "flag": [*bed_files["untold"], "--pheno-file", str(tmp_path / "plain.tsv"),
                 "--sex", str(tmp_path / "told" / "g.fam")],
        "table": [*bed_files["untold"], "--pheno-file", str(tmp_path / "pheno.tsv")],
        "bgen": [*bgen_files, "--pheno-file", str(tmp_path / "pheno.tsv")],
    }  # fmt: skip
    scans = {}
    for name, flags in runs.items():
        out = str(prefix) + name
        main(["assoc", *flags, "--build", "GRCh37", "--pheno", "y", "--no-plots", "--out", out])
        scans[name] = pd.read_csv(f"{out}.y.tsv.gz", sep="\t")
        log = (tmp_path / f"g{name}.assoc.log").read_text()
        source = {"file": "the genotype files", "flag": "--sex", "table": "tables of participants",
                  "bgen": "tables of participants"}[name]  # fmt: skip
        assert f"sex of 120 samples: 120 from {source}" in log
    scan = scans.pop("file")
    assert {23, 24} <= set(scan["chromosome"])
    men = scan["chromosome"].eq(24)
    assert (scan.loc[men, "n"] == (SEX == 1).sum()).all()
    for other in scans.values():
        pd.testing.assert_frame_equal(scan, other, rtol=1e-6, atol=1e-6)
