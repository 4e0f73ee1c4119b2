"""Regional plots: what is drawn for whom, and genes in rows without touching names."""

import itertools

import numpy as np
import pandas as pd
import pytest
from bokeh.models import GlyphRenderer, GridPlot, Legend
from test_plot_theme import SIGHT, _contrast_on_white, _lab, _linear

from gwasbone.errors import InputError
from gwasbone.plots.gene_track import gene_track, pack_genes
from gwasbone.plots.page import description_of, notes_of, save_page
from gwasbone.plots.regional import R2_BINS, R2_COLOURS, regional


def variants(r2, neg_log10_p=None, chromosome=7):
    m = len(r2)
    return pd.DataFrame(
        {
            "chromosome": chromosome,
            "base_pair_location": 120_000_000 + 1000 * np.arange(m),
            "neg_log_10_p_value": np.linspace(9, 1, m) if neg_log10_p is None else neg_log10_p,
            "source_id": [f"rs{i}" for i in range(m)],
            "r2": r2,
        }
    )


def genes(rows):
    return pd.DataFrame(rows, columns=["start_bp", "end_bp", "strand", "name"])


def _plot(layout):
    return layout.children[0][0] if isinstance(layout, GridPlot) else layout


def _legend(layout):
    legend = next(one for one in _plot(layout).select(Legend))
    return {item.label.value: item.renderers for item in legend.items}


def _n_points(renderers):
    return sum(len(r.data_source.data["x"]) for r in renderers)


def test_each_variant_is_drawn_in_its_bin():
    """Bins begin at their lower end; the lead is a diamond of its own."""
    table = variants([1.0, 0.8, 0.79, 0.6, 0.4, 0.2, 0.19, 0.0, np.nan, 1.0])
    legend = _legend(regional(table, lead=0, title="t"))
    assert {name: _n_points(points) for name, points in legend.items()} == {
        "r² 0.8–1": 2, "r² 0.6–0.8": 2, "r² 0.4–0.6": 1, "r² 0.2–0.4": 1, "r² 0–0.2": 2,
        "no LD known": 1,
    }  # fmt: skip
    assert next(iter(legend)) == "r² 0.8–1"
    for number, colour in enumerate(R2_COLOURS):
        name = next(n for n in legend if n.startswith(f"r² {R2_BINS[number]:g}–"))
        assert {r.glyph.fill_color for r in legend[name]} == {colour}
    assert {r.glyph.fill_color for r in legend["no LD known"]} == {None}


def test_the_legend_names_bins_without_a_variant_too():
    legend = _legend(regional(variants([1.0, 0.1, 0.15]), lead=0, title="t"))
    assert list(legend) == ["r² 0.8–1", "r² 0.6–0.8", "r² 0.4–0.6", "r² 0.2–0.4", "r² 0–0.2"]
    assert np.isnan(legend["r² 0.4–0.6"][0].data_source.data["x"]).all()


def test_the_lead_is_a_named_diamond():
    layout = regional(variants([0.1, 1.0, 0.2], [1, 9, 2]), lead=1, title="t")
    diamonds = [
        r
        for r in _plot(layout).select(GlyphRenderer)
        if getattr(r.glyph, "marker", "") == "diamond"
    ]
    assert len(diamonds) == 1
    assert diamonds[0].data_source.data["x"] == [120.001]
    assert diamonds[0].data_source.data["Variant"] == ["rs1"]
    assert "The lead rs1 at 7:120,001,000 has −log₁₀ p = 9.0" in description_of(layout)


def test_without_ld_all_are_of_one_kind():
    layout = regional(variants([np.nan] * 4).drop(columns="r2"), lead=0, title="t")
    assert list(_legend(layout)) == ["no LD known"]
    assert "No linkage disequilibrium is known" in description_of(layout)


def test_linked_variants_are_never_thinned_away():
    rng = np.random.default_rng(5)
    m = 40_000
    r2 = np.where(rng.random(m) < 0.01, 0.5, 0.05)
    r2[0] = 1
    table = variants(r2, np.append(12.0, rng.exponential(0.4, m - 1))).assign(
        base_pair_location=lambda t: 1 + 20 * np.arange(m)
    )
    layout = regional(table, lead=0, title="t")
    legend = _legend(layout)
    assert _n_points(legend["r² 0.4–0.6"]) == (r2 == 0.5).sum()
    assert _n_points(legend["r² 0–0.2"]) < m / 2
    assert f"of {m:,} variants are drawn" in notes_of(layout)[0]
    answering = [r for r in _plot(layout).select(GlyphRenderer) if "Place" in r.data_source.data]
    assert _n_points(answering) == 601


