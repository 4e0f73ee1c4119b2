"""Pages of quality control: what they draw is what people were judged by."""

import numpy as np
import pytest

import gwasbone as gb
from gwasbone.cohort.qc import heterozygosity_limits
from gwasbone.plots.page import description_of
from gwasbone.report.pages.cohort import people_sections, qc_page

pytestmark = pytest.mark.usefixtures("small_counts_shown")
N = 300


def scatter(cohort, thresholds):
    return dict(people_sections(cohort, thresholds)).get("Heterozygosity and call rate")


def test_quality_control_of_one_person_has_a_page(tmp_path):
    alone = gb.example_cohort().exclude_people("t", "x", np.arange(N) > 0, description="")
    thresholds = gb.QcThresholds()
    qc_page(gb.qc(alone, thresholds), thresholds, tmp_path / "page.html", title="one")
    assert "SD" not in description_of(scatter(gb.qc(alone, thresholds), thresholds))


@pytest.mark.parametrize("het_sd", [0, 2, 3])
def test_limits_that_are_drawn_are_those_that_people_were_judged_by(het_sd):
    # the example's people are called alike: with the median as the least, half are poorly called
    least = float(gb.cohort.qc_people(gb.example_cohort()).people.table["call_rate"].median())
    thresholds = gb.QcThresholds(sample_call_rate=least, het_sd=het_sd)
    cohort = gb.cohort.qc_people(gb.example_cohort(), thresholds)
    said = description_of(scatter(cohort, thresholds))
    if not het_sd:
        assert "SD" not in said
        return
    f = cohort.people.table["f"]
    low, high = heterozygosity_limits(cohort.people.table, thresholds)
    assert (low, high) != pytest.approx((f.mean() - het_sd * f.std(), f.mean() + het_sd * f.std()))
    for side, beyond in (("below", f < low), ("above", f > high)):
        n = int(beyond.sum())
        assert f"SD: {n} {side}" in said
