"""``gwasbone plot`` from the command line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_cohort import one_line_error

from gwasbone.association.results import AssociationResults
from gwasbone.cli import main


def _table(seed, m=400):
    rng = np.random.default_rng(seed)
    beta = rng.normal(size=m) * 0.1
    beta[seed * 20] = 0.9
    table = pd.DataFrame(
        {
            "chromosome": np.repeat([1, 2, 7, 23], m // 4),
            "base_pair_location": np.tile(np.arange(m // 4) * 1_000_000 + 100, 4),
            "other_allele": "A", "effect_allele": "G", "source_id": [f"rs{i}" for i in range(m)],
            "n": 90, "effect_allele_frequency": 0.3, "call_rate": 1.0, "beta": beta,
            "standard_error": 0.1, "statistic": beta / 0.1, "dof": 80.0,
            "neg_log_10_p_value": (beta / 0.1) ** 2 / 4.6 + 0.01,
            "test": "linear", "status": "",
        }
    )  # fmt: skip
    numbers = ["beta", "standard_error", "statistic", "neg_log_10_p_value"]
    table.loc[3, [*numbers, "status"]] = [np.nan] * 4 + ["monomorphic"]
    return table


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans")
    results = AssociationResults.from_tables(
        {"hip": _table(1), "spine": _table(2)},
        build="GRCh37",
        provenance={"method": "linear", "test": "wald", "engine": "blocks", "covariates": []},
    )
    results.write(folder / "scan", formats=("ssf", "parquet"))
    return folder


def _ssf(scans):
    return [str(scans / f"scan.{name}.tsv.gz") for name in ("hip", "spine")]


@pytest.mark.parametrize("kind", ["manhattan", "qq", "volcano", "stacked", "miami", "scatter"])
def test_every_kind_draws_text_and_parquet(scans, tmp_path, capfd, kind):
    out = str(tmp_path / "a")
    assert main(["plot", kind, *_ssf(scans), "--out", out]) == 0
    printed = capfd.readouterr().out
    assert "hip: 399 variants" in printed
    page = Path(f"{out}.{kind}.html")
    assert page.read_text("utf-8").count("<figure") == (1 if kind in ("stacked", "miami") else 2)
    wide = str(scans / "scan.parquet")
    assert main(["plot", kind, wide, "--trait", "hip,spine", "--out", out, "--force"]) == 0
    assert "hip: 399 variants, 1 without a p-value" in capfd.readouterr().out
    log = Path(f"{out}.plot.log").read_text("utf-8")
    assert "spine: 399 variants" in log
    assert kind in log


def test_leads_and_names_are_written(scans, tmp_path, capfd):
    leads = tmp_path / "leads.tsv"
    row = _table(1).loc[20]
    leads.write_text(
        "trait\tchromosome\tposition_bp\tgene\n"
        f"Hip\t{row['chromosome']}\t{row['base_pair_location']}\tSOST\nHip\t2\t5\tLRP5\n"
    )
    arguments = ["plot", "miami", *_ssf(scans), "--leads", str(leads), "--names", "Hip,Spine"]
    arguments += ["--title", "Two bones", "--build", "GRCh37", "--out", str(tmp_path / "a")]
    assert main(arguments) == 0
    assert "Hip: 1 of 2 leads are not in the scan" in capfd.readouterr().err
    text = (tmp_path / "a.miami.html").read_text("utf-8")
    assert "SOST" in text
    assert "<h1>Two bones</h1>" in text
    assert "Hip, Spine; GRCh37" in text


def test_only_some_chromosomes(scans, tmp_path, capfd):
    arguments = ["plot", "manhattan", _ssf(scans)[0], "--chr", "7", "--out", str(tmp_path / "a")]
    assert main(arguments) == 0
    assert "hip: 100 variants" in capfd.readouterr().out
    assert "Position on chromosome 7" in (tmp_path / "a.manhattan.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["miami", "HIP"], 2, "plot miami takes 2 scans; 1 came: hip"),
        (["stacked", "HIP"], 2, "plot stacked takes 2 to 25 scans; 1 came"),
        (["pie", "HIP"], 2, "manhattan"),
        (["qq", "/nowhere.tsv.gz"], 1, "/nowhere.tsv.gz: no such file"),
        (["qq", "HIP", "--chr", "9"], 1, "no variant of hip on chromosome 9"),
        (["qq", "HIP", "--leads", "/nowhere.tsv"], 1, "/nowhere.tsv"),
        (["qq", "HIP", "--genome-wide", "7"], 2, "--genome-wide"),
        (["qq", "x.untested.tsv.gz"], 2, "sidecars or untested variants"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_errors_take_one_line_and_leave_no_page(scans, tmp_path, capfd, arguments, code, says):
    words = [_ssf(scans)[0] if word == "HIP" else word for word in arguments]
    line = one_line_error(["plot", *words, "--out", str(tmp_path / "a")], capfd, code=code)
    assert says in line
    assert not list(tmp_path.glob("*.html"))


def test_a_build_that_the_positions_contradict_is_refused(scans, tmp_path, capfd):
    table = _table(1)
    table.loc[table.index[-1], "base_pair_location"] = (
        155_500_000  # beyond X of GRCh37, not of GRCh38
    )
    table.to_parquet(tmp_path / "late.parquet")
    arguments = ["plot", "qq", str(tmp_path / "late.parquet"), "--out", str(tmp_path / "a")]
    line = one_line_error([*arguments, "--build", "GRCh37"], capfd)
    assert "chromosome X of GRCh37 ends at 155,270,560" in line
    assert main([*arguments, "--build", "GRCh38"]) == 0


def test_leads_of_other_traits_are_refused(scans, tmp_path, capfd):
    leads = tmp_path / "leads.tsv"
    leads.write_text("trait\tchromosome\tposition_bp\nheel\t1\t100\n")
    arguments = ["plot", "manhattan", _ssf(scans)[0], "--leads", str(leads)]
    line = one_line_error([*arguments, "--out", str(tmp_path / "a")], capfd)
    assert "the leads are of heel, the scans are hip" in line
    assert "--names" in line
