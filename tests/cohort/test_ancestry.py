"""The ancestry filter: Eq. 2 by hand, its border, and real populations."""

import numpy as np
import pandas as pd
import pytest
from made_cohorts import bed_cohort, genotypes

from gwasbone.cohort.ancestry import ancestry_deviation, british_ancestry
from gwasbone.errors import InputError, UsageError


def nearest_centroid_leave_one_out(scores, groups):
    """The group whose centre, computed without the person, is nearest."""
    labels = np.unique(groups)
    predicted = []
    for i in range(len(scores)):
        others = np.arange(len(scores)) != i
        centres = [scores[others & (groups == g)].mean(axis=0) for g in labels]
        predicted.append(labels[np.argmin([((scores[i] - c) ** 2).sum() for c in centres])])
    return np.array(predicted)


def test_deviation_by_hand():
    # reference: PC1 in (8, 10, 12), PC2 in (-1, 0, 1): means 10 and 0, SDs 2 and 1
    scores = np.array([[8, -1], [10, 0], [12, 1], [16, 4], [np.nan, 0]], dtype=float)
    got = ancestry_deviation(scores, [True, True, True, False, False], n_components=2)
    np.testing.assert_allclose(got.centre, [10, 0])
    np.testing.assert_allclose(got.sd, [2, 1])
    np.testing.assert_allclose(got.squared, [2, 0, 2, 9 + 16, np.nan])
    assert got.n_reference == 3


def test_later_components_do_not_count_and_scale_does_not_matter():
    rng = np.random.default_rng(0)
    scores, reference = rng.standard_normal((50, 9)), np.arange(50) < 30
    first = ancestry_deviation(scores[:, :6], reference).squared
    np.testing.assert_allclose(ancestry_deviation(scores, reference).squared, first)
    moved = scores * rng.uniform(0.1, 10, 9) + 3
    np.testing.assert_allclose(ancestry_deviation(moved, reference).squared, first)


