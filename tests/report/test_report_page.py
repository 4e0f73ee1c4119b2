"""The report as a file: words, order, what is left out, and how large it gets."""

from __future__ import annotations

import gzip
import re
import shutil

import pandas as pd
import pytest
from made_study import STAGES, make_study

from gwasbone.cli import main
from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe, page_figure
from gwasbone.report import Chapter, Column, Funnel, Part, Report, Table, save_report
from gwasbone.report.page import report_lines
from gwasbone.report.study_report import write_report
from gwasbone.study.config import load_config
from gwasbone.study.runner import run_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"), m=400)


@pytest.fixture(scope="module")
def text(study):
    write_report(study, STAGES, study.folder / "report.html")
    return (study.folder / "report.html").read_text(encoding="utf-8")


def _text_of(*parts):
    chapter = Chapter(name="c", title="C", sentences=("Said.",), parts=(Part(blocks=parts),))
    made = Report(title="T", subtitle="s", key_numbers=(), chapters=(chapter,))
    return "\n".join(report_lines(made))


def _table(rows, **columns):
    given = tuple(Column(name=name, label=name, kind=kind) for name, kind in columns.items())
    return Table(caption="Rows", rows=rows, columns=given, file_name="rows")


def test_counts_are_told_in_words(text):
    # 20 of 200 below the call rate, then each 50th from 0 on: 0 is gone already, 50, 100, 150 go
    assert "Of 200 samples, 177 (88%) are analysed." in text
    # 3 are too few to be told, and would follow from the 20
    assert "Excluded: others (low call rate) and fewer than 5 (odd)." in text
    assert "2 traits were scanned by linear regression" in text
    assert "adjusted for sex, age, PC1, PC2 and PC3." in text
    assert "40 lead variants in 2 scans" in text
    assert "p below 10⁻⁵" in text


def test_what_is_not_part_of_the_study_is_one_sentence(text):
    assert "Not part of this study: no records.table in study.toml" in text
    assert "Not part of this report: stage ancestry has not run." in text


def test_loci_are_told_and_lead_to_their_scans_and_plots(text):
    assert "2 loci with p up to 5 × 10⁻⁸ in 2 scans, 1 of them in more than one scan." in text
    assert "Genes known for bone are near: WNT16 and CPED1." in text
    table = text.split('data-file="loci.tsv"')[1].split("</table>")[0]
    row = table.split("<tbody>")[1].split("</tr>")[1]
    # the second row is the same locus in another scan
    assert row.startswith('\n<tr><th scope="row"><a href="#scan-case">case</a></th>')
    assert '<a href="#regional-1">1</a>' in row
    assert '<td class="number" data-v="120979089">120,979,089</td>' in row
    assert "strand" not in table, "a column without values is left out"
    for name in ("scan-case", "scan-bmd_spine", "regional-1", "regional-2"):
        assert text.count(f'id="{name}"') == 1


def test_every_link_leads_somewhere(text):
    links = set(re.findall(r'href="#([^"]+)"', text))
    assert links <= set(re.findall(r'id="([^"]+)"', text))
    assert len(links) > 15


def test_no_name_is_given_twice(text):
    names = re.findall(r' id="([^"]+)"', text.split("<main")[1].split("</main>")[0])
    assert len(names) == len(set(names))


def test_models_and_comparison_have_their_chapters(text):
    assert "Saliency maps" in text
    assert "1 pair of region and SNP, 1 tested against shuffled labels" in text
    assert "Saliency maps of the genotype networks" in text
    assert "Two points of maps of rs1." in text
    assert "Effective sample sizes: bmd_spine / case 1.25 (1.13 to 1.50)." in text
    assert "<li>case: 3 variants left out.</li>" in text


def test_pictures_name_nobody(text):
    assert text.count('<img src="data:image/png') == 6
    assert 'alt="ap spine, image 6"' in text
    assert "person-4711" not in text


def test_names_are_escaped_and_data_cannot_end_a_script(text):
    assert "<h1>Bone &lt;density&gt; &amp; study</h1>" in text
    assert "&lt;odd&gt; &amp; even" in text
    blocks = re.findall(r'<script type="application/json" class="item">(.*?)</script>', text, re.S)
    assert len(blocks) == 16
    assert all(block.startswith('{"target_id"') and block.endswith("}") for block in blocks)


def test_nothing_is_loaded_from_elsewhere(text):
    assert "default-src 'none'" in text
    loading = r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)\s*=\s*\"(?!data:)"
    assert re.findall(loading, text) == []


def test_provenance_tells_versions_inputs_seeds_and_warnings(text, study):
    from gwasbone.files import content_hash
    from gwasbone.run_log import versions

    assert content_hash(study.folder / "input.tsv") in text
    assert f'<th scope="row">numpy</th><td>{versions()["numpy"]}</td><td>all</td>' in text
    assert re.search(r"Seeds: [^<]*training\.seed = 7", text)
    # a warning may name or count single participants
    assert "kinship from 40 variants is unreliable" not in text
    assert "All of them are up to date" in text


def test_the_same_results_give_the_same_file(study, text, tmp_path):
    write_report(study, STAGES, tmp_path / "again.html")
    again = (tmp_path / "again.html").read_text(encoding="utf-8")
    assert again == text


def test_small_counts_are_shown_where_they_are_allowed(study, text, tmp_path):
    write_report(study.with_small_counts(True), STAGES, tmp_path / "open.html")
    opened = (tmp_path / "open.html").read_text(encoding="utf-8")
    assert "Excluded: 20 (low call rate) and 3 (odd)." in opened
    assert "−3<" in opened
    assert "−3<" not in text
    assert "kinship from 40 variants is unreliable" in opened
    assert "it is not to be shared" in opened
    assert "No single participant and no count of fewer than 5 participants" in text


