"""``gwasbone compare`` from the command line."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gwasbone.cli import main
from gwasbone.errors import ConfigError, InputError
from gwasbone.steps.stages import STAGES
from gwasbone.study.config import load_config
from gwasbone.study.files import comparison_files
from gwasbone.study.runner import StageRun

sys.path.insert(0, str(Path(__file__).parents[1] / "association"))
from made_comparison import made_scans

KINDS = ("tsv", "loci.tsv", "leads.tsv", "dropped.tsv", "html")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    made_scans(np.random.default_rng(21), m=900, n_loci=30).write(folder)
    return folder


def compare(folder, *more, out="out"):
    scans = [str(folder / f"scan.{name}.tsv.gz") for name in ("score", "case")]
    return main(["compare", *scans, *map(str, more), "--out", str(folder / out)])


def test_table_and_page_are_written_and_nothing_is_overwritten(folder, capsys):
    options = ("--loci", folder / "loci.tsv", "--ld-scores", folder / "ld")
    assert compare(folder, *options) == 0
    said = capsys.readouterr().out
    assert "effective_sample_size_ratio  score / case" in said
    for kind in KINDS:
        assert (folder / f"out.comparison.{kind}").stat().st_size > 0
    table = pd.read_csv(folder / "out.comparison.tsv", sep="\t", keep_default_na=False)
    assert list(table.columns) == [
        "scan_a", "scan_b", "quantity", "value", "low", "high", "method", "n", "note",
    ]  # fmt: skip
    assert {"rg", "h2", "deming_slope", "loci_at_equal_fdr"} <= set(table["quantity"])
    page = (folder / "out.comparison.html").read_text()
    assert "How much more each scan finds" in page
    assert "30 known loci" in page
    log = (folder / "out.compare.log").read_text()
    assert "known loci: 30 of 30 used" in log
    assert compare(folder, *options) == 1
    assert "--force" in capsys.readouterr().err


def test_chromosomes_without_ld_scores_are_said_before_their_numbers(folder, capsys):
    ld = folder / "some"
    ld.mkdir()
    for path in sorted((folder / "ld").iterdir()):
        table = path.name.endswith(".gz")
        frame = pd.read_csv(path, sep="\t") if table else None
        if frame is None:
            (ld / path.name).write_bytes(path.read_bytes())
        else:
            frame[~frame["CHR"].isin([1, 2])].to_csv(ld / path.name, sep="\t", index=False)
    assert compare(folder, "--ld-scores", ld, out="some_ld") == 0
    assert "h², intercepts and r_g are without chromosomes 1-2" in capsys.readouterr().err


def test_a_scans_own_leads_are_refused_and_leave_nothing(folder, capsys):
    leads = pd.read_csv(folder / "scan.score.tsv.gz", sep="\t").nlargest(9, "neg_log_10_p_value")
    leads.to_csv(folder / "own.tsv", sep="\t", index=False, float_format="%.6g")
    assert compare(folder, "--loci", folder / "own.tsv", out="own") == 1
    assert "p-values of scan score itself" in capsys.readouterr().err
    assert [p.name for p in folder.glob("own.*")] in (
        ["own.tsv", "own.compare.log"],
        ["own.compare.log", "own.tsv"],
    )


def test_wrong_command_lines(folder, capsys):
    scan = str(folder / "scan.score.tsv.gz")
    for arguments, words in (
        ([scan], "two scans or more"),
        ([scan, scan], "both hold a scan called score"),
    ):
        assert main(["compare", *arguments, "--out", str(folder / "x")]) == 2
        assert words in capsys.readouterr().err
    assert main(["compare", scan, str(folder / "none.tsv.gz"), "--out", str(folder / "x")]) == 1
    assert "no such file" in capsys.readouterr().err


STUDY = """
[genotypes]
bfile = "genotypes"
[comparison]
scans = ["scan.score.tsv.gz", "scan.case.tsv.gz"]
loci = "{loci}"
ld_scores = "ld"
"""


def run_comparison(config, into):
    [stage] = [stage for stage in STAGES if stage.name == "comparison"]
    return stage.run(StageRun(config, stage.name, into))


def test_a_studys_stage_leaves_its_tables_and_page(folder, tmp_path, monkeypatch):
    # the figures are drawn in the test of the command
    pages = []
    page = "gwasbone.steps.compare.comparison_page"
    monkeypatch.setattr(page, lambda scans, found, path, **_: pages.append(path))
    (folder / "study.toml").write_text(STUDY.format(loci="loci.tsv"))
    config = load_config(folder / "study.toml")
    said = run_comparison(config, tmp_path)
    assert said.startswith("effective sample sizes: score / case ")
    assert pages == [tmp_path / "comparison.html"]
    assert {p.name for p in tmp_path.iterdir()} == {f"comparison.{k}" for k in KINDS[:-1]}
    assert {Path(p).name for p in comparison_files(config)} == {
        "scan.score.tsv.gz", "scan.case.tsv.gz", "loci.tsv", "ld",
    }  # fmt: skip


def test_simulated_truth_must_be_there_and_a_scan_must_have_been_made(folder, tmp_path):
    (folder / "study.toml").write_text(STUDY.format(loci="simulated truth"))
    with pytest.raises(ConfigError, match=r"expected .*causal_variants"):
        comparison_files(load_config(folder / "study.toml"))
    text = STUDY.format(loci="loci.tsv").replace("scan.case.tsv.gz", "case")
    (folder / "study.toml").write_text(text)
    with pytest.raises(InputError, match="case has no scan"):
        run_comparison(load_config(folder / "study.toml"), tmp_path)
    (folder / "study.toml").write_text(text.replace(', "case"', ""))
    with pytest.raises(ConfigError, match="two or more"):
        load_config(folder / "study.toml")
