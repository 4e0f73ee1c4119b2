"""Who is analysed for what, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from gwasbone.association.covariates import DroppedCovariateWarning
from gwasbone.association.design import BinaryTraitWarning
from gwasbone.association.design import build_design as design_of_request
from gwasbone.association.options import AssociationRequest
from gwasbone.errors import InputError, UsageError
from gwasbone.phenotypes.traits import rank_inverse_normal

N = 40
IDS = [f"p{i}" for i in range(N)]


def build_design(ids, table, **options):
    """The design of a linear scan, or as options say."""
    columns = {name: tuple(v) if isinstance(v, list) else v for name, v in options.items()}
    return design_of_request(ids, table, AssociationRequest(**{"method": "linear"} | columns))


@pytest.fixture
def table():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "bmd": rng.normal(size=N),
            "height": rng.normal(170, 10, size=N),
            "fracture": np.arange(N) % 2,
            "plink": np.arange(N) % 2 + 1,
            "age": rng.normal(60, 8, size=N),
            "weight": rng.normal(80, 8, size=N),
            "centre": np.array(["Leeds", "Bury", "Bury", "Stoke"])[np.arange(N) % 4],
        },
        index=IDS,
    )


def test_missing_covariates_and_missing_traits(table):
    table.loc[["p0", "p1"], "age"] = np.nan
    table.loc[["p1", "p2"], "bmd"] = np.nan
    ids = [*IDS[::-1], "stranger"]
    design = build_design(ids, table, traits=["bmd", "height"], covariates=["age"])
    assert design.n_not_in_table == 1
    assert design.n_without_covariate == 2
    bmd, height = design.groups
    assert bmd.n == N - 3
    assert height.n == N - 2
    people = np.array(ids)[bmd.people]
    assert set(people) == set(IDS) - {"p0", "p1", "p2"}
    np.testing.assert_array_equal(bmd.Y[:, 0], table.loc[people, "bmd"])
    age = table.loc[people, "age"].to_numpy()
    np.testing.assert_allclose(bmd.X[:, 1], (age - age.mean()) / age.std())
    assert bmd.covariates == ("intercept", "age")
    assert np.isnan(design.covariate_matrix[~height.people, 1]).all()


def test_traits_of_the_same_people_share_a_group_in_the_order_asked(table):
    table["other"] = table["bmd"] ** 2
    table.loc["p5", "height"] = np.nan
    design = build_design(IDS, table, traits=["other", "height", "bmd"])
    assert [group.names for group in design.groups] == [("other", "bmd"), ("height",)]


def test_order_of_people_in_the_table_does_not_matter(table):
    shuffled = table.sample(frac=1, random_state=3)
    one = build_design(IDS, table, traits=["bmd"], covariates=["age"]).groups[0]
    two = build_design(IDS, shuffled, traits=["bmd"], covariates=["age"]).groups[0]
    np.testing.assert_array_equal(one.Y, two.Y)
    np.testing.assert_allclose(one.X, two.X)


def test_categories_become_indicators_against_the_most_frequent(table):
    design = build_design(IDS, table, traits=["bmd"], categorical=["centre"])
    assert design.covariates == ("centre=Leeds", "centre=Stoke")
    leeds = design.groups[0].X[:, 1] > 0
    np.testing.assert_array_equal(leeds, table["centre"] == "Leeds")


def test_a_single_level_is_left_out_with_a_warning(table):
    table["centre"] = "Bury"
    with pytest.warns(DroppedCovariateWarning, match="centre has the single level Bury"):
        design = build_design(IDS, table, traits=["bmd"], categorical=["centre"])
    assert design.covariates == ()


def test_a_level_nobody_with_the_trait_has_is_left_out_there_only(table):
    table.loc[table["centre"] == "Stoke", "bmd"] = np.nan
    with pytest.warns(DroppedCovariateWarning, match="centre=Stoke left out for bmd"):
        design = build_design(IDS, table, traits=["bmd", "height"], categorical=["centre"])
    assert design.groups[0].covariates == ("intercept", "centre=Leeds")
    assert design.groups[1].covariates == ("intercept", "centre=Leeds", "centre=Stoke")


def test_a_reference_level_that_is_absent_does_not_make_the_matrix_singular(table):
    table.loc[table["centre"] == "Bury", "bmd"] = np.nan
    with pytest.warns(DroppedCovariateWarning):
        design = build_design(IDS, table, traits=["bmd"], categorical=["centre"])
    X = design.groups[0].X
    assert np.linalg.matrix_rank(X) == X.shape[1] == 2


def test_collinear_covariates_are_named(table):
    table["sum"] = 3 + table["age"] - 2 * table["weight"]
    with pytest.raises(InputError, match="sum is a combination of age and weight"):
        build_design(IDS, table, traits=["bmd"], covariates=["age", "weight", "sum"])
    table["centre2"] = (table["centre"] == "Stoke") * 1
    with pytest.raises(InputError, match="centre=Stoke is a combination of centre2"):
        build_design(IDS, table, traits=["bmd"], covariates=["centre2"], categorical=["centre"])


def test_nearly_collinear_covariates_are_allowed(table):
    table["age2"] = table["age"] + np.random.default_rng(2).normal(0, 0.01, N)
    build_design(IDS, table, traits=["bmd"], covariates=["age", "age2"])


def test_large_offsets_are_not_mistaken_for_the_intercept(table):
    table["date"] = 1e9 + np.arange(N) * 86400.0
    design = build_design(IDS, table, traits=["bmd"], covariates=["date"])
    np.testing.assert_allclose(design.groups[0].X[:, 1].std(), 1)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"bmd": 2.5}, {}, "trait bmd to vary, all 40 participants analysed have 2.5"),
        ({"bmd": np.nan}, {}, r"none \(0 genotyped"),
        ({"age": np.nan}, {"covariates": ["age"]}, "no participant has them all"),
        ({"bmd": "tall"}, {}, "column bmd, got 'tall'"),
        ({"bmd": [0, 1, 2, 1] * 10}, {}, "0, 1 and 2: give --binary-coding"),
        ({"bmd": [0, 1, 2, 1] * 10}, {"binary_coding": "01"}, "coding 01, it also has 2"),
        (
            {},
            {"method": "logistic"},
            "0/1, 1/2 or Yes/No for logistic regression, it has 40 different",
        ),
    ],
)
def test_what_is_refused(table, change, options, words):
    with pytest.raises(InputError, match=words):
        build_design(IDS, table.assign(**change), traits=["bmd"], **options)


def test_too_few_people(table):
    table.loc[IDS[3:], "bmd"] = np.nan
    with pytest.raises(InputError, match="at least 4 participants for trait bmd"):
        build_design(IDS, table, traits=["bmd"], covariates=["age"])


def test_no_common_people_shows_two_of_each(table):
    with pytest.raises(InputError, match="genotypes have x1, x2, the table has p0, p1"):
        build_design(["x1", "x2", "x3"], table, traits=["bmd"])


def test_people_twice(table):
    with pytest.raises(InputError, match=r"once in the genotypes, 1 are there twice \(p1\)"):
        build_design(["p1", "p1"], table, traits=["bmd"])


@pytest.mark.parametrize("name", ["fracture", "plink"])
def test_binary_coding_is_seen(table, name):
    group = build_design(IDS, table, traits=[name], method="logistic").groups[0]
    assert group.traits[0].kind == "binary"
    assert group.traits[0].n_cases == N / 2
    np.testing.assert_array_equal(group.Y[:, 0], np.arange(N) % 2)


def test_binary_coding_12_reads_plink_missing_codes(table):
    table["fracture"] = [-9, 0, 1, 2] * 10
    group = build_design(
        IDS, table, traits=["fracture"], method="logistic", binary_coding="12"
    ).groups[0]
    assert group.n == 20
    assert group.traits[0].n_cases == 10


def test_linear_model_of_a_binary_trait_warns(table):
    with pytest.warns(BinaryTraitWarning, match=r"binary trait fracture \(20 cases"):
        build_design(IDS, table, traits=["fracture"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_design(IDS, table, traits=["bmd"])


def test_a_trait_cannot_be_its_own_covariate(table):
    with pytest.raises(UsageError, match="age is both"):
        build_design(IDS, table, traits=["age"], covariates=["age"])


def test_blom_scores_by_hand():
    # n = 4: (r - 3/8) / 4.25 for r = 1, 2.5, 2.5, 4 -> 0.147059, 0.5, 0.5, 0.852941
    np.testing.assert_allclose(
        rank_inverse_normal([5, 7, 7, 9]), [-1.0491314, 0, 0, 1.0491314], atol=1e-7
    )


def test_rint_and_standardize_are_within_the_people_of_the_trait(table):
    table.loc["p0", "bmd"] = np.nan
    y = build_design(IDS, table, traits=["bmd"], rint=True).groups[0].Y[:, 0]
    np.testing.assert_allclose(y, rank_inverse_normal(table["bmd"].dropna()))
    y = build_design(IDS, table, traits=["bmd"], standardize=True).groups[0].Y[:, 0]
    assert abs(y.mean()) < 1e-12
    assert abs(y.std(ddof=1) - 1) < 1e-12
    with pytest.raises(UsageError):
        build_design(IDS, table, traits=["fracture"], method="logistic", rint=True)


def test_by_default_each_trait_has_the_method_of_its_kind(table):
    traits = ["bmd", "fracture", "height", "plink"]
    design = build_design(IDS, table, traits=traits, method="auto", rint=True)
    assert {g.names: g.method for g in design.groups} == {
        ("bmd", "height"): "linear",
        ("fracture", "plink"): "logistic",
    }
    assert design.methods == ("linear", "logistic")
    assert [trait.name for trait in design.of("logistic").traits] == ["fracture", "plink"]
    # --rint is of quantitative traits; a run without any is refused
    bmd = design.of("linear").groups[0].Y[:, 0]
    np.testing.assert_allclose(bmd, rank_inverse_normal(table["bmd"]))
    assert set(design.of("logistic").groups[0].Y[:, 0]) == {0, 1}
    with pytest.raises(UsageError, match="fracture is binary"):
        build_design(IDS, table, traits=["fracture"], method="auto", rint=True)


def test_by_default_0_1_2_is_refused_until_its_coding_is_told(table):
    table["ill"] = [0, 1, 2, 2] * 10
    with pytest.raises(InputError, match="it has 0, 1 and 2: give --binary-coding"):
        build_design(IDS, table, traits=["ill"], method="auto")
    group = build_design(IDS, table, traits=["ill"], method="auto", binary_coding="12").groups[0]
    assert (group.method, group.n, group.traits[0].n_cases) == ("logistic", 30, 20)
