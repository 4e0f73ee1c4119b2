"""Quality control: rules at their borders, statistics against NumPy, a run on a made cohort."""

import numpy as np
import pandas as pd
import pytest
from made_cohorts import bed_cohort, genotypes

from gwasbone.cohort.biobank import BiobankQcColumns
from gwasbone.cohort.qc import (
    QcThresholds,
    heterozygosity_limits,
    people_reasons,
    qc,
    variant_reasons,
)
from gwasbone.errors import InputError, UsageError
from gwasbone.stats.hardy_weinberg import hardy_weinberg_neg_log10_p

# --- rules -------------------------------------------------------------------------------------


def people(n=50, **columns):
    rng = np.random.default_rng(1)
    base = {"sex": 2, "sex_inferred": 2, "call_rate": 0.99, "f": rng.normal(0, 0.01, n)}
    return pd.DataFrame(base | columns, index=[f"p{i}" for i in range(n)])


def hit(reasons, name):
    (reason,) = [r for r in reasons if r.name == name]
    return np.flatnonzero(reason.excluded).tolist()


def test_all_thresholds_out_of_range_are_named_at_once():
    with pytest.raises(UsageError, match=r"maf = 0\.7.*hwe = -1"):
        QcThresholds(maf=0.7, hwe=-1)
    with pytest.raises(UsageError, match="below male_min_f"):
        QcThresholds(female_max_f=0.9)


def test_low_call_rate_is_below_the_threshold_or_unknown():
    table = people(call_rate=np.r_[0.95, 0.9499, np.nan, np.full(47, 1.0)])
    assert hit(people_reasons(table, QcThresholds()), "low_call_rate") == [1, 2]
    assert "low_call_rate" not in {
        r.name for r in people_reasons(table, QcThresholds(sample_call_rate=0))
    }


def test_heterozygosity_outliers_are_counted_from_the_mean_of_the_well_called():
    table = people()
    table.loc[["p3", "p4", "p5"], "f"] = [0.2, -0.2, 0.9]
    table.loc["p5", "call_rate"] = 0.5  # its F must not widen the SD
    well = table["f"].drop("p5")
    far = (table["f"] - well.mean()).abs() > 3 * well.std()
    got = hit(people_reasons(table, QcThresholds()), "heterozygosity_outlier")
    assert got == np.flatnonzero(far).tolist() == [3, 4, 5]
    assert hit(people_reasons(table, QcThresholds(het_sd=50)), "heterozygosity_outlier") == []


def test_limits_of_heterozygosity_are_those_that_people_are_judged_by():
    table = people()
    table.loc[["p3", "p4"], "f"] = [0.2, -0.2]
    table.loc["p5", ["f", "call_rate"]] = [0.9, 0.5]
    low, high = heterozygosity_limits(table, QcThresholds())
    well = table["f"].drop("p5")
    assert [low, high] == pytest.approx(well.mean() + 3 * well.std() * np.array([-1, 1]))
    outside = hit(people_reasons(table, QcThresholds()), "heterozygosity_outlier")
    assert outside == np.flatnonzero((table["f"] < low) | (table["f"] > high)).tolist()
    assert heterozygosity_limits(table, QcThresholds(het_sd=0)) is None
    assert heterozygosity_limits(table.head(1), QcThresholds()) is None


def test_missing_heterozygosity():
    table = people()
    table.loc["p7", "f"] = np.nan
    assert hit(people_reasons(table, QcThresholds()), "missing_heterozygosity") == [7]


def test_sex_mismatch_needs_both_sexes():
    table = people(5, sex=[1, 1, 0, 2, 2], sex_inferred=[2, 0, 1, 1, 2], f=np.zeros(5))
    assert hit(people_reasons(table, QcThresholds()), "sex_mismatch") == [0, 3]


def test_third_degree_relatives_beyond_the_limit():
    table = people()
    count = pd.Series({"p1": 10, "p2": 11})
    reasons = people_reasons(table, QcThresholds(), third_degree=count)
    assert hit(reasons, "excess_relatives") == [2]
    assert "excess_relatives" not in {r.name for r in people_reasons(table, QcThresholds())}


