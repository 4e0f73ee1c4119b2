"""One trait that cannot be analysed is named, and the others go on; levels that tell nothing go."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

import gwasbone as gb
from gwasbone.association.covariates import DroppedCovariateWarning
from gwasbone.association.design import FewCasesWarning, TraitLeftOutWarning, build_design
from gwasbone.association.options import AssociationRequest
from gwasbone.cli import main
from gwasbone.errors import InputError, UsageError
from gwasbone.stats.logistic import fit_logistic

N, M = 600, 12


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    rng = np.random.default_rng(41)
    folder = tmp_path_factory.mktemp("left_out")
    G = rng.binomial(2, rng.uniform(0.1, 0.5, M), (N, M)).astype(np.float32)
    to_bed(
        folder / "g.bed",
        G,
        properties={
            "fid": [f"i{i}" for i in range(N)],
            "iid": [f"i{i}" for i in range(N)],
            "chromosome": ["1"] * M,
            "bp_position": np.arange(1, M + 1) * 1000,
            "allele_1": ["A"] * M,
            "allele_2": ["G"] * M,
        },
    )
    table = pd.DataFrame(
        {
            "bmd": rng.standard_normal(N),
            "age": rng.integers(40, 70, N),
            "centre": rng.choice(["Bury", "Leeds", "Stoke", "York"], N),
            "ill": (rng.random(N) < 0.3) * 1,
        },
        index=[f"i{i}" for i in range(N)],
    )
    table.loc[table["centre"] == "York", "ill"] = 0
    table.loc[table["centre"] == "Stoke", "ill"] = 1
    return folder, G, table


def bad_traits(table):
    few = np.full(N, np.nan)
    few[:2] = [1.0, 2.0]
    return table.assign(
        constant=0.3,
        nearly_constant=np.where(np.arange(N) % 2, 0.3, 0.1 + 0.2),
        empty=np.nan,
        few=few,
        words="tall",
        from_age=1970.5 - table["age"],
        coded_012=np.arange(N) % 3,
    )


BAD = {
    "constant": "to vary, all 600 participants analysed have 0.3",
    "nearly_constant": "to vary",
    "empty": "there are none",
    "few": "at least 4 participants",
    "words": "in column words",
    "from_age": r"beyond its covariates, they \(age\) explain it wholly",
    "coded_012": "give --binary-coding",
}


def design_of(table, **options):
    return build_design(list(table.index), table, AssociationRequest(**options))


@pytest.mark.parametrize("bad", BAD)
def test_one_bad_trait_of_several_is_named_and_left_out(made, bad):
    table = bad_traits(made[2])
    with pytest.warns(TraitLeftOutWarning, match=f"trait {bad} is left out: .*{BAD[bad]}"):
        design = design_of(table, traits=(bad, "bmd"), covariates=("age",))
    assert [trait.name for trait in design.traits] == ["bmd"]
    assert list(design.left_out) == [bad]
    with pytest.raises(InputError, match=BAD[bad]):
        design_of(table, traits=(bad,), covariates=("age",))


def test_a_binary_trait_that_its_covariates_explain_is_left_out(made):
    table = made[2].assign(copy=made[2]["ill"], old=(made[2]["age"] > 55) * 1)
    with pytest.warns(TraitLeftOutWarning, match="old is left out: .*no maximum"):
        design = design_of(table, traits=("old", "ill"), covariates=("age",), method="logistic")
    assert [trait.name for trait in design.traits] == ["ill"]
    with pytest.raises(InputError, match=r"beyond its covariates, they \(copy\)"):
        design_of(table, traits=("ill",), covariates=("copy",), method="linear")


def test_the_others_have_the_numbers_they_have_alone(made, tmp_path, capsys):
    folder, _, table = made
    bad_traits(table).rename_axis("IID").to_csv(tmp_path / "p.tsv", sep="\t", na_rep="NA")

    def assoc(pheno, out):
        return main(
            ["assoc", "--bfile", f"{folder}/g", "--build", "GRCh37", "--pheno", pheno,
             "--pheno-file", f"{tmp_path}/p.tsv", "--covar", "age", "--no-plots",
             "--out", f"{tmp_path}/{out}"]
        )  # fmt: skip

    assert assoc("constant,bmd,from_age", "some") == 0
    told = capsys.readouterr()
    assert "left out: constant" in told.out
    assert "left out: from_age" in told.out
    assert "all 600 participants analysed have 0.3" in told.err
    assert assoc("bmd", "alone") == 0
    capsys.readouterr()
    of_bmd = [(tmp_path / f"{out}.bmd.tsv.gz").read_bytes() for out in ("some", "alone")]
    assert of_bmd[0] == of_bmd[1]
    assert not list(tmp_path.glob("some.constant*"))
    assert assoc("constant,words", "none") == 1
    told = capsys.readouterr()
    assert "to vary" in told.err
    assert "column words" in told.err
    assert [path.name for path in tmp_path.glob("none*")] == ["none.assoc.log"]


def test_a_covariate_that_does_not_vary_among_a_traits_people_is_dropped_there_only(made):
    table = made[2].assign(sex=np.arange(N) % 2 + 1)
    table["menopause"] = table["bmd"].where(table["sex"] == 2)
    with pytest.warns(DroppedCovariateWarning, match="sex left out for menopause: constant"):
        design = design_of(table, traits=("menopause", "bmd"), covariates=("age", "sex"))
    assert [group.covariates for group in design.groups] == [
        ("intercept", "age"),
        ("intercept", "age", "sex"),
    ]
    with pytest.warns(DroppedCovariateWarning, match=r"covariate one is constant \(0.3\)"):
        design = design_of(table.assign(one=0.3), traits=("bmd",), covariates=("age", "one"))
    assert design.covariates == ("age",)


def test_levels_without_both_cases_and_controls_are_left_out_and_named(made):
    table = made[2]
    with pytest.warns(DroppedCovariateWarning) as caught:
        design = design_of(
            table, traits=("ill", "bmd"), covariates=("age",), categorical=("centre",)
        )
    n = table["centre"].value_counts()
    told = str(caught[0].message)
    assert f"centre=Stoke ({n['Stoke']} participants, all cases)" in told
    assert f"centre=York ({n['York']} participants, none a case)" in told
    groups = {group.names[0]: group for group in design.groups}
    assert groups["ill"].n == n["Bury"] + n["Leeds"]
    assert groups["bmd"].n == N


def test_without_those_levels_the_score_is_that_of_everybody_in_the_limit(made):
    """With them the coefficient of a level goes to ±∞, at which its people weigh nothing."""
    _, G, table = made
    with pytest.warns(DroppedCovariateWarning):
        results = gb.associate(
            gb.read_genotypes(bfile=str(made[0] / "g"), build="GRCh37"), ["ill"], ["age"],
            categorical=["centre"], phenotypes=table, test="score",
        )  # fmt: skip
    y, at_infinity = table["ill"].to_numpy(float), np.zeros(N)
    at_infinity[table["centre"] == "York"] = -40
    at_infinity[table["centre"] == "Stoke"] = 40
    leeds = (table["centre"] == "Leeds").to_numpy(float)
    X = np.column_stack([np.ones(N), table["age"] - 55, leeds])
    fit = fit_logistic(X, y, at_infinity)
    w = fit.fitted * (1 - fit.fitted)
    for g, row in zip(G.T.astype(float), results.table("ill").itertuples(), strict=True):
        # the dosage's mean does not matter beside an intercept
        U = g @ (y - fit.fitted)
        WX = X * w[:, None]
        V = g @ (w * g) - g @ WX @ np.linalg.solve(X.T @ WX, WX.T @ g)
        if row.test == "score":
            np.testing.assert_allclose(row.statistic, U / np.sqrt(V), rtol=2e-5, atol=1e-6)


def test_a_two_valued_covariate_of_numbers_is_such_a_level_too(made):
    table = made[2].assign(sex=np.arange(N) % 2)
    table["prostate"] = np.where(table["sex"] == 1, table["ill"], 0)
    with pytest.warns(DroppedCovariateWarning, match=r"sex=0 \(300 participants, none a case\)"):
        design = design_of(table, traits=("prostate",), covariates=("age", "sex"))
    assert design.groups[0].n == 300
    assert design.groups[0].covariates == ("intercept", "age")


def test_few_cases_are_warned_of(made):
    table = made[2].assign(rare=(np.arange(N) < 49) * 1, common=(np.arange(N) < 50) * 1)
    table["mostly"] = 1 - table["rare"]
    with pytest.warns(FewCasesWarning) as caught:
        design_of(table, traits=("rare", "common", "mostly"), covariates=("bmd",))
    told = [str(w.message) for w in caught if w.category is FewCasesWarning]
    assert len(told) == 2
    assert "rare has few cases or controls (49 cases, 551 controls)" in told[0]


@pytest.mark.parametrize(("strangers", "warned"), [(N, False), (N + 1, True)])
def test_few_matched_participants_are_warned_of(made, caplog, strangers, warned):
    folder, _, table = made
    other = table.set_axis([f"x{i}" for i in range(N)], axis=0)
    more = pd.concat([table, other, other.iloc[:1].set_axis(["y"], axis=0)]).iloc[: N + strangers]
    cohort = gb.read_genotypes(bfile=str(folder / "g"), build="GRCh37")
    gb.associate(cohort, ["bmd"], phenotypes=more)
    assert ("only 600 of the 1201 participants" in caplog.text) is warned


def test_a_cohort_without_variants_is_refused_with_the_reasons(made):
    folder, _, table = made
    cohort = gb.read_genotypes(bfile=str(folder / "g"), build="GRCh37")
    cohort = cohort.exclude_variants("t", "rare", np.arange(M) < 5, description="too rare")
    cohort = cohort.exclude_variants("t", "odd", np.arange(M) >= 5, description="odd")
    with pytest.raises(InputError, match=r"none of 12 is left: 5 by too rare, 7 by odd"):
        gb.associate(cohort, ["bmd"], phenotypes=table)


def test_a_message_of_many_levels_is_short():
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {"y": (np.arange(400) < 60) * 1, "batch": rng.integers(0, 150, 400)},
        index=[str(i) for i in range(400)],
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        design_of(table, traits=("y",), categorical=("batch",))
    assert caught
    assert max(len(str(w.message)) for w in caught) < 600


def test_the_logarithm_of_a_trait_is_scanned_and_one_that_has_none_is_left_out(made):
    folder, _, table = made
    cohort = gb.read_genotypes(bfile=str(folder / "g"), build="GRCh37")
    skewed = table.assign(skewed=np.exp(table["bmd"]), zero=np.exp(table["bmd"]).clip(upper=1) - 1)
    with pytest.warns(TraitLeftOutWarning, match="trait zero is left out: logarithm of zero: "):
        found = gb.associate(
            cohort, ["bmd", "skewed", "zero"], phenotypes=skewed, log_traits=["skewed", "zero"]
        )
    columns = ["beta", "standard_error", "neg_log_10_p_value"]
    np.testing.assert_allclose(
        found.table("skewed")[columns], found.table("bmd")[columns], rtol=1e-5
    )
    assert found.provenance["log_traits"] == ["skewed", "zero"]
    with pytest.raises(InputError, match="expected a quantitative trait, it is binary"):
        gb.associate(cohort, ["ill"], phenotypes=table, log_traits=["ill"])
    with pytest.raises(UsageError, match="--log-traits age: expected traits of --pheno"):
        gb.associate(cohort, ["bmd"], phenotypes=table, log_traits=["age"])
