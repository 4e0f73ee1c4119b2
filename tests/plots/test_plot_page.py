"""A page is one file that asks nothing of the network and appears whole or not at all."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError
from gwasbone.plots import page, theme
from gwasbone.plots.contact_sheet import contact_sheet
from gwasbone.plots.manhattan import manhattan
from gwasbone.plots.page import describe, page_figure, save_page, with_names


def _figure(**options):
    plot = theme.new_figure(x_label="x", y_label="y", title="A figure", **options)
    plot.scatter([1, 2], [3, 4])
    return plot


def test_nothing_is_loaded_from_elsewhere(tmp_path):
    text = save_page(_figure(), tmp_path / "page.html", title="T").read_text()
    sources = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)\s*=[^>]*>", text)
    assert sources == []
    assert "@import" not in text.split("<script>")[0]
    assert "default-src 'none'" in text


def test_only_the_bundles_in_use_are_inside(tmp_path):
    text = save_page(_figure(), tmp_path / "page.html", title="T").read_text()
    assert "BEGIN bokeh.min.js" in text
    for bundle in ("gl", "widgets", "tables", "mathjax", "api"):
        assert f"BEGIN bokeh-{bundle}.min.js" not in text


def test_words_are_on_the_page_and_escaped(tmp_path):
    plot = describe(_figure(), "Shows <that> & this", notes=["3 rows are left out"])
    text = save_page(
        plot, tmp_path / "p.html", title="A < B", subtitle="why", notes=["of the page"]
    ).read_text()
    assert '<html lang="en">' in text
    assert "<title>A &lt; B</title>" in text
    assert "<h1>A &lt; B</h1>" in text
    assert 'aria-label="Shows &lt;that&gt; &amp; this"' in text
    assert "<li>3 rows are left out</li>" in text
    assert "<li>of the page</li>" in text


def test_data_cannot_end_the_script(tmp_path):
    table = pd.DataFrame(
        {
            "chromosome": [1, 1],
            "base_pair_location": [1, 2],
            "neg_log_10_p_value": [9.0, 1.0],
            "source_id": ["</script><script>alert(1)</script>", "b"],
        }
    )
    plot = manhattan(table, title="t", leads=table.iloc[:1])
    text = save_page(plot, tmp_path / "p.html", title="T").read_text()
    assert "<script>alert" not in text


def test_sections_keep_their_order_and_headings(tmp_path):
    text = save_page(
        [("First", _figure()), ("Second", _figure())], tmp_path / "p.html", title="T"
    ).read_text()
    assert text.index("<h2>First</h2>") < text.index("<h2>Second</h2>")
    assert text.count("<figure ") == 2
    assert text.count("BEGIN bokeh.min.js") == 1


def test_an_old_page_is_replaced_and_no_part_stays(tmp_path):
    path = tmp_path / "p.html"
    path.write_text("old")
    assert save_page(_figure(), path, title="New") == path
    assert "New" in path.read_text()
    assert [one.name for one in tmp_path.iterdir()] == ["p.html"]


def test_a_failed_write_leaves_the_old_page(tmp_path, monkeypatch):
    path = tmp_path / "p.html"
    path.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("gwasbone.files.os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_page(_figure(), path, title="New")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["p.html"]


def test_a_page_of_many_variants_stays_below_ten_megabytes(tmp_path):
    # The worst case for the size: every spot of the figure taken, and all foreground used up.
    rng = np.random.default_rng(1)
    m = 1_500_000
    table = pd.DataFrame(
        {
            "chromosome": np.sort(rng.integers(1, 24, m)).astype(np.int16),
            "base_pair_location": rng.integers(1, 200_000_000, m).astype(np.int32),
            "neg_log_10_p_value": rng.uniform(0, 5, m),
            "source_id": "rs123456789",
        }
    )
    path = save_page(manhattan(table, title="t"), tmp_path / "p.html", title="T")
    assert path.stat().st_size < 10e6


def test_a_kept_page_gives_its_figures_back_with_their_words(tmp_path):
    sheet = contact_sheet(np.zeros((1, 4, 4), dtype=np.uint8), ["</script>P1"])
    with page.figures_kept(tmp_path / "figures"):
        path = save_page(
            [("Draw <n>", describe(_figure(), "What & why", notes=["n1", "n2"])), ("Sheet", sheet)],
            tmp_path / "p.html",
            title="A < B",
            subtitle="why",
            notes=["of the page"],
        )
    kept = page.read_page(page.kept_page(tmp_path / "figures", path))
    assert (kept.title, kept.subtitle, kept.notes) == ("A < B", "why", ("of the page",))
    drawn, plain = kept.figures
    assert (drawn.heading, drawn.description, drawn.notes) == (
        "Draw <n>",
        "What & why",
        ("n1", "n2"),
    )
    assert drawn.bundles == ("bokeh",)
    assert json.loads(drawn.item)["doc"]["roots"][0]["name"] == "Figure"
    assert drawn.item in path.read_text(), "kept as it stands on the page"
    assert (plain.heading, plain.item) == ("Sheet", "")
    assert plain.markup.count("<img") == 1
    assert "&lt;/script&gt;P1" in plain.markup


def test_a_page_of_pictures_needs_no_bokeh(tmp_path):
    sheet = contact_sheet(np.zeros((1, 4, 4), dtype=np.uint8), ["P1"])
    text = save_page(sheet, tmp_path / "p.html", title="T").read_text()
    assert "BEGIN bokeh" not in text


def test_another_file_is_no_kept_page(tmp_path):
    (tmp_path / "p.html").write_text("<html></html>")
    with pytest.raises(InputError, match=r"p.html: expected the figures of a page"):
        page.read_page(tmp_path / "p.html")


def test_figures_are_kept_only_where_they_are_wanted(tmp_path):
    with page.figures_kept(tmp_path / "figures"):
        save_page(_figure(), tmp_path / "a.html", title="A")
        first = (tmp_path / "figures" / "a.json.gz").read_bytes()
        save_page(_figure(), tmp_path / "a.html", title="A")
    save_page(_figure(), tmp_path / "b.html", title="B")
    assert [one.name for one in (tmp_path / "figures").iterdir()] == ["a.json.gz"]
    assert first[4:8] == bytes(4), "no time of day in it: the same results give the same file"


def test_labels_can_be_replaced_and_nothing_else():
    table = pd.DataFrame(
        {"chromosome": [1, 1, 2], "base_pair_location": [5, 9_000_000, 7],
         "neg_log_10_p_value": [9.0, 1.0, 8.0], "source_id": ["rs1", "rs2", "rs3"]}
    )  # fmt: skip
    figure = page_figure("", manhattan(table, title="t", leads=table.iloc[[0, 2]]))
    named = with_names(figure, {"rs1": "WNT16", "rs2": "LRP5"})
    assert '"text",["WNT16","rs3"]' in named.item
    assert named.item.count("rs1") == figure.item.count("rs1") - 1, "hovering names the variant"
    assert "LRP5" not in named.item


@pytest.mark.parametrize(
    ("heading", "title", "file_name"),
    [
        ("", "bmd_spine", "bmd_spine_manhattan"),
        ("bmd hip: 7:120,965,464 (near WNT16)", "t", "bmd_hip_7_120965464_near_WNT16_manhattan"),
        ("", "", "A_page"),
    ],
)
def test_an_image_is_saved_under_the_name_of_its_figure(tmp_path, heading, title, file_name):
    plot = theme.new_figure(x_label="x", y_label="y", title=title)
    path = save_page([(heading, plot)], tmp_path / "scan.manhattan.html", title="A page")
    assert f'data-file="{file_name}"' in path.read_text(encoding="utf-8")
