"""The demo's binary trait: its planted variant is found without saying how to scan it."""

from __future__ import annotations

import pandas as pd
import pytest

import gwasbone as gb
from gwasbone.association.design import BinaryTraitWarning
from gwasbone.cli import main
from gwasbone.phenotypes.table import read_people_table
from gwasbone.simulate import SimulationSettings, simulate_cohort
from gwasbone.simulate.demo import QUESTIONNAIRE

#: Planted for every bone density; the cases are those whom the records of the demo name.
PLANTED = "rs1001206524"


@pytest.mark.slow
def test_logistic_regression_finds_what_linear_regression_misses(tmp_path):
    simulate_cohort(
        SimulationSettings(), tmp_path, formats=("plink",),
        questionnaire=QUESTIONNAIRE,
    )  # fmt: skip
    truth = pd.read_csv(tmp_path / "truth" / "causal_variants.tsv", sep="\t")
    assert PLANTED in set(truth.loc[truth["planted"], "source_id"])
    records = ["--table", str(tmp_path / "questionnaire.parquet"), "--out", str(tmp_path / "made")]
    assert main(["phenotypes", *records]) == 0
    people = [read_people_table(tmp_path / name) for name in ("covariates.tsv", "made.cases.tsv")]
    cohort = gb.annotate_phenotypes(
        gb.read_genotypes(bfile=str(tmp_path / "genotypes"), build="GRCh37"),
        people[0].join(people[1]),
    )
    cohort = gb.qc(cohort, gb.QcThresholds())
    british = cohort.people.table["ethnic_background"].isin(["British", "Irish"])
    cohort = cohort.exclude_people("test", "ancestry", ~british.to_numpy(), description="")

    def leads(**options: str) -> set[str]:
        results = gb.associate(
            cohort, ["case"], ["sex", "age", "weight"], categorical=["array", "centre"], **options
        )
        return set(results.leads("case", p_threshold=1e-5, max_blocks=None)["source_id"])

    assert PLANTED in leads()
    with pytest.warns(BinaryTraitWarning):
        assert PLANTED not in leads(method="linear")
