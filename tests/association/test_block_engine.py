"""The block engine gives the table that Hail's own methods give."""

import logging
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

import gwasbone as gb
from gwasbone.association import blocks
from gwasbone.association.associate import associate, choose_engine
from gwasbone.association.design import BinaryTraitWarning, build_design
from gwasbone.association.options import AssociationOptions, AssociationRequest
from gwasbone.cohort.sources import bed_reader as packed_calls
from gwasbone.cohort.sources.matrix_table import MatrixTableSource
from gwasbone.errors import InputError, NotBuiltError

N, M = 230, 120


@pytest.fixture(scope="module")
def fileset(tmp_path_factory):
    rng = np.random.default_rng(21)
    folder = tmp_path_factory.mktemp("engines")
    sex = rng.integers(1, 3, N)
    for name, chromosome in (("c1", "1"), ("c23", "23")):
        G = rng.binomial(2, rng.uniform(0.02, 0.98, M), (N, M)).astype(np.float32)
        G[rng.random((N, M)) < 0.02] = np.nan
        G[:, 4], G[:, 5], G[:, 6] = 2, np.nan, 1
        # chromosome X starts in the pseudo-autosomal region and keeps some men heterozygous
        start = 60_001 if name == "c23" else 10_000
        to_bed(
            folder / f"{name}.bed",
            G,
            properties={
                "fid": [f"f{i}" for i in range(N)],
                "iid": [f"i{i}" for i in range(N)],
                "sex": sex,
                "chromosome": [chromosome] * M,
                "sid": [f"{name}_{i}" for i in range(M)],
                "bp_position": [start + 50_000 * i for i in range(M)],
                "allele_1": ["A"] * M,
                "allele_2": ["<DUP>" if i == 9 else "G" for i in range(M)],
            },
        )
    people = pd.DataFrame(
        {
            "a": rng.standard_normal(N),
            "b": rng.standard_normal(N),
            "c": rng.standard_normal(N),
            "age": rng.uniform(40, 70, N),
            "male": (sex == 1).astype(float),
            "site": rng.choice(["x", "y", "z"], N),
        },
        index=[f"i{i}" for i in range(N)],
    )
    for name, share in (("ill", 0.4), ("rare", 0.06), ("other", 0.3)):
        people[name] = (rng.random(N) < share).astype(float)
    people["one"] = (np.arange(N) == 100).astype(float)
    people.loc[people.index[::7], ["b", "other"]] = np.nan
    people.loc[people.index[3], "c"] = np.nan  # one person fewer than "a"
    people.loc[people.index[11], "age"] = np.nan
    return folder, people


def scan(fileset, engine, traits=("a", "b", "c"), covariates=("age", "male"), **options):
    folder, people = fileset
    cohort = gb.read_genotypes(bfile=str(folder / "c*"), build="GRCh37")
    cohort = gb.annotate_phenotypes(cohort, people)
    cohort = cohort.exclude_people("t", "some", np.arange(N) % 11 == 0, description="")
    cohort = cohort.exclude_variants("t", "some", np.arange(2 * M) % 13 == 0, description="")
    told = {"categorical": ["site"], "engine": engine} | options
    return associate(cohort, traits, covariates, **told)


def binary(fileset, engine, test, **options):
    told = {"traits": ("ill", "rare", "other"), "categorical": ()} | options
    return scan(fileset, engine, method="logistic", test=test, **told)


@pytest.mark.hail
def test_equals_the_hail_engine(fileset, hail_session):
    ours, theirs = scan(fileset, "blocks"), scan(fileset, "hail")
    assert ours.provenance["engine"] == "blocks"
    for trait in ("a", "b", "c"):
        x, y = ours.table(trait), theirs.table(trait)
        same = [
            "chromosome",
            "base_pair_location",
            "other_allele",
            "effect_allele",
            "source_id",
            "n",
        ]
        pd.testing.assert_frame_equal(x[[*same, "status", "test"]], y[[*same, "status", "test"]])
        assert {"", "monomorphic", "all_missing", "symbolic_allele"} == set(x["status"])
        for name in ("effect_allele_frequency", "call_rate", "dof"):
            np.testing.assert_allclose(x[name], y[name], rtol=1e-12)
        np.testing.assert_allclose(x["standard_error"], y["standard_error"], rtol=1e-5)
        difference = ((x["beta"] - y["beta"]) / y["standard_error"]).abs().max()
        print(f"\n{trait}: largest difference of beta {difference:.1e} of its SE")
        assert difference < 2e-5
        np.testing.assert_allclose(
            x["neg_log_10_p_value"], y["neg_log_10_p_value"], rtol=1e-4, atol=1e-5
        )


