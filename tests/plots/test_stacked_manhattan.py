"""Several scans on one axis: every panel its own data, one genome for all."""

import numpy as np
import pandas as pd
import pytest
from bokeh.models import Span
from made_scan_tables import made_scan, marks, panels, texts

from gwasbone.errors import InputError
from gwasbone.plots.page import description_of, notes_of, save_page
from gwasbone.plots.scan_points import ScanPoints
from gwasbone.plots.stacked_manhattan import stacked_manhattan
from gwasbone.sumstats.leads import shared_loci


@pytest.fixture(scope="module")
def scans():
    return {
        "hip": made_scan(1, peaks=[(1_000, 12.5)]),
        "spine": made_scan(2, chromosomes=(1, 2, 7), peaks=[(1_500, 30.0)]),
        "heel": made_scan(3, m=2_000, peaks=[(50, 9.0)]),
    }


def _leads(scans, **genes):
    return {
        name: scans[name].nlargest(1, "neg_log_10_p_value").assign(gene=gene)
        for name, gene in genes.items()
    }


def test_each_panel_shows_its_scan_up_to_its_own_peak(scans):
    drawn = panels(stacked_manhattan(scans, common_y=False))
    assert [plot.title.text for plot in drawn] == list(scans)
    for plot, table in zip(drawn, scans.values(), strict=True):
        _, y = marks(plot)
        assert y.max() == pytest.approx(table["neg_log_10_p_value"].max(), rel=1e-6)
        assert (
            table["neg_log_10_p_value"].max()
            < plot.y_range.end
            < 1.3 * table["neg_log_10_p_value"].max()
        )
        assert plot.y_range.start == 0
        high = table.loc[table["neg_log_10_p_value"] > 3.5, "neg_log_10_p_value"]
        assert all(np.isclose(y, height, rtol=1e-6).any() for height in high)


def test_panels_share_one_range_and_a_position_has_one_x(scans):
    drawn = panels(stacked_manhattan(scans))
    assert len({plot.x_range.id for plot in drawn}) == 1
    labels = [list(plot.below[0].major_label_overrides.values()) for plot in drawn]
    assert labels == [["1", "2", "7", "X"]] * 3
    # the peak of the one scan and of its copy without the other chromosomes
    copy = scans["hip"].query("chromosome == 7")
    top = copy["neg_log_10_p_value"].max()
    drawn = panels(stacked_manhattan({"a": scans["hip"], "b": copy}))
    x_of_top = [x[np.isclose(y, top)] for x, y in map(marks, drawn)]
    assert x_of_top[0].size == x_of_top[1].size == 1
    assert x_of_top[0] == pytest.approx(x_of_top[1], abs=1e-3)


def test_all_panels_have_one_scale_that_reaches_the_highest_of_all(scans):
    leads = _leads(scans, **{next(iter(scans)): "G"})
    ends = {plot.y_range.end for plot in panels(stacked_manhattan(scans, leads=leads))}
    assert len(ends) == 1
    assert ends.pop() > 30


def test_the_genome_wide_line_is_named_in_every_panel(scans):
    for plot in panels(stacked_manhattan(scans, genome_wide=5e-9)):
        levels = [s.location for s in plot.select({"type": Span}) if s.dimension == "width"]
        assert levels == pytest.approx([8.30103])
        named = list(plot.right[0].major_label_overrides.values())
        assert named == ["genome-wide, p = 5 × 10⁻⁹"]


def test_leads_are_marked_and_named_in_their_own_panel(scans):
    drawn = panels(stacked_manhattan(scans, leads=_leads(scans, hip="SOST", spine="LRP5")))
    assert [texts(plot) for plot in drawn] == [["SOST"], ["LRP5"], []]


def test_a_locus_of_two_scans_has_a_line_through_all_panels_and_its_name_on_top(scans):
    leads = _leads(scans, hip="WNT16", spine="LRP5")
    place = leads["hip"][["chromosome", "base_pair_location"]].iloc[0]
    leads["spine"] = leads["spine"].assign(**place, gene="WNT16")
    loci = shared_loci(leads)
    header, *drawn = panels(stacked_manhattan(scans, leads=leads, shared=loci))
    assert texts(header) == ["WNT16"]
    assert header.x_range is drawn[0].x_range
    guides = [
        [
            x
            for one in plot.renderers
            if type(one.glyph).__name__ == "VSpan"
            for x in one.data_source.data["x"].tolist()
        ]
        for plot in drawn
    ]
    assert guides[0] == guides[1] == guides[2]
    assert len(guides[0]) == 1
    # named once on top, not again in each panel
    assert [texts(plot) for plot in drawn] == [[], [], []]


def test_highlighting_colours_the_variants_near_a_shared_locus(scans):
    loci = pd.DataFrame(
        {
            "chromosome": [7],
            "base_pair_location": [2 * 10**7],
            "start_bp": [10**7],
            "end_bp": [3 * 10**7],
        }
    ).assign(neg_log_10_p_value=9.0)
    # at the scale of the highest scan fewer spots differ
    own = {"shared": loci, "common_y": False}
    plain = panels(stacked_manhattan(scans, highlight=False, **own))[1]
    coloured = panels(stacked_manhattan(scans, **own))[1]
    extra = marks(coloured)[0].size - marks(plain)[0].size
    hip = scans["hip"].query("chromosome == 7 and 10_000_000 <= base_pair_location <= 30_000_000")
    assert 0.5 * len(hip) < extra <= len(hip)


def test_notes_count_what_is_not_drawn_and_name_absent_chromosomes(scans):
    with_gaps = dict(scans, hip=scans["hip"].copy())
    with_gaps["hip"].loc[[1, 2], "neg_log_10_p_value"] = np.nan
    layout = stacked_manhattan(with_gaps)
    notes = " ".join(notes_of(layout))
    assert "hip: 2 variants without a p-value are left out." in notes
    assert "spine has no variants on chromosome X." in notes
    assert "heel: " not in notes
    assert "Manhattan plots of 3 scans" in description_of(layout)
    n_drawn = sum(marks(plot)[0].size for plot in panels(layout))
    assert f"{n_drawn:,} of 7,998 variants in 3 scans are drawn" in notes


def test_thinned_scans_give_the_same_words(scans):
    thinned = {name: ScanPoints.of(table).thinned() for name, table in scans.items()}
    assert description_of(stacked_manhattan(thinned)) == description_of(stacked_manhattan(scans))


def test_ten_crowded_scans_stay_below_ten_megabytes(tmp_path):
    one = made_scan(5, m=100_000)
    one["neg_log_10_p_value"] *= 2  # a fifth of the variants above the background
    points = ScanPoints.of(one).thinned()
    layout = stacked_manhattan({f"scan {i}": points for i in range(10)})
    page = save_page(layout, tmp_path / "page.html", title="t")
    assert page.stat().st_size < 10e6


def test_errors_name_the_scan(scans):
    with pytest.raises(InputError, match="takes 2 to 25 scans; 1 came"):
        stacked_manhattan({"hip": scans["hip"]})
    with pytest.raises(InputError, match=r"spine: .*needs the columns base_pair_location"):
        stacked_manhattan(dict(scans, spine=scans["spine"].drop(columns="base_pair_location")))
    with pytest.raises(InputError, match=r"leads of femur came .* its scans are hip, spine, heel"):
        stacked_manhattan(scans, leads={"femur": scans["hip"].head(1)})