def test_a_page_of_many_variants_stays_small(tmp_path):
    rng = np.random.default_rng(6)
    m = 40_000
    table = variants(rng.beta(0.3, 5, m), rng.exponential(0.43, m)).assign(
        base_pair_location=lambda t: 1 + 25 * np.arange(m)
    )
    sections = [(f"locus {i}", regional(table, lead=i, title="t")) for i in range(2)]
    page = save_page(sections, tmp_path / "page.html", title="Loci")
    assert page.stat().st_size < 3e6


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_of_ld_are_told_apart_by_every_eye(sight):
    assert all(_contrast_on_white(colour) >= 3 for colour in R2_COLOURS)
    seen = [_lab(np.array(SIGHT[sight]) @ _linear(colour)) for colour in R2_COLOURS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 10


def test_a_recombination_line_holds_its_rate_until_the_next_position():
    rates = pd.DataFrame(
        {"chromosome": [7, 7, 7, 8], "base_pair_location": [1, 120_000_500, 10**9, 120_000_600],
         "cm_per_mb": [5.0, 50.0, 1.0, 99.0]}
    )  # fmt: skip
    layout = regional(variants([1.0, 0.5, 0.1]), lead=0, title="t", recombination=rates)
    plot = _plot(layout)
    line = next(r for r in plot.select(GlyphRenderer) if r.y_range_name == "recombination")
    assert line.glyph.mode == "after"
    assert list(line.data_source.data["y"]) == [5, 50, 50]
    assert list(line.data_source.data["x"])[1] == 120.0005
    assert plot.extra_y_ranges["recombination"].end == pytest.approx(55)
    none = regional(variants([1.0]), lead=0, title="t", recombination=rates[3:])
    assert "no position here" in notes_of(none)[0]


def test_genes_are_below_with_the_same_axis():
    table = genes(
        [(119_990_000, 120_000_500, "+", "A"), (120_001_500, 120_001_600, "-", "B"),
         (120_001_700, 120_001_900, "", "C")]
    )  # fmt: skip
    layout = regional(variants([1.0, 0.5, 0.1]), lead=0, title="t", genes=table)
    top, track = (child[0] for child in layout.children)
    assert top.x_range is track.x_range
    texts = next(
        r.data_source.data["text"] for r in track.select(GlyphRenderer)
        if "text" in r.data_source.data
    )  # fmt: skip
    assert sorted(texts) == ["A →", "C", "← B"]
    assert "3 genes lie here; the nearest to the lead is A" in description_of(layout)
    empty = regional(variants([1.0]), lead=0, title="t", genes=genes([]))
    assert "No gene lies here" in description_of(empty)


def _overlap(packed, start, end, width_px, text):
    spans = {}
    for gene, row in enumerate(packed.row):
        if row >= 0:
            half = text[gene] / 2
            left = min(max(start[gene], 0), packed.text_px[gene] - half)
            right = max(min(end[gene], width_px), packed.text_px[gene] + half)
            spans.setdefault(row, []).append((left, right))
    return any(
        a[1] > b[0] for row in spans.values() for a, b in itertools.pairwise(sorted(row))
    )  # fmt: skip


def test_names_and_bodies_never_touch():
    rng = np.random.default_rng(7)
    for _ in range(30):
        k = int(rng.integers(1, 80))
        start = rng.uniform(-200, 900, k)
        end = start + rng.exponential(60, k)
        text = rng.uniform(20, 90, k)
        packed = pack_genes(start, end, text, width_px=900, max_rows=10)
        assert not _overlap(packed, start, end, 900, text)
        assert (packed.text_px - text / 2 >= 0).all()
        assert (packed.text_px + text / 2 <= 900 + 1e-9).all()
        assert packed.n_rows == packed.row.max() + 1 <= 10


def test_genes_that_find_no_room_are_counted_and_the_nearest_stay():
    rows = [(1_000 * i, 1_000_000, "+", f"GENE{i}") for i in range(1, 30)]
    _, n_out = gene_track(
        genes(rows), x_range=(0, 1), x_label="x", width_px=900, centre_bp=29_500, max_rows=5
    )
    assert n_out == 24
    layout = regional(
        variants([1.0, 0.2]).assign(base_pair_location=[29_500, 900_000]), lead=0, title="t",
        genes=genes(rows).assign(is_known=[True] + [False] * 28),
    )  # fmt: skip
    assert notes_of(layout) == [
        "Genes in orange are of the package's list of genes known for bone.",
        "17 of 29 genes found no room and are not drawn.",
    ]


def test_exons_follow_their_gene():
    table = genes([(100, 90_000, "+", "FAR"), (500_000, 600_000, "-", "NEAR")])
    exons = pd.DataFrame({"gene": [0, 1], "start_bp": [100, 550_000], "end_bp": [200, 551_000]})
    track, _ = gene_track(
        table, x_range=(0, 1), x_label="x", width_px=900, centre_bp=550_000, exons=exons
    )
    quads = [r.data_source.data for r in track.select(GlyphRenderer) if hasattr(r.glyph, "left")]
    of_exons = next(data for data in quads if "Gene" not in data)
    assert sorted(of_exons["left"].tolist()) == [0.0001, 0.55]
    bodies = next(data for data in quads if "Gene" in data)
    assert sorted(bodies["Gene"]) == ["FAR", "NEAR"]
    exon_row = dict(zip(of_exons["left"].tolist(), of_exons["top"].tolist(), strict=True))
    gene_row = dict(zip(bodies["Gene"], bodies["top"].tolist(), strict=True))
    assert (exon_row[0.55] > exon_row[0.0001]) == (gene_row["NEAR"] > gene_row["FAR"])


def test_what_is_no_region_is_refused():
    with pytest.raises(InputError, match="neg_log_10_p_value"):
        regional(variants([1.0]).drop(columns="neg_log_10_p_value"), lead=0, title="t")
    with pytest.raises(InputError, match="one chromosome"):
        regional(variants([1.0, 0.1], chromosome=[1, 2]), lead=0, title="t")
    with pytest.raises(InputError, match="row 5 of 1"):
        regional(variants([1.0]), lead=5, title="t")
    with pytest.raises(InputError, match="finite"):
        regional(variants([1.0, 0.2], [1, np.inf]), lead=0, title="t")