def biobank_table(index, *, labels):
    def word(code, text):
        return text if labels else code

    columns = {
        "p22027": [word(1, "Yes"), None, None, None, None, None],
        "p22021": [
            word(0, "No kinship found"),
            word(-1, "Participant excluded from kinship inference process"),
            word(10, "Ten or more third-degree relatives identified"),
            word(1, "At least one relative identified"),
            word(0, "No kinship found"),
            word(0, "No kinship found"),
        ],
        "p22019": [None, None, None, word(1, "Yes"), None, None],
        "p22001": [word(0, "Female")] * 5 + [None],
        "p31": [word(0, "Female")] * 4 + [word(1, "Male")] * 2,
        "p22003": [0.2, 0.2, 0.2, 0.2, 0.2, None],
        "p22020": [word(1, "Yes")] * 4 + [None, None],
        "p22009_a1": [1.0, 1.0, 1.0, 1.0, 1.0, None],
        "p22009_a2": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    }
    return pd.DataFrame(columns, index=index)


@pytest.mark.parametrize("labels", [False, True])
def test_biobank_columns_are_used_instead_of_computed_values(labels):
    table = people(6, f=np.r_[np.zeros(5), 9.0])  # computed F would flag p5 ...
    biobank = BiobankQcColumns.find(biobank_table(table.index, labels=labels))
    reasons = people_reasons(table, QcThresholds(), biobank=biobank)
    assert hit(reasons, "heterozygosity_outlier") == [0]  # ... the biobank says p0
    assert hit(reasons, "missing_heterozygosity") == [5]
    assert hit(reasons, "kinship_exclusion") == [1]
    assert hit(reasons, "excess_relatives") == [2]
    assert hit(reasons, "karyotype") == [3]
    assert hit(reasons, "sex_mismatch") == [4]
    assert hit(reasons, "no_principal_components") == [5]


def test_use_in_the_biobanks_own_components_is_asked_for_by_name():
    table = people(6)
    narrow = BiobankQcColumns.find(
        biobank_table(table.index, labels=False), require_used_in_pca=True
    )
    assert hit(
        people_reasons(table, QcThresholds(), biobank=narrow), "no_principal_components"
    ) == [
        4,
        5,
    ]


def test_biobank_spellings():
    for name in ("22027", "22027-0.0", "f.22027.0.0", "f_22027_0_0", "p22027", "p22027_i0"):
        found = BiobankQcColumns.find(pd.DataFrame({name: [1], "other": [2]}))
        assert found is not None
        assert found.outlier == name
    components = [f"22009-0.{j}" for j in (1, 2, 10)]
    found = BiobankQcColumns.find(pd.DataFrame([[1.0] * 3], columns=components[::-1]))
    assert found.components == tuple(components)
    assert BiobankQcColumns.find(pd.DataFrame({"age": [1], "p31": [0]})) is None


def test_biobank_columns_must_exist():
    with pytest.raises(InputError, match="nothing"):
        BiobankQcColumns(table=pd.DataFrame({"a": [1]}), outlier="nothing")


def test_participants_absent_from_the_biobank_table_are_judged_by_their_genotypes(caplog):
    table = people(6, f=np.r_[np.zeros(5), 9.0], sex_inferred=[2, 2, 2, 2, 1, 2], sex=[2] * 6)
    biobank = BiobankQcColumns.find(biobank_table(table.index, labels=False).iloc[:4])
    reasons = people_reasons(table, QcThresholds(het_sd=1.5), biobank=biobank)
    assert hit(reasons, "heterozygosity_outlier") == [0, 5]  # p0 by its flag, p5 by its F
    assert hit(reasons, "sex_mismatch") == [4]
    assert hit(reasons, "missing_heterozygosity") == []
    assert hit(reasons, "no_principal_components") == []
    assert "2 of 6 participants are not in the table of the biobank's" in caplog.text
    [reason] = [r for r in reasons if r.name == "heterozygosity_outlier"]
    assert reason.description.endswith("|F - mean| > 1.5 SD where not in the table")