def test_figures_drawn_with_small_counts_are_left_out_of_a_report_without(copied, tmp_path):
    run_study(copied.with_small_counts(True), STAGES, until="people", force=True)
    write_report(copied, STAGES, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Figures of people are left out" in page
    assert "Quality control</h3>" not in page
    write_report(copied.with_small_counts(True), STAGES, tmp_path / "open.html")
    assert "Quality control</h3>" in (tmp_path / "open.html").read_text(encoding="utf-8")


@pytest.fixture
def copied(study, text, tmp_path):
    """The study and its report once more, to be spoilt."""
    shutil.copytree(study.folder, tmp_path / "copy")
    return load_config(tmp_path / "copy" / "study.toml")


def test_a_stage_that_is_out_of_date_is_named(copied):
    path = copied.folder / "study.toml"
    path.write_text(path.read_text().replace("seed = 7", "seed = 8"))
    write_report(load_config(path), STAGES, copied.folder / "report.html")
    assert "Not up to date: records, variants" in (copied.folder / "report.html").read_text()


def test_results_whose_inputs_are_elsewhere_can_be_reported(copied, text):
    (copied.folder / "input.tsv").unlink()
    write_report(copied, STAGES, copied.folder / "report.html")
    found = (copied.folder / "report.html").read_text()
    assert "Whether they are up to date cannot be told" in found
    assert "input.tsv: No such file or directory" in found


def test_an_old_study_without_kept_figures_is_told_to_run_again(copied):
    shutil.rmtree(copied.output / "scans" / "figures")
    with pytest.raises(InputError, match=r"scan.bmd_spine.manhattan.json.gz.*run its stage again"):
        write_report(copied, STAGES, copied.folder / "report.html")


def test_no_finished_stage_is_an_error(tmp_path):
    (tmp_path / "study.toml").write_text('[genotypes]\nbfile = "g"\n')
    with pytest.raises(InputError, match="no stage is finished"):
        write_report(load_config(tmp_path / "study.toml"), STAGES, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    "spoilt",
    [b"", b"{}", gzip.compress(b"{}"), gzip.compress(b"[1]")[:-9]],
    ids=["empty", "not packed", "without figures", "cut short"],
)
def test_figures_that_cannot_be_read_are_an_error_and_the_old_report_stays(copied, text, spoilt):
    kept = copied.output / "people" / "figures" / "people.json.gz"
    kept.write_bytes(spoilt)
    with pytest.raises(InputError, match=r"people.json.gz: expected the figures of a page.*again"):
        write_report(copied, STAGES, copied.folder / "report.html")
    assert (copied.folder / "report.html").read_text(encoding="utf-8") == text


def test_the_command_makes_the_page_and_does_not_overwrite(study, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(study.folder)
    out = tmp_path / "mine.html"
    assert main(["report", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert f"{out}" in said
    assert "nothing on Ancestry" in said
    assert "gwasbone report --out" in (tmp_path / "mine.report.log").read_text()
    assert main(["report", "--out", str(out)]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["report", "--out", str(out), "--force"]) == 0
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--out", "r.html"]) == 1
    assert "study.toml" in capsys.readouterr().err


def test_a_table_writes_numbers_to_read_and_keeps_them_to_download():
    rows = pd.DataFrame(
        {
            "name": ["a<b", "c"],
            "n": [12345, 7],
            "beta": [0.123456789, float("nan")],
            "p": [7.301, 350.0],
        }
    )
    text = _text_of(_table(rows, name="text", n="count", beta="number", p="height"))
    assert '<th scope="row">a&lt;b</th>' in text
    assert '<td class="number" data-v="12345">12,345</td>' in text
    assert '<td class="number" data-v="0.12345679">0.123</td>' in text
    assert '<td class="number" data-v="NA">–</td>' in text
    assert '<td class="number" data-v="7.301">7.3</td>' in text
    # two rows: sorted, not searched
    assert 'aria-sort="none"' in text
    assert 'type="search"' not in text


def test_a_table_of_one_row_has_no_controls():
    text = _text_of(_table(pd.DataFrame({"n": [1]}), n="count"))
    assert 'class="controls"' not in text.split("<main")[1].split("</main>")[0]
    assert "<button" not in text.split("<table>")[1].split("</table>")[0]


def test_a_funnel_without_anybody_is_drawn():
    rows = pd.DataFrame({"step": ["all"], "reason": [""], "removed": [0], "remaining": [0]})
    text = _text_of(Funnel(caption="c", noun="people", rows=rows))
    assert "width:0.00%" in text


@pytest.mark.parametrize(("beside", "wide"), [(False, 0), (True, 1)])
def test_a_legend_beside_a_frame_takes_room_too(beside, wide):
    plot = theme.new_figure(x_label="x", y_label="y", title="t", width_px=560)
    plot.scatter([1, 2], [3, 4], legend_label="points")
    if beside:
        plot.add_layout(plot.legend[0], "right")
    figure = page_figure("Points", describe(plot, "Two points."))
    assert _text_of(figure).count('class="wide"') == wide


def test_a_report_without_figures_carries_no_bokeh(tmp_path):
    report = Report(title="T", subtitle="", key_numbers=(), chapters=())
    path = save_report(report, tmp_path / "r.html")
    assert "BEGIN bokeh" not in path.read_text()


def test_warnings_of_a_stage_are_kept_in_its_record_once(study):
    from gwasbone.study.runner import read_record

    record = read_record(study.output / "variants")
    assert record["warnings"] == ["kinship from 40 variants is unreliable"]
    assert read_record(study.output / "people")["warnings"] == []
    said = []
    run_study(study, STAGES, say=said.append)
    assert all("up to date" in line for line in said), (
        "a record with warnings is as good as one without"
    )