def test_blocks_and_chunks_change_nothing(fileset, monkeypatch):
    whole = scan(fileset, "auto").table("b")
    monkeypatch.setattr(packed_calls, "CALLS_PER_BLOCK", 7 * N)
    monkeypatch.setattr(blocks, "VARIANTS_PER_CHUNK", 31)
    pieces = scan(fileset, "auto", threads=1).table("b")
    pd.testing.assert_frame_equal(whole, pieces, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("test", ["t", "score", "firth"])
def test_compiled_kernels_change_nothing(fileset, monkeypatch, test):
    def scanned():
        if test == "t":
            return scan(fileset, "auto").table("b")
        return binary(fileset, "auto", test).table("other")

    plain = scanned()
    monkeypatch.setattr(blocks, "WORTH_COMPILING", 0)
    # statistics are about 1, of products in float32
    pd.testing.assert_frame_equal(plain, scanned(), rtol=1e-5, atol=2e-6)


def test_no_jvm_is_started(fileset):
    folder, people = fileset
    people.rename_axis("IID").to_csv(folder / "people.tsv", sep="\t", na_rep="NA")
    code = (
        "import sys; from gwasbone.cli import main; "
        f"code = main(['assoc','--bfile','{folder}/c*','--build','GRCh37','--pheno','a',"
        f"'--pheno-file','{folder}/people.tsv','--covar','age','--no-plots',"
        f"'--out','{folder}/out','--engine','blocks','--force']); "
        "print(code, [m for m in ('hail', 'pyspark') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


@pytest.mark.hail
@pytest.mark.parametrize("test", ["score", "firth"])
@pytest.mark.slow
def test_logistic_equals_the_hail_engine(fileset, hail_session, test):
    ours, theirs = binary(fileset, "blocks", test), binary(fileset, "hail", test)
    assert ours.provenance["engine"] == "blocks"
    for trait in ("ill", "rare", "other"):
        x, y = ours.table(trait), theirs.table(trait)
        same = [
            "chromosome",
            "base_pair_location",
            "other_allele",
            "effect_allele",
            "source_id",
            "n",
        ]
        pd.testing.assert_frame_equal(x[[*same, "status", "test"]], y[[*same, "status", "test"]])
        for name in ("effect_allele_frequency", "call_rate", "dof"):
            np.testing.assert_allclose(x[name], y[name], rtol=1e-12)
        by_firth = (x["test"] == "firth") & (x["status"] == "")
        assert by_firth.sum() > (150 if test == "firth" else 4)
        off = {
            name: ((x[name] - y[name]) / y["standard_error"]).abs()[by_firth].max()
            for name in ("beta", "standard_error")
        }
        print(f"\n{trait}: largest difference of Firth's beta {off['beta']:.1e} of its SE")
        assert off["beta"] < 1e-3
        # beside chi2 = 0 the quotient beta / sqrt(chi2) is rounding error in both engines
        clear = by_firth & (y["statistic"].abs() > 0.1)
        np.testing.assert_allclose(
            x["standard_error"][clear], y["standard_error"][clear], rtol=1e-3
        )
        np.testing.assert_allclose(
            x["neg_log_10_p_value"][by_firth],
            y["neg_log_10_p_value"][by_firth],
            rtol=1e-3,
            atol=1e-4,
        )
        by_score = (x["test"] == "score") & (x["status"] == "")
        assert by_score.any() == (test == "score")
        np.testing.assert_allclose(
            x["standard_error"][by_score], y["standard_error"][by_score], rtol=1e-5
        )
        difference = ((x["beta"] - y["beta"]) / y["standard_error"]).abs()[by_score]
        print(f"{trait}: largest differences of the score's beta {difference.nlargest(1).tolist()}")
        assert (difference < 2e-5).all()
        np.testing.assert_allclose(
            x["neg_log_10_p_value"][by_score],
            y["neg_log_10_p_value"][by_score],
            rtol=1e-4,
            atol=1e-5,
        )


def made(folder, G, table, order=None):
    """A cohort of G (m, n) with the table's columns, people in some order."""
    order = np.arange(G.shape[1]) if order is None else order
    folder.mkdir(exist_ok=True)
    to_bed(
        folder / "made.bed",
        G[:, order].T.astype(np.float32),
        properties={
            "iid": [f"i{i}" for i in order],
            "chromosome": ["1"] * len(G),
            "sid": [f"v{i}" for i in range(len(G))],
            "bp_position": 1000 + 10 * np.arange(len(G)),
            "allele_1": ["A"] * len(G),
            "allele_2": ["G"] * len(G),
        },
    )
    cohort = gb.read_genotypes(bfile=str(folder / "made"), build="GRCh37")
    return gb.annotate_phenotypes(cohort, table)


def test_hails_documented_example_of_firth(tmp_path):
    """Cases AA/Aa/aa 1000/10/0, controls 1000/0/0: Firth's p is 0.00085."""
    g = np.r_[np.zeros(1000), np.ones(10), np.zeros(1000)]
    case = np.r_[np.ones(1010), np.zeros(1000)]
    table = pd.DataFrame({"case": case}, index=[f"i{i}" for i in range(2010)])
    cohort = made(tmp_path / "a", np.stack([g, 2 - g]), table)
    for test in ("score", "firth"):
        found = associate(cohort, ["case"], method="logistic", test=test).table("case")
        assert found["test"].tolist() == ["firth", "firth"]
        np.testing.assert_allclose(10 ** -found["neg_log_10_p_value"], 0.00085, atol=5e-6)
        assert found["beta"][0] == pytest.approx(-found["beta"][1], rel=1e-5)
    spa = associate(cohort, ["case"], method="logistic", test="spa").table("case")
    assert spa["test"].tolist() == ["spa", "spa"]
    # all ten in cases: 2 (1010/2010)^10 = 0.0021; between its atoms p is up to three times less
    assert (10 ** -spa["neg_log_10_p_value"]).between(0.0005, 0.0025).all()
    np.testing.assert_allclose(spa["beta"] / spa["standard_error"], spa["statistic"], rtol=1e-9)


@pytest.mark.parametrize("test", ["score", "firth", "spa"])
def test_swapped_alleles_negate_and_order_does_not_matter(fileset, tmp_path, test):
    _, people = fileset
    rng = np.random.default_rng(4)
    G = rng.binomial(2, rng.uniform(0.03, 0.97, (60, 1)), (60, N)).astype(float)
    G[rng.random(G.shape) < 0.03] = np.nan
    told = {"method": "logistic", "test": test}
    traits, covariates = ["ill", "rare", "other"], ["age", "male"]
    whole = associate(made(tmp_path / "a", G, people), traits, covariates, **told)
    other = made(tmp_path / "b", 2 - G, people, rng.permutation(N))
    swapped = associate(other, traits, covariates, **told)
    for trait in traits:
        x, y = whole.table(trait), swapped.table(trait)
        assert x["test"].tolist() == y["test"].tolist()
        assert len(set(x["test"])) == (1 if test == "firth" else 2)
        np.testing.assert_allclose(y["statistic"], -x["statistic"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            y["beta"] / x["standard_error"], -x["beta"] / x["standard_error"], rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            y["neg_log_10_p_value"], x["neg_log_10_p_value"], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("test", ["score", "spa"])
def test_logistic_blocks_and_chunks_change_nothing(fileset, monkeypatch, test):
    whole = binary(fileset, "auto", test).table("other")
    assert {"", "monomorphic", "all_missing", "symbolic_allele"} == set(whole["status"])
    monkeypatch.setattr(packed_calls, "CALLS_PER_BLOCK", 7 * N)
    monkeypatch.setattr(blocks, "VARIANTS_PER_CHUNK", 31)
    pieces = binary(fileset, "auto", test, threads=1).table("other")
    pd.testing.assert_frame_equal(whole, pieces, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("test", ["score", "firth", "spa"])
def test_a_single_case(fileset, test):
    found = binary(fileset, "blocks", test, traits=("one",), covariates=()).table("one")
    fine = found["status"] == ""
    assert fine.sum() > 150
    assert np.isfinite(
        found.loc[fine, ["beta", "standard_error", "statistic", "neg_log_10_p_value"]]
    ).all(axis=None)
    assert (
        found["neg_log_10_p_value"][fine] < 2.8
    ).all()  # one case in 209 has no p below 1/209 by far


def test_a_covariate_that_predicts_cases_is_named(fileset):
    folder, people = fileset
    people = people.assign(scan=people["ill"] * 2.0 + np.random.default_rng(1).random(N))
    with pytest.raises(InputError, match=r"ill .*no maximum \(separation\).*scan"):
        binary((folder, people), "blocks", "score", traits=("ill",), covariates=("scan",))


@pytest.mark.parametrize(
    ("engine", "test"), [("hail", "spa"), ("blocks", "wald"), ("blocks", "lrt")]
)
def test_an_engine_is_refused_where_it_cannot(fileset, engine, test):
    with pytest.raises(NotBuiltError, match=f"--test {test}: not built yet for --engine {engine}"):
        binary(fileset, engine, test)


def test_saddlepoint_needs_bed_files_and_wald_goes_to_hail(fileset):
    folder, people = fileset
    cohort = gb.read_genotypes(bfile=str(folder / "c1"), build="GRCh37")
    told = {"traits": ("ill",), "covariates": ("age",), "method": "logistic"}
    design = build_design(
        cohort.people.kept_table().index.tolist(), people, AssociationRequest(**told)
    )
    assert choose_engine(cohort, design, AssociationOptions(engine="auto", test="spa")) == "blocks"
    assert choose_engine(cohort, design, AssociationOptions(engine="auto", test="wald")) == "hail"
    assert choose_engine(cohort, design, AssociationOptions(engine="hail", test="score")) == "hail"
    elsewhere = replace(cohort, source=MatrixTableSource(SimpleNamespace(entry=["GT"]), (), "x"))
    for engine in ("auto", "blocks"):
        with pytest.raises(NotBuiltError, match=r"spa.*\.bed"):
            choose_engine(elsewhere, design, AssociationOptions(engine=engine, test="spa"))
    with pytest.raises(NotBuiltError, match=r"score.*\.bed"):
        choose_engine(elsewhere, design, AssociationOptions(engine="blocks", test="score"))


@pytest.mark.parametrize(
    "engine", ["blocks", pytest.param("hail", marks=[pytest.mark.hail, pytest.mark.slow])]
)
def test_binary_and_quantitative_traits_in_one_run(fileset, engine, caplog):
    traits, told = ("a", "ill", "b", "rare"), {"categorical": ()}
    with caplog.at_level(logging.INFO, logger="gwasbone"):
        mixed = scan(fileset, engine, traits, **told)
    linear = scan(fileset, engine, ("a", "b"), method="linear", **told)
    logistic = scan(fileset, engine, ("ill", "rare"), method="logistic", **told)
    for trait, apart in (("a", linear), ("b", linear), ("ill", logistic), ("rare", logistic)):
        pd.testing.assert_frame_equal(mixed.table(trait), apart.table(trait), check_exact=True)
    assert mixed.provenance["method"] == mixed.provenance["test"] == "by trait"
    assert {n: (t["method"], t["test"]) for n, t in mixed.provenance["traits"].items()} == {
        "a": ("linear", "t"), "ill": ("logistic", "score"),
        "b": ("linear", "t"), "rare": ("logistic", "score"),
    }  # fmt: skip
    assert linear.provenance["method"] == "linear"
    n, cases = logistic.table("ill")["n"].iloc[0], logistic.provenance["traits"]["ill"]["n_cases"]
    assert f"a: linear regression, t test ({n} people)" in caplog.text
    said = f"ill: logistic regression, score test ({cases} cases, {n - cases} controls)"
    assert said in caplog.text


def test_a_linear_model_of_a_binary_trait_is_forced_and_said(fileset, caplog):
    with (
        caplog.at_level(logging.INFO, logger="gwasbone"),
        pytest.warns(BinaryTraitWarning, match="ill"),
    ):
        results = scan(fileset, "blocks", ("a", "ill"), method="linear")
    assert set(results.tested("ill")["test"]) == {"t"}
    assert results.provenance["traits"]["ill"]["method"] == "linear"
    assert "ill: linear regression, t test" in caplog.text
    assert "; --method linear)" in caplog.text