def test_a_biobank_table_of_other_participants_is_an_error():
    table = people(6)
    biobank = BiobankQcColumns.find(biobank_table("x" + table.index, labels=False))
    with pytest.raises(InputError, match=r"none of its 6 is: the table has xp0, xp1.*p0, p1"):
        people_reasons(table, QcThresholds(), biobank=biobank)


def test_labels_that_are_none_of_the_biobanks_are_an_error():
    table = people(6)
    biobank = biobank_table(table.index, labels=True)
    biobank["p22027"] = ["Outlier", *["Not outlier"] * 5]
    reasons = people_reasons(table, QcThresholds(), biobank=BiobankQcColumns.find(biobank))
    assert hit(reasons, "heterozygosity_outlier") == [0]
    biobank["p22027"] = ["Odd", *["Not outlier"] * 5]
    with pytest.raises(InputError, match=r"field 22027 in column p22027, got 'Odd' in 1 part"):
        people_reasons(table, QcThresholds(), biobank=BiobankQcColumns.find(biobank))


def test_columns_of_several_tables_all_count():
    table = people(6)
    whole = biobank_table(table.index, labels=False)
    parts = {
        "a": whole[["p22027", "p31"]].iloc[:5],
        "b": whole[["p22001"]],
        "c": whole[["p22027", "p22019"]].iloc[3:],
    }
    reasons = people_reasons(table, QcThresholds(), biobank=BiobankQcColumns.of_tables(parts))
    assert hit(reasons, "heterozygosity_outlier") == [0]
    assert hit(reasons, "sex_mismatch") == [4]  # registered sex of one table, genetic of another
    assert hit(reasons, "karyotype") == [3]
    parts["c"] = whole[["p22027"]].assign(p22027=0.0)
    with pytest.raises(InputError, match="a and c differ in 1, such as p0"):
        BiobankQcColumns.of_tables(parts)
    assert BiobankQcColumns.of_tables({"a": pd.DataFrame({"age": [1]})}) is None


def test_variant_rules_at_their_borders():
    table = pd.DataFrame(
        {
            "call_rate": [0.95, 0.9499, 1, 1, 1, 1, 0, 1],
            "maf": [0.2, 0.2, 0.00099, 0.001, 0.2, 0.2, np.nan, 0.0],
            "mac": [9, 9, 1, 2, 9, 9, np.nan, 0],
            "hwe_neg_log10_p": [5.0, 0, 0, 0, 5.001, np.nan, np.nan, 0],
            "info": [0.9, np.nan, np.nan, np.nan, np.nan, 0.8999, np.nan, np.nan],
        }
    )
    reasons = variant_reasons(table, QcThresholds())
    assert hit(reasons, "all_missing") == [6]
    assert hit(reasons, "monomorphic") == [7]
    assert hit(reasons, "low_call_rate") == [1, 6]
    assert hit(reasons, "low_maf") == [2, 7]
    assert hit(reasons, "hwe") == [4]
    assert hit(reasons, "low_info") == [5]
    off = QcThresholds(maf=0, hwe=0, info=0, variant_call_rate=0)
    assert {r.name for r in variant_reasons(table, off)} == {"all_missing", "monomorphic"}


# --- statistics and a whole run on genotypes ---------------------------------------------------

N_AUTOSOMAL, N_X, N_PAR = 400, 120, 6