@pytest.mark.parametrize(
    ("scores", "reference", "says"),
    [
        (np.zeros((9, 2)), np.ones(9, bool), "6 components"),
        (np.random.default_rng(1).standard_normal((9, 6)), np.arange(9) < 4, "got 4"),
        (np.c_[np.random.default_rng(1).standard_normal((9, 5)), np.ones(9)], np.ones(9, bool),
         "component 6"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_refused(scores, reference, says):
    with pytest.raises(InputError, match=says):
        ancestry_deviation(scores, reference)


@pytest.fixture
def cohort(tmp_path):
    G = genotypes(np.random.default_rng(2), np.full(3, 0.5), 40)
    return bed_cohort(tmp_path, G, chromosome=np.ones(3, int), position=np.array([1, 2, 3]))


@pytest.fixture
def scores(cohort):
    """20 reference people at (±1) on PC1 and PC2, the others at stated distances in SD."""
    index = cohort.people.table.index
    pcs = pd.DataFrame(0.0, index=index, columns=["PC1", "PC2"])
    pcs.iloc[:20, 0] = np.tile([1, -1], 10)
    pcs.iloc[:20, 1] = np.repeat([1, -1], 10)
    sd = pcs.iloc[:20].std()
    for row, distance in ((20, 2.0), (21, 4.9), (22, 6.99), (23, 7.0), (24, 7.01), (25, 30)):
        pcs.iloc[row] = [distance * sd["PC1"], 0]
    pcs.iloc[26] = [5 * sd["PC1"], 5 * sd["PC2"]]  # D = 50, though each component is within 7
    return pcs


def groups(cohort):
    names = np.array(["British"] * 15 + ["Irish"] * 5 + ["Other"] * 20, dtype=object)
    names[39] = None
    return pd.Series(names, index=cohort.people.table.index)


def test_the_squared_sum_is_compared_with_the_squared_radius(cohort, scores):
    done = british_ancestry(cohort, scores, groups(cohort), n_components=2)
    why = done.people.reasons()
    # 2 SD to 6.99 SD have D from 4 to 48.9, mostly above 7: a radius of 7 keeps them
    assert why[why != ""].index.tolist() == ["p23", "p24", "p25", "p26"]
    deviation = done.people.table["ancestry_deviation"]
    np.testing.assert_allclose(deviation.iloc[[20, 22, 26]], [4, 6.99**2, 50])
    assert "49" in done.funnel()["description"].iloc[-1]
    smaller = british_ancestry(cohort, scores, groups(cohort), n_components=2, radius=3)
    assert smaller.people.table.index[~smaller.people.kept].tolist() == [
        f"p{i}" for i in range(21, 27)
    ]


def test_people_without_scores_are_named_and_without_group_are_judged(cohort, scores):
    done = british_ancestry(cohort, scores.drop(index=["p30"]), groups(cohort), n_components=2)
    assert done.people.reasons()["p30"] == "no_scores"
    assert done.people.reasons()["p39"] == ""
    assert done.people.table["PC1"].isna().tolist() == [i == 30 for i in range(40)]


def test_only_kept_people_define_the_centre(cohort, scores):
    wild = scores.copy()
    wild.loc["p0"] = 1000.0
    out = cohort.exclude_people("test", "out", np.arange(40) == 0, description="")
    done = british_ancestry(out, wild, groups(cohort), n_components=2)
    assert done.people.reasons()["p25"] == "ancestry_deviation"
    assert done.people.table["ancestry_deviation"]["p0"] > 49


def test_wrong_columns_groups_and_radius_are_refused(cohort, scores):
    with pytest.raises(InputError, match="PC3"):
        british_ancestry(cohort, scores, groups(cohort))
    with pytest.raises(InputError, match=r"Welsh.*British"):
        british_ancestry(cohort, scores, groups(cohort), reference=["Welsh"], n_components=2)
    with pytest.raises(UsageError, match="radius"):
        british_ancestry(cohort, scores, groups(cohort), n_components=2, radius=0)


@pytest.mark.parametrize("value", [0.1, 1 / 3, -7.3])
def test_a_component_that_is_constant_but_for_rounding_is_refused_not_divided_by(value):
    scores = np.random.default_rng(1).standard_normal((40, 2))
    scores[:, 1] = value
    assert scores[:20, 1].std(ddof=1) < 1e-14
    with pytest.raises(InputError, match="component 2 is the same in all 20 participants"):
        ancestry_deviation(scores, np.arange(40) < 20, n_components=2)
    scores[:, 1] = 1e-17 * np.random.default_rng(2).standard_normal(40)
    with pytest.raises(InputError, match="component 2"):
        ancestry_deviation(scores, np.arange(40) < 20, n_components=2)


def test_codes_of_groups_are_met_whether_they_are_numbers_or_text(cohort, scores):
    names = groups(cohort).map({"British": 1001.0, "Irish": 1002.0, "Other": 4001.0})
    wanted = british_ancestry(cohort, scores, groups(cohort), n_components=2)
    for column in (names, names.map(str, na_action="ignore"), names.astype("Int64")):
        for reference in (["1001", "1002"], ["1001.0", "1002.0"]):
            done = british_ancestry(cohort, scores, column, reference=reference, n_components=2)
            assert (done.people.kept == wanted.people.kept).all()
            assert done.people.table["ancestry_group"].dropna().unique()[0] == "1001"


def test_a_misspelt_second_group_is_named(cohort, scores, caplog):
    reference = ["British", "Irsh"]
    british_ancestry(cohort, scores, groups(cohort), reference=reference, n_components=2)
    assert "no participant reports Irsh; did you mean Irish" in caplog.text


@pytest.mark.real
@pytest.mark.hail
def test_outliers_planted_among_europeans_are_found(hail_session, shared_data):
    """Two chromosomes are enough for other continents; admixed people need more."""
    from gwasbone.cohort.pca import principal_components
    from gwasbone.cohort.prune import prune
    from gwasbone.cohort.read import read_genotypes

    folder = shared_data / "genotypes" / "1kg_eur_planted"
    cohort = read_genotypes(bfile=str(folder / "human"), build="GRCh37", id_rule="fid_iid")
    samples = pd.read_csv(folder / "samples.tsv", sep="\t")
    group = samples.set_index(samples["fid"] + "_" + samples["iid"])["superpopulation"]
    pcs = principal_components(cohort, prune(cohort, maf=0.05).index, k=6)
    done = british_ancestry(cohort, pcs.scores, group, reference=["EUR"])
    table = done.people.table
    kept = pd.Series(done.people.kept, index=table.index).groupby(table["ancestry_group"]).mean()
    print(table[table["ancestry_group"].isin(["AMR", "SAS"])]["ancestry_deviation"].round(1))
    assert kept["AFR"] == kept["EAS"] == 0
    assert kept["EUR"] >= 0.95
    far = table["ancestry_group"].isin(["AFR", "EAS"])
    assert table.loc[far, "ancestry_deviation"].min() > 49


@pytest.mark.real
@pytest.mark.hail
@pytest.mark.slow
def test_all_continents_are_told_apart(hail_session, shared_data, tmp_path):
    """1000 Genomes: the filter keeps Europeans, components separate super-populations."""
    from gwasbone.cohort.pca import principal_components, project
    from gwasbone.cohort.read import read_genotypes
    from gwasbone.cohort.statistics import people_statistics, variant_statistics

    folder = shared_data / "genotypes" / "1kg_vcf"
    cohort = read_genotypes(vcf=str(folder / "*.vcf.gz"), build="GRCh37")
    samples = pd.read_csv(folder / "samples.tsv", sep="\t").set_index("sample")
    sex = samples["sex"].map({"male": 1, "female": 2})
    cohort = cohort.annotate_people(sex.to_frame())
    people = people_statistics(cohort)
    men = (sex.reindex(people.index) == 1).to_numpy()
    assert people["call_rate_x"][men].min() > 0.99
    assert people["f_x"][men].min() > 0.95
    common = (variant_statistics(cohort)["maf"] > 0.05).to_numpy()
    pcs = principal_components(cohort, common, k=6)
    group = samples["superpopulation"].reindex(pcs.scores.index)
    done = british_ancestry(cohort, pcs.scores, group, reference=["EUR"])
    is_european = (group == "EUR").to_numpy()
    assert done.people.kept[is_european].all()
    assert (~done.people.kept[~is_european]).sum() >= 80
    predicted = nearest_centroid_leave_one_out(pcs.scores.to_numpy()[:, :4], group.to_numpy())
    assert (predicted == group).mean() >= 0.95
    # a source without .bed files is exported, once for the components and once for this
    np.testing.assert_allclose(project(cohort, pcs), pcs.scores, atol=1e-6)
