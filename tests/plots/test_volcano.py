"""Effects against evidence: the precise are seen, the uncertain counted."""

import numpy as np
import pandas as pd
import pytest
from made_scan_tables import made_scan, marks, texts

from gwasbone.errors import InputError
from gwasbone.plots.page import description_of, notes_of
from gwasbone.plots.volcano import volcano


def test_every_strong_variant_is_drawn_at_its_effect():
    results = made_scan(1, peaks=[(10, 12.5), (20, 40.0)])
    plot = volcano(results, title="t")
    x, y = marks(plot)
    high = results[results["neg_log_10_p_value"] > 3.5]
    for row in high.itertuples():
        at = np.isclose(x, row.beta, rtol=1e-5) & np.isclose(y, row.neg_log_10_p_value, rtol=1e-5)
        assert at.sum() == 1
    assert plot.x_range.end > high["beta"].abs().max()
    assert plot.x_range.start == -plot.x_range.end


def test_of_one_spot_the_most_precise_is_drawn():
    spot = pd.DataFrame({"chromosome": 1, "base_pair_location": [1, 2, 3], "beta": [0.1, 0.1, 0.9]})
    spot = spot.assign(standard_error=[0.5, 0.1, 9.0], neg_log_10_p_value=[1.0, 1.0, 9.0])
    spot["effect_allele_frequency"] = [0.001, 0.5, 0.5]
    plot = volcano(spot, title="t")
    assert [name.label.value for name in plot.above[0].items] == ["MAF from 5%"]


def test_uncertain_effects_outside_the_axis_are_counted():
    results = made_scan(1)
    results.loc[[5, 6], ["beta", "standard_error", "neg_log_10_p_value"]] = [50.0, 40.0, 0.7]
    plot = volcano(results, title="t")
    assert plot.x_range.end < 1
    assert any("2 variants with" in note and "outside the axis" in note for note in notes_of(plot))


def test_missing_rows_are_counted_and_leads_named():
    results = made_scan(1, peaks=[(10, 12.5)])
    lead = results.loc[[10]].assign(gene="SOST")
    results.loc[[1, 2], "neg_log_10_p_value"] = np.nan
    results.loc[3, "standard_error"] = np.nan
    plot = volcano(results, title="t", leads=lead)
    assert "3 variants without an effect or a p-value are left out." in notes_of(plot)
    assert texts(plot) == ["SOST"]
    assert "1 reach p ≤ 5 × 10⁻⁸" in description_of(plot)


def test_frequency_classes_need_frequencies_only():
    results = made_scan(1)
    bare = results.drop(columns="effect_allele_frequency")
    assert len(volcano(results, title="t").above[0].items) == 3
    assert not [a for a in volcano(bare, title="t").above if type(a).__name__ == "Legend"]


def test_the_other_effect_allele_mirrors_the_picture():
    results = made_scan(1, m=500)
    frequency = 1 - results["effect_allele_frequency"]
    other = results.assign(beta=-results["beta"], effect_allele_frequency=frequency)
    x, y = marks(volcano(results, title="t", width_px=4_000, height_px=4_000))
    x2, y2 = marks(volcano(other, title="t", width_px=4_000, height_px=4_000))
    high, high2 = y > 2, y2 > 2
    assert sorted(x[high]) == pytest.approx(sorted(-x2[high2]))


def test_errors():
    with pytest.raises(InputError, match="a volcano plot needs the columns standard_error"):
        volcano(made_scan(1).drop(columns="standard_error"), title="t")
    with pytest.raises(InputError, match="at least one finite"):
        volcano(made_scan(1).assign(neg_log_10_p_value=np.nan), title="t")
