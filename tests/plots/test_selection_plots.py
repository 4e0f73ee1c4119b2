"""Pictures of selected SNPs and of phenotypes by genotype show the numbers they are given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots.genotype_effects import genotype_effects, short_names
from gwasbone.plots.page import description_of, notes_of
from gwasbone.plots.selection import regions_per_snp, snps_per_region

pytestmark = pytest.mark.usefixtures("small_counts_shown")


def pairs(rows):
    """A table of (region, position, beta)."""
    table = pd.DataFrame(rows, columns=["region", "base_pair_location", "beta"])
    return table.assign(
        variant_id=[f"7_{at}_C_T" for at in table["base_pair_location"]],
        source_id=[f"rs{at}" for at in table["base_pair_location"]],
        chromosome=7, effect_allele="T", other_allele="C", scans="a,b", n_scans=2, se=0.1,
        neg_log_10_p_value=9.0,
    )  # fmt: skip


THREE = pairs(
    [("ap_spine", 1, 0.2), ("ap_spine", 2, -0.1), ("left_hip", 2, -0.3), ("left_hip", 3, np.nan)]
)


def sources(plot, glyph):
    return [r.data_source.data for r in plot.renderers if type(r.glyph).__name__ == glyph]


def test_bars_count_the_snps_of_each_region():
    plot = snps_per_region(THREE, title="t")
    bars = sources(plot, "VBar")
    assert [list(b["top"]) for b in bars] == [[1, 1], [2, 2]]
    assert list(bars[1]["bottom"]) == [1, 1]
    assert [list(t["text"]) for t in sources(plot, "Text")] == [["2", "2"]]
    assert "4 pairs of a region and a SNP, 3 different SNPs" in description_of(plot)
    assert plot.xaxis[0].major_label_overrides == {0: "AP spine", 1: "left hip"}


def test_the_snp_of_most_regions_comes_first():
    layout = regions_per_snp(THREE, title="t", notes=["how"])
    matrix, counts = layout.children
    labels = matrix.yaxis[0].major_label_overrides
    assert [labels[y] for y in (2, 1, 0)] == ["rs2 (T)", "rs1 (T)", "rs3 (T)"]
    assert list(sources(counts, "HBar")[0]["right"]) == [2, 1, 1]
    drawn = {
        (r.glyph.marker, x, y)
        for r in matrix.renderers
        if type(r.glyph).__name__ == "Scatter"
        for x, y in zip(r.data_source.data["x"], r.data_source.data["y"], strict=True)
    }
    assert drawn == {
        ("triangle", 0, 1), ("inverted_triangle", 0, 2), ("inverted_triangle", 1, 2),
        ("circle", 1, 0),
    }  # fmt: skip
    assert notes_of(layout) == ["how"]


def test_more_snps_than_are_drawn_are_counted():
    layout = regions_per_snp(pairs([("hip", i, 0.1) for i in range(9)]), title="t", at_most=4)
    assert len(sources(layout.children[1], "HBar")[0]["right"]) == 4
    assert notes_of(layout)[-1].startswith("5 more SNPs")


def test_nothing_selected_and_columns_that_lack_are_refused():
    for draw in (snps_per_region, regions_per_snp):
        with pytest.raises(InputError, match="at least one"):
            draw(THREE.head(0), title="t")
        with pytest.raises(InputError, match="variant_id"):
            draw(THREE.drop(columns="variant_id"), title="t")


def effects(traits, n=(5, 3, 1)):
    rows = [
        ("7_1_C_T", "rs1", 7, 1, "T", "C", t, c, n[c], 1.0 * c, 0.5 * c)
        for t in traits
        for c in range(3)
    ]
    names = ["variant_id", "source_id", "chromosome", "base_pair_location", "effect_allele",
             "other_allele", "trait", "copies", "n", "mean", "mean_sd"]  # fmt: skip
    table = pd.DataFrame(rows, columns=names)
    gap = np.where(table["n"] < 2, np.nan, 0.1)
    return table.assign(
        lower=table["mean"] - gap, upper=table["mean"] + gap, lower_sd=table["mean_sd"] - gap,
        upper_sd=table["mean_sd"] + gap, beta_sd=0.5,
    )  # fmt: skip


def test_a_panel_for_each_phenotype_with_counts_below():
    layout = genotype_effects(
        effects(["bmd_a", "bmd_b", "bmd_c"]), regions={"bmd_a": "hip"}, chosen=["bmd_b"], per_row=2
    )
    assert len(layout.children) == 2
    first = layout.children[0]
    assert isinstance(first, figure)
    ticks = first.xaxis[0].major_label_overrides
    assert list(ticks.values()) == ["CC\n5", "CT\n3", "TT\n1"] * 2
    points = next(iter(sources(first, "Scatter")))
    assert list(points["mean_sd"]) == [0, 0.5, 1.0] * 2
    assert list(points["marker"]) == ["circle"] * 3 + ["square"] * 3
    assert points["mean_words"][0] == "0 (−0.1 to 0.1)"
    # of one person there is no interval
    assert len(sources(first, "Segment")[0]["x0"]) == 4
    heads = [list(t["text"]) for t in sources(first, "Text")]
    assert heads == [["a", "b"], ["hip\n+0.500 SD a copy", "+0.500 SD a copy"]]
    assert "rs1 (T)" in description_of(layout)


def test_a_genotype_of_nobody_is_counted_and_not_drawn():
    plot = genotype_effects(effects(["x"], n=(5, 3, 0)).assign(other_allele="CA"))
    assert list(plot.xaxis[0].major_label_overrides.values()) == ["0\n5", "1\n3", "2\n0"]
    assert len(next(iter(sources(plot, "Scatter")))["x"]) == 2


def test_one_snp_at_a_time():
    both = pd.concat([effects(["x"]), effects(["x"]).assign(variant_id="other")])
    with pytest.raises(InputError, match="one SNP, the table has those of 2"):
        genotype_effects(both)


def test_names_lose_only_words_that_all_share():
    assert short_names(["bmd"]) == {"bmd": "bmd"}
    assert list(short_names(["bmd_leg", "bmd_legs"]).values()) == ["leg", "legs"]
    assert list(short_names(["a_b", "c_d"]).values()) == ["a b", "c d"]
