"""Areas, intervals and tests are those of R's pROC, kept in ``oracles/`` and made again here."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gwasbone.stats.roc import (
    area_under_curve,
    auc_covariance,
    compare_paired_auc,
    compare_unpaired_auc,
)

ORACLES = Path(__file__).parent / "oracles"
PEOPLE = ORACLES / "proc_people.csv"
KEPT = json.loads((ORACLES / "proc_roc.json").read_text())
SETS = dict(list(pd.read_csv(PEOPLE).groupby("set")))
CLOSE = {"rtol": 0, "atol": 1e-12}


def test_what_made_the_oracle_is_kept():
    assert KEPT["made_by"] == "R version 4.2.2 Patched (2022-11-10 r83330), pROC 1.18.0"


@pytest.mark.parametrize("name", SETS)
def test_area_interval_and_paired_test(name):
    people, theirs = SETS[name], KEPT[name]
    scores = people[["score_1", "score_2"]].to_numpy().T
    ours = area_under_curve(people["case"], scores[0])
    test = compare_paired_auc(people["case"], *scores)
    covariance = auc_covariance(people["case"], scores)
    pairs = {
        "auc_1": ours.auc,
        "auc_2": test.auc_2,
        "variance_1": ours.se**2,
        "lower": ours.lower,
        "upper": ours.upper,
        "z": test.statistic,
        "p": 10**-test.neg_log10_p,
        "covariance": covariance[0, 1],
    }
    for field, value in pairs.items():
        np.testing.assert_allclose(value, theirs[field], err_msg=field, **CLOSE)
    np.testing.assert_allclose(covariance[0, 0], theirs["variance_1"], **CLOSE)
    spread = np.sqrt(covariance[0, 0] * covariance[1, 1])
    np.testing.assert_allclose(test.correlation, covariance[0, 1] / spread, **CLOSE)


def test_unpaired_test_with_its_degrees_of_freedom():
    one, two = (tuple(SETS[s][["case", "score_1"]].to_numpy().T) for s in ("continuous", "tied"))
    ours, theirs = compare_unpaired_auc(one, two), KEPT["unpaired"]
    np.testing.assert_allclose(ours.statistic, theirs["t"], **CLOSE)
    np.testing.assert_allclose(ours.dof, theirs["dof"], rtol=1e-12)
    np.testing.assert_allclose(10**-ours.neg_log10_p, theirs["p"], **CLOSE)


@pytest.mark.peer
def test_r_says_the_same_again():
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("Rscript is not installed (apt-get install r-base-core r-cran-proc)")
    done = subprocess.run(
        [rscript, ORACLES / "proc_roc.R", PEOPLE], capture_output=True, text=True, timeout=120
    )
    if "no package called" in done.stderr:
        pytest.skip("pROC is not installed (apt-get install r-cran-proc)")
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    for name in (*SETS, "unpaired"):
        for field, value in KEPT[name].items():
            np.testing.assert_allclose(again[name][field], value, err_msg=field, **CLOSE)