@pytest.fixture(scope="module")
def made(hail_session, tmp_path_factory):
    """Genotypes, sex and cohort: p0 low call rate, p1 inbred, p2 a woman reported as a man."""
    rng = np.random.default_rng(11)
    n = 60
    sex = np.array([1, 2] * (n // 2))
    p = rng.uniform(0.2, 0.8, N_AUTOSOMAL + N_X + N_PAR)
    G = genotypes(rng, p, n)
    x = slice(N_AUTOSOMAL, N_AUTOSOMAL + N_X)
    true_sex = sex.copy()
    true_sex[2] = 2
    men = np.flatnonzero(true_sex == 1)
    G[x, men] = 2 * rng.binomial(1, p[x, None], (N_X, len(men)))
    G[N_AUTOSOMAL + 3, men[1]] = 1  # a heterozygous man
    G[rng.random(G.shape) < 0.01] = -1
    G[rng.random(len(G)) < 0.1, 0] = -1
    G[:N_AUTOSOMAL:2, 1] = np.where(G[:N_AUTOSOMAL:2, 1] == 1, 2, G[:N_AUTOSOMAL:2, 1])
    G[0] = 0
    G[1, :20] = -1
    G[2] = np.where(np.arange(n) % 12 == 0, 0, 1)  # far too many heterozygotes
    chromosome = np.r_[np.repeat([1, 2], N_AUTOSOMAL // 2), np.full(N_X + N_PAR, 23)]
    position = np.r_[
        np.tile(np.arange(N_AUTOSOMAL // 2) * 1000 + 1000, 2),
        np.arange(N_X) * 1000 + 5_000_000,
        155_000_000 + np.arange(N_PAR) * 1000,
    ]
    folder = tmp_path_factory.mktemp("qc")
    cohort = bed_cohort(folder, G, chromosome=chromosome, position=position, sex=sex)
    return G, sex, cohort


def inbreeding(G, alleles, alt):
    """(observed − expected) / (called − expected) by person, in plain NumPy."""
    p = alt / alleles
    varies = (p > 0) & (p < 1)
    hom = (1 - 2 * p * (1 - p) * alleles / (alleles - 1))[varies, None]
    called = (G >= 0)[varies]
    observed = ((G == 0) | (G == 2))[varies].sum(axis=0)
    expected = (hom * called).sum(axis=0)
    return (observed - expected) / (called.sum(axis=0) - expected)


@pytest.mark.hail
@pytest.mark.parametrize("engine", ["blocks", "hail"])
def test_people_statistics_equal_numpy(made, engine):
    from gwasbone.cohort.statistics import people_statistics

    G, sex, cohort = made
    got = people_statistics(cohort, engine=engine)
    assert got.index.tolist() == [f"p{i}" for i in range(60)]
    A, Gx = G[:N_AUTOSOMAL], G[N_AUTOSOMAL : N_AUTOSOMAL + N_X]
    np.testing.assert_allclose(got["call_rate"], (A >= 0).mean(axis=0))
    np.testing.assert_allclose(got["het_rate"], (A == 1).sum(axis=0) / (A >= 0).sum(axis=0))
    alt = np.where(A > 0, A, 0).sum(axis=1)
    np.testing.assert_allclose(got["f"], inbreeding(A, 2.0 * (A >= 0).sum(axis=1), alt), rtol=1e-9)
    copies = np.where(sex == 1, 1, 2)
    alleles = ((Gx >= 0) * copies).sum(axis=1)
    alt = (np.where(Gx > 0, Gx, 0) * copies / 2).sum(axis=1)
    np.testing.assert_allclose(got["f_x"], inbreeding(Gx, alleles, alt), rtol=1e-9)
    right = (Gx >= 0) & ~((Gx == 1) & (sex == 1))
    np.testing.assert_allclose(got["call_rate_x"], right.mean(axis=0))
    assert got["f_x"][sex == 1].drop("p2").min() > 0.9
    assert got["f_x"][sex == 2].max() < 0.5
    assert got["f_x"]["p2"] < 0.5


@pytest.mark.hail
@pytest.mark.parametrize("engine", ["blocks", "hail"])
def test_variant_statistics_equal_numpy(made, engine):
    from gwasbone.cohort.statistics import variant_statistics

    G, sex, cohort = made
    out = np.arange(60) == 7
    fewer = cohort.exclude_people("test", "out", out, description="").exclude_variants(
        "test", "out", np.arange(len(G)) == 5, description=""
    )
    got = variant_statistics(fewer, engine=engine)
    assert got.index.equals(cohort.variants.table.index)
    assert got.loc[5].isna().all()
    H, s = G[:, ~out].copy(), sex[~out]
    x = np.zeros(len(G), dtype=bool)
    x[N_AUTOSOMAL : N_AUTOSOMAL + N_X] = True
    H[np.ix_(x, s == 1)] = np.where(H[np.ix_(x, s == 1)] == 1, -1, H[np.ix_(x, s == 1)])
    copies = np.where(x[:, None] & (s == 1), 1, 2)
    alleles = ((H >= 0) * copies).sum(axis=1)
    alt = (np.where(H > 0, H, 0) * copies / 2).sum(axis=1)
    rest = np.arange(len(G)) != 5
    np.testing.assert_allclose(got["call_rate"][rest], (H >= 0).mean(axis=1)[rest])
    np.testing.assert_allclose(got["alt_frequency"][rest], (alt / alleles)[rest])
    np.testing.assert_allclose(got["mac"][rest], np.minimum(alt, alleles - alt)[rest])
    counts = ~x[:, None] | (s == 2)
    for name, genotype in (("hom_ref", 0), ("het", 1), ("hom_alt", 2)):
        np.testing.assert_array_equal(got[name][rest], ((genotype == H) & counts).sum(1)[rest])
    p = hardy_weinberg_neg_log10_p(*(got[c][rest] for c in ("hom_ref", "het", "hom_alt")))
    np.testing.assert_allclose(got["hwe_neg_log10_p"][rest], p)
    assert got["info"].isna().all()
    # women only: with the men, who are never heterozygous, proportions on X would be far off
    assert got["hwe_neg_log10_p"][x].median() < 1


@pytest.mark.hail
def test_a_whole_run_names_who_and_what_goes_and_why(made):
    _, sex, cohort = made
    thresholds = QcThresholds(
        sample_call_rate=0.95, variant_call_rate=0.9, het_sd=4, female_max_f=0.4, maf=0.01
    )
    done = qc(cohort, thresholds, withdrawn=["p9"])
    reasons = done.people.reasons()
    assert reasons[reasons != ""].to_dict() == {
        "p0": "low_call_rate",
        "p1": "heterozygosity_outlier",
        "p2": "sex_mismatch",
        "p9": "withdrawn",
    }
    why = done.variants.reasons()
    assert why.iloc[0] == "monomorphic;low_maf"
    assert why.iloc[1] == "low_call_rate"
    assert why.iloc[2] == "hwe"
    assert (why != "").sum() == 3
    assert done.people.funnel()["remaining"].iloc[-1] == 56
    # another run judges afresh
    again = qc(done, QcThresholds(sample_call_rate=0, het_sd=0, female_max_f=0.4))
    assert again.people.reasons()["p0"] == ""
    assert again.people.reasons()["p2"] == "sex_mismatch"
    # stated sex stays
    assert done.people.table["sex"].tolist() == sex.tolist()


@pytest.mark.hail
def test_info_of_dosages_is_the_variance_ratio(hail_session):
    from gwasbone.cohort.read import cohort_from_mt
    from gwasbone.cohort.statistics import variant_statistics

    hl = hail_session
    rng = np.random.default_rng(5)
    n = 40
    certain = rng.binomial(2, 0.4, n).astype(float)
    blurred = 0.5 * certain + 0.5 * certain.mean()
    rows = [
        {"locus": hl.Locus("1", 100, "GRCh37"), "alleles": ["A", "C"], "d": certain.tolist()},
        {"locus": hl.Locus("1", 200, "GRCh37"), "alleles": ["A", "C"], "d": blurred.tolist()},
    ]
    table = hl.Table.parallelize(
        rows, "struct{locus: locus<GRCh37>, alleles: array<str>, d: array<float64>}"
    )
    table = table.select(locus=table.locus, alleles=table.alleles, d=table.d)
    table = table.annotate(entries=table.d.map(lambda d: hl.struct(dosage=d))).drop("d")
    table = table.annotate_globals(columns=[hl.struct(s=f"p{i}") for i in range(n)])
    mt = table.key_by("locus", "alleles")._unlocalize_entries("entries", "columns", ["s"])
    got = variant_statistics(cohort_from_mt(mt))
    p = certain.mean() / 2
    np.testing.assert_allclose(got["info"], [certain.var() / (2 * p * (1 - p)),
                                             blurred.var() / (2 * p * (1 - p))])  # fmt: skip
    np.testing.assert_allclose(got["alt_frequency"], [p, p])
    assert got["het"].tolist()[0] == (certain == 1).sum()


# --- variants that are called in few, and samples of several ancestries --------------------------


def called_cohort(folder, *, n=60, m=200, missing):
    """Autosomal variants with calls missing where `missing` (m, n) says so."""
    rng = np.random.default_rng(4)
    G = genotypes(rng, rng.uniform(0.2, 0.8, m), n)
    G[missing] = -1
    position = 1 + 1000 * np.arange(m)
    return bed_cohort(folder, G, chromosome=np.ones(m, int), position=position)


@pytest.mark.parametrize("typed", [20, 0])
def test_variants_typed_in_few_or_nobody_do_not_count_against_people(tmp_path, typed, caplog):
    """A tenth of the variants is on the array of 20 of 60 people only, or dead."""
    caplog.set_level("INFO")
    missing = np.zeros((200, 60), dtype=bool)
    missing[:20, typed:] = True
    missing[30:, 7] = True  # a failed sample
    done = qc(called_cohort(tmp_path, missing=missing), QcThresholds(het_sd=0))
    reasons = done.people.reasons()
    assert reasons[reasons != ""].to_dict() == {"p7": "low_call_rate"}
    assert (done.variants.reasons()[:20] != "").all()
    assert "20 of 200 variants are called in fewer than 0.95 of samples" in caplog.text


def test_where_most_variants_are_called_in_few_people_are_judged_on_all(tmp_path, caplog):
    missing = np.zeros((200, 60), dtype=bool)
    missing[:150, :10] = True
    done = qc(called_cohort(tmp_path, missing=missing), QcThresholds(het_sd=0))
    assert (done.people.reasons()[:10] == "low_call_rate").all()
    # without them the variants are called in everybody else
    assert done.variants.n_kept == 200


def test_several_ancestries_in_one_sample_are_warned_of_with_the_count(tmp_path, caplog):
    """Frequencies 0.1 and 0.9 in two halves: half of the heterozygotes that one would have."""
    rng = np.random.default_rng(9)
    p = np.where(rng.random(150) < 0.5, 0.1, 0.9)
    both = np.hstack([genotypes(rng, p, 80), genotypes(rng, 1 - p, 80)])
    one = genotypes(rng, p, 160)
    for G, warned in ((both, True), (one, False)):
        caplog.clear()
        position = 1 + 1000 * np.arange(150)
        cohort = bed_cohort(tmp_path, G, chromosome=np.ones(150, int), position=position)
        done = qc(cohort, QcThresholds(het_sd=0))
        n_failing = int((done.variants.reasons() == "hwe").sum())
        text = f"{n_failing} of 150 variants fail Hardy-Weinberg"
        assert (text in caplog.text and "filter by ancestry first" in caplog.text) == warned
        assert (n_failing > 100) == warned


def test_quality_control_that_keeps_nobody_ends_with_a_line(tmp_path, capsys):
    from gwasbone.cli import main

    missing = np.random.default_rng(1).random((200, 60)) < 0.3
    called_cohort(tmp_path, missing=missing)
    out = tmp_path / "q"
    command = ["qc", "--bfile", str(tmp_path / "made"), "--build", "GRCh37", "--no-plots"]
    assert main([*command, "--out", str(out)]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "expected samples to remain after quality control, none do: 0 of 60" in said
    assert "low_call_rate 60" in said
    assert not out.with_suffix(".keep.txt").exists()
