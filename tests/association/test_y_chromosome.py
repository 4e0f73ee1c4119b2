"""Y is tested in men: women's genotypes there and people of unknown sex count for nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from bed_reader import to_bed

import gwasbone as gb

N, M = 400, 6
CHROMOSOMES = ("1", "23", "24", "26")
START = np.repeat([0, 5_000_000, 5_000_000, 0], M)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    rng = np.random.default_rng(51)
    folder = tmp_path_factory.mktemp("y")
    sex = np.where(np.arange(N) % 2, 1, 2)
    sex[-20:] = 0
    G = rng.binomial(2, 0.4, (N, M * len(CHROMOSOMES))).astype(np.float32)
    on_y = slice(2 * M, 3 * M)
    # men are haploid; women's calls there depend on nothing but their sex, which moves the trait
    G[sex == 1, on_y] = 2 * rng.binomial(1, 0.3, ((sex == 1).sum(), M))
    G[sex == 2, on_y] = 0
    G[sex == 0, on_y] = 2
    to_bed(
        folder / "g.bed",
        G,
        properties={
            "fid": [f"i{i}" for i in range(N)],
            "iid": [f"i{i}" for i in range(N)],
            "sex": sex,
            "chromosome": np.repeat(CHROMOSOMES, M),
            "bp_position": np.tile(np.arange(1, M + 1) * 1000, len(CHROMOSOMES)) + START,
            "allele_1": ["A"] * M * len(CHROMOSOMES),
            "allele_2": ["G"] * M * len(CHROMOSOMES),
        },
    )
    table = pd.DataFrame(
        {"sex": sex, "age": rng.normal(60, 8, N)}, index=[f"i{i}" for i in range(N)]
    )
    table["bmd"] = 3.0 * (sex == 1) + 0.02 * table["age"] + rng.standard_normal(N)
    table["womens"] = table["bmd"].where(sex == 2)
    table["ill"] = (rng.random(N) < np.where(sex == 1, 0.4, 0.1)) * 1
    table.loc[table.index[5:9], "bmd"] = np.nan
    return folder, G[:, on_y].astype(float), sex, table


def scan(made, traits, **options):
    cohort = gb.read_genotypes(bfile=str(made[0] / "g"), build="GRCh37")
    return gb.associate(cohort, traits, ["age", "sex"], phenotypes=made[3], **options)


def on_y(results, trait):
    return results.table(trait).query("chromosome == 24").reset_index(drop=True)


def test_y_is_least_squares_in_men(made, caplog):
    _, G, sex, table = made
    caplog.set_level("INFO")
    results = scan(made, ["bmd"])
    whole = results.table("bmd")
    assert set(whole.query("chromosome != 24")["n"]) == {N - 4}
    men = (sex == 1) & table["bmd"].notna()
    y = on_y(results, "bmd")
    assert y["n"].tolist() == [men.sum()] * M
    for g, row in zip(G[men].T, y.itertuples(), strict=True):
        X = np.column_stack([g, np.ones(men.sum()), table["age"][men]])
        fit = sm.OLS(table["bmd"][men].to_numpy(), X).fit()
        np.testing.assert_allclose(
            (row.beta, row.standard_error, row.dof), (fit.params[0], fit.bse[0], fit.df_resid),
            rtol=2e-5,
        )  # fmt: skip
        np.testing.assert_allclose(row.neg_log_10_p_value, -np.log10(fit.pvalues[0]), rtol=1e-4)
        np.testing.assert_allclose(row.effect_allele_frequency, g.mean() / 2)
        assert row.call_rate == 1
    assert "chromosome Y is tested in men only: 20 participants of unknown sex" in caplog.text


def test_women_on_y_change_nothing(made, tmp_path):
    """Without the women and people of unknown sex the rows of Y are the same, bit by bit."""
    folder, _, sex, _ = made
    results = scan(made, ["bmd", "ill"], test="score")
    cohort = gb.read_genotypes(bfile=str(folder / "g"), build="GRCh37")
    men = cohort.exclude_people("t", "not_men", sex != 1, description="")
    alone = gb.associate(men, ["bmd", "ill"], ["age"], phenotypes=made[3], test="score")
    for trait in ("bmd", "ill"):
        pd.testing.assert_frame_equal(on_y(results, trait), on_y(alone, trait), rtol=1e-6)


def test_a_trait_that_no_man_has_is_not_tested_on_y(made, caplog):
    results = scan(made, ["womens", "bmd"])
    assert set(on_y(results, "womens")["status"]) == {"not_testable_in_men"}
    assert set(results.table("womens").query("chromosome != 24")["status"]) == {""}
    assert set(on_y(results, "bmd")["status"]) == {""}
    assert "chromosome Y is not tested for womens" in caplog.text
    alone = scan(made, ["womens"])
    pd.testing.assert_frame_equal(alone.table("womens"), results.table("womens"))


def test_without_men_the_log_says_so_once(made, caplog):
    folder, _, sex, table = made
    cohort = gb.read_genotypes(bfile=str(folder / "g"), build="GRCh37")
    women = cohort.exclude_people("t", "not_women", sex != 2, description="")
    results = gb.associate(women, ["bmd", "ill"], "age", phenotypes=table)
    assert set(on_y(results, "bmd")["status"]) == {"not_testable_in_men"}
    assert caplog.text.count("chromosome Y is not tested") == 1
    assert f"none of {(sex == 2).sum()} participants is a man" in caplog.text


@pytest.mark.hail
@pytest.mark.slow
def test_y_is_the_same_by_both_engines(made, hail_session):
    blocks, hail = (scan(made, ["womens", "bmd"], engine=name) for name in ("blocks", "hail"))
    for trait in ("womens", "bmd"):
        ours, theirs = blocks.table(trait), hail.table(trait)
        same = ["chromosome", "base_pair_location", "n", "status"]
        pd.testing.assert_frame_equal(ours[same], theirs[same])
        np.testing.assert_allclose(ours["beta"], theirs["beta"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(ours["standard_error"], theirs["standard_error"], rtol=1e-5)
