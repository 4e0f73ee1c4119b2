"""Files of gwasbone 0.1, whose columns had other names, are read with a warning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gwasbone.comparison.known_loci import read_loci
from gwasbone.learning.genotype_inputs import read_selected
from gwasbone.sumstats.leads import read_leads
from gwasbone.sumstats.scans import open_scans

WARNING = "columns are named as gwasbone 0.1 did"


def written(folder: Path, **columns: object) -> Path:
    path = folder / "old.tsv"
    pd.DataFrame(columns).to_csv(path, sep="\t", index=False, na_rep="NA")
    return path


def test_leads(tmp_path, caplog):
    path = written(tmp_path, chromosome=["X"], position_bp=[5], neg_log10_p=[9.5], gene=["G"])
    assert read_leads(path)["base_pair_location"].tolist() == [5]
    assert f"{path}: {WARNING} (position_bp, neg_log10_p)" in caplog.text


def test_names_of_today_are_read_without_a_word(tmp_path, caplog):
    path = written(tmp_path, chromosome=[1], base_pair_location=[5])
    assert len(read_leads(path)) == 1
    assert caplog.text == ""


SELECTED = {
    "region": ["left_hip"], "variant_id": ["1_5_A_G"], "chromosome": [1], "position_bp": [5],
    "effect_allele": ["G"], "other_allele": ["A"], "source_id": ["rs1"], "scans": ["a"],
    "n_scans": [1], "best_scan": ["a"], "neg_log10_p": [9.5], "beta": [0.1], "se": [np.nan],
}  # fmt: skip


def test_selected_snps(tmp_path, caplog):
    table = read_selected(written(tmp_path, **SELECTED))
    assert float(table["base_pair_location"].iloc[0]) == 5
    assert float(table["neg_log_10_p_value"].iloc[0]) == 9.5
    assert "standard_error" in table
    assert WARNING in caplog.text


def test_known_loci(tmp_path, caplog):
    table = read_loci(written(tmp_path, chromosome=[3], position_bp=[7], neg_log10_p=[8.0]))
    assert table.to_dict("records") == [
        {"chromosome": 3, "base_pair_location": 7, "neg_log_10_p_value": 8.0}
    ]
    assert WARNING in caplog.text


@pytest.mark.parametrize("prefix", ["", "bmd."])
def test_parquet_of_one_and_of_many_traits(tmp_path, caplog, prefix):
    variants = {
        "chromosome": np.int16([1, 1]), "position_bp": np.int32([5, 9]),
        "other_allele": ["A", "C"], "effect_allele": ["G", "T"], "source_id": ["rs1", "rs2"],
    }  # fmt: skip
    trait = {"n": np.int32([9, 9]), "beta": [0.2, 0.1], "se": [0.1, 0.1], "neg_log10_p": [1.3, 0.5]}
    path = tmp_path / "x.bmd.parquet"
    pq.write_table(pa.table(variants | {f"{prefix}{n}": c for n, c in trait.items()}), path)
    [scan] = open_scans([path]).values()
    table = scan.table()
    assert table["base_pair_location"].tolist() == [5, 9]
    assert table["standard_error"].tolist() == [0.1, 0.1]
    assert scan.hits(1.0).table["neg_log_10_p_value"].tolist() == [1.3]
    assert caplog.text.count(WARNING) == 1
