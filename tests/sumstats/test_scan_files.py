"""Scans out of every kind of file are one and the same, read by column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gwasbone.association.results import AssociationResults
from gwasbone.errors import InputError, UsageError
from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.leads import leads_in_scan, read_leads
from gwasbone.sumstats.scans import open_scans, read_scan


def _table(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    m = 50
    beta = rng.normal(size=m)
    return pd.DataFrame(
        {
            "chromosome": np.repeat([1, 23], m // 2),
            "base_pair_location": np.arange(m) * 100 + 100,
            "other_allele": "A", "effect_allele": "G",
            "source_id": [f"rs{i}" if i % 2 else f"snp{i}" for i in range(m)],
            "n": 90, "effect_allele_frequency": 0.3, "call_rate": 1.0,
            "beta": beta, "standard_error": 0.1, "statistic": beta / 0.1, "dof": 80.0,
            "neg_log_10_p_value": neg_log10_p_normal(beta / 0.1), "test": "linear", "status": "",
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    results = AssociationResults.from_tables(
        {"hip": _table(1), "spine": _table(2)},
        build="GRCh37",
        provenance={"method": "linear", "test": "wald", "engine": "blocks", "covariates": []},
        folder=folder / "run",
    )
    results.write(folder / "scan", formats=("ssf", "parquet"))
    return folder


@pytest.mark.parametrize("name", ["scan.parquet", "run", "scan.spine.tsv.gz"])
def test_every_kind_of_file_gives_the_same_columns(files: Path, name: str) -> None:
    scan = open_scans([files / name], traits=["spine"])["spine"]
    table = scan.columns(["chromosome", "neg_log_10_p_value"], ["source_id", "n", "effect_allele"])
    assert list(table) == ["chromosome", "neg_log_10_p_value", "source_id", "n", "effect_allele"]
    truth = read_scan(files / "scan.spine.tsv.gz")
    np.testing.assert_allclose(table["neg_log_10_p_value"], truth["neg_log_10_p_value"], rtol=1e-6)
    assert table["source_id"].tolist() == truth["source_id"].tolist()
    assert table["chromosome"].tolist() == truth["chromosome"].tolist()


def test_scans_come_in_the_order_asked_for_and_take_names(files: Path) -> None:
    assert list(open_scans([files / "scan.parquet"])) == ["hip", "spine"]
    scans = open_scans([files / "scan.parquet"], traits=["spine", "hip"], names=["b", "a"])
    spine = read_scan(files / "scan.spine.tsv.gz")
    assert list(scans) == ["b", "a"]
    np.testing.assert_allclose(scans["b"].table()["beta"], spine["beta"], rtol=1e-6)


def test_refusals(files: Path, tmp_path: Path) -> None:
    for paths, options, says in (
        (["nowhere.tsv.gz"], {}, "nowhere.tsv.gz: no such file"),
        (["scan.parquet"], {"traits": ["heel"]}, "no trait heel .* hold hip, spine"),
        (["scan.parquet"], {"names": ["a"]}, "expected 2 names for as many scans, got 1"),
        (["scan.parquet", "scan.hip.tsv.gz"], {}, "both hold a scan called hip"),
    ):
        with pytest.raises((InputError, UsageError), match=says):
            open_scans([files / name for name in paths], **options)  # type: ignore[arg-type]
    _table(1).drop(columns="neg_log_10_p_value").to_parquet(tmp_path / "no.parquet")
    with pytest.raises(InputError, match="expected a column neg_log_10_p_value"):
        open_scans([tmp_path / "no.parquet"])
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(InputError, match="expected a Parquet file"):
        open_scans([tmp_path / "text.parquet"])
    (tmp_path / "x.tsv").write_text("chromosome\tbase_pair_location\n1\t5\n")
    with pytest.raises(InputError, match=r"x.tsv: its columns"):
        open_scans([tmp_path / "x.tsv"])


def test_leads_meet_the_scan_by_place_and_alleles(tmp_path: Path) -> None:
    scan = _table(1)
    path = tmp_path / "leads.tsv"
    path.write_text(
        "chromosome\tbase_pair_location\teffect_allele\tother_allele\tgene\n"
        "1\t100\tG\tA\tSOST\n"  # as in the scan
        "X\t2600\tA\tG\tNA\n"  # the other way round, without a name
        "1\t200\tT\tA\tLRP5\n"  # another allele
        "1\t101\tG\tA\tLRP6\n"  # not there
    )
    found = leads_in_scan(read_leads(path), scan)
    assert found["base_pair_location"].tolist() == [100, 2600]
    assert found["gene"].tolist()[0] == "SOST"
    assert found["gene"].isna().tolist() == [False, True]
    expected = scan.set_index("base_pair_location").loc[[100, 2600], "neg_log_10_p_value"]
    assert found["neg_log_10_p_value"].tolist() == expected.tolist()


def test_wrong_tables_of_leads(tmp_path: Path) -> None:
    path = tmp_path / "leads.tsv"
    for text, says in (
        ("chromosome\tplace\n1\t5\n", "no base_pair_location"),
        ("chromosome\tbase_pair_location\nQ\t5\n", "line 2: chromosome 'Q'"),
        ("chromosome\tbase_pair_location\n1\there\n", "line 2: .*'here'"),
        ("", "expected a table with a header"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=says):
            read_leads(path)
    with pytest.raises(InputError, match="no such file"):
        read_leads(tmp_path / "nowhere.tsv")
