"""GWAS-SSF: the columns and their order, what is left out, the round trip, the Catalog's word."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from gwasbone.errors import InputError, UsageError
from gwasbone.stats.pvalues import neg_log10_p_t
from gwasbone.sumstats.scans import read_scan
from gwasbone.sumstats.ssf_text import catalog_status
from gwasbone.sumstats.ssf_write import SsfPaths, write_ssf
from gwasbone.sumstats.table import canonical_table

PROVENANCE = {
    "method": "linear",
    "test": "t",
    "engine": "blocks",
    "covariates": ["age", "sex"],
    "versions": {"numpy": "2.0"},
}


def scan(m: int = 2300, seed: int = 0) -> pd.DataFrame:
    """A results table over all autosomes and X; two thirds of the variants have rs numbers."""
    rng = np.random.default_rng(seed)
    other = rng.integers(0, 4, m)
    letters = np.array(list("ACGT"), dtype=object)
    se = rng.uniform(0.001, 0.1, m)
    t = rng.normal(size=m) * 3
    table = pd.DataFrame(
        {
            "chromosome": np.arange(m) % 23 + 1,
            "base_pair_location": rng.permutation(100 * m)[:m] + 1,
            "other_allele": letters[other],
            "effect_allele": letters[(other + 1) % 4],
            "source_id": [f"rs{i}" if i % 3 else f"aff-{i};x" for i in range(m)],
            "n": 4000,
            "effect_allele_frequency": rng.uniform(0.001, 0.999, m),
            "call_rate": 1 - rng.integers(0, 9, m) / 4000,
            "beta": t * se,
            "standard_error": se,
            "statistic": t,
            "dof": 3990.0,
            "neg_log_10_p_value": neg_log10_p_t(t, 3990.0),
            "test": "linear",
            "status": "",
        }
    )
    return canonical_table(table)


def with_untested(table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy()
    numbers = ["beta", "standard_error", "statistic", "dof", "neg_log_10_p_value"]
    table.loc[[3, 30], numbers] = np.nan
    table.loc[3, "status"] = "monomorphic"
    table.loc[30, "status"] = "no_convergence"
    table.loc[40, "effect_allele"] = "<DEL>"
    table.loc[50, "other_allele"] = "N"
    table.loc[60, "standard_error"] = np.nan
    table.loc[70, "effect_allele"] = "acgtACGT"
    return table


def write(table: pd.DataFrame, folder: Path, **options: object) -> SsfPaths:
    return write_ssf(
        table, folder / "out.bmd", trait="bmd", build="GRCh38",
        **{"provenance": PROVENANCE, **options},  # type: ignore[arg-type]
    )  # fmt: skip


def lines(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt") as handle:
        return [line.rstrip("\n").split("\t") for line in handle]


def test_header_and_a_row_worked_by_hand(tmp_path: Path) -> None:
    table = scan(46).iloc[:1].assign(
        chromosome=np.int16(23), base_pair_location=np.int32(155_000_000),
        other_allele="G", effect_allele="GA", source_id="rs7", n=np.int32(10),
        effect_allele_frequency=0.25, call_rate=0.5, beta=-0.001, standard_error=0.00002,
        neg_log_10_p_value=348.58056905570913,
    )  # fmt: skip
    header, row = (" ".join(line) for line in lines(write(table, tmp_path).data))
    assert header == (
        "chromosome base_pair_location effect_allele other_allele beta standard_error "
        "effect_allele_frequency neg_log_10_p_value variant_id n call_rate test rsid source_id"
    )
    assert row == (
        "23 155000000 GA G -0.001 0.00002 0.25 348.58057 23_155000000_G_GA 10 0.5 linear rs7 rs7"
    )


def test_round_trip(tmp_path: Path) -> None:
    table = scan()
    table.loc[0, "neg_log_10_p_value"] = 4000.0
    table.loc[0, "beta"] = 135.7 * table.loc[0, "standard_error"]
    table.loc[0, "statistic"] = 135.7
    table.loc[1, ["beta", "statistic", "neg_log_10_p_value"]] = 0.0
    table.loc[2, "call_rate"] = np.nan
    table.loc[4, "source_id"] = ""
    back = read_scan(write(table, tmp_path).data)
    # The format has no ID-less rows and no dof: an empty ID becomes the variant's own name.
    name = "_".join(
        table.loc[4, ["chromosome", "base_pair_location", "other_allele", "effect_allele"]].astype(
            str
        )
    )
    expected = table.assign(dof=np.nan, n=table["n"].astype(float))
    expected.loc[4, "source_id"] = name
    pd.testing.assert_frame_equal(back, expected, rtol=1e-6, atol=1e-16)


def test_numbers_beyond_a_float32_stay_numbers(tmp_path: Path) -> None:
    table = scan()
    for row, unit in ((3, 1e160), (4, 1e-200)):
        table.loc[row, ["beta", "standard_error"]] *= unit
    back = read_scan(write(table, tmp_path).data)
    np.testing.assert_allclose(back["beta"], table["beta"], rtol=1e-6, atol=0)
    np.testing.assert_allclose(back["standard_error"], table["standard_error"], rtol=1e-6, atol=0)


def test_nothing_disappears(tmp_path: Path) -> None:
    table = with_untested(scan())
    paths = write(table, tmp_path)
    untested = pd.read_csv(paths.untested, sep="\t")
    assert dict(untested["status"].value_counts()) == {
        "monomorphic": 1,
        "no_convergence": 1,
        "symbolic_allele": 1,
        "non_acgt_allele": 1,
        "not_finite": 1,
    }
    tested = read_scan(paths.data)
    assert len(tested) + len(untested) == len(table)
    # alleles are read in capital letters
    assert "ACGTACGT" in tested["effect_allele"].tolist()
    key = ["chromosome", "base_pair_location"]
    assert (
        untested[key].to_numpy().tolist()
        == table.loc[[3, 30, 40, 50, 60], ["chromosome", "base_pair_location"]].to_numpy().tolist()
    )


def test_own_status_wins_over_the_alleles() -> None:
    table = scan(46)
    table.loc[0, ["status", "effect_allele"]] = ["all_missing", "<INS>"]
    table.loc[1, "effect_allele"] = "*"
    table.loc[2, "effect_allele"] = "G]17:198982]"
    table.loc[3, "effect_allele"] = ""
    assert catalog_status(table)[:5].tolist() == [
        "all_missing", "symbolic_allele", "symbolic_allele", "non_acgt_allele", "",
    ]  # fmt: skip


def test_no_rsid_column_without_rs_numbers(tmp_path: Path) -> None:
    table = scan(46).assign(source_id="rs12x")
    header = lines(write(table, tmp_path).data)[0]
    assert "rsid" not in header
    assert "source_id" in header


def test_rsid_only_for_rs_numbers(tmp_path: Path) -> None:
    data = pd.read_csv(write(scan(), tmp_path).data, sep="\t", keep_default_na=False)
    is_rs = data["source_id"].str.fullmatch(r"rs\d+")
    assert (data.loc[is_rs, "rsid"] == data.loc[is_rs, "source_id"]).all()
    assert set(data.loc[~is_rs, "rsid"]) == {"#NA"}


def test_an_id_cannot_break_the_table(tmp_path: Path) -> None:
    table = scan(46)
    table.loc[0, "source_id"] = 'a\tb\nc"d'
    rows = lines(write(table, tmp_path).data)
    assert {len(row) for row in rows} == {14}
    assert rows[1][-1] == "a_b_c_d"


def test_p_of_one_is_not_written_as_zero(tmp_path: Path) -> None:
    table = scan(46)
    table.loc[0, ["beta", "neg_log_10_p_value"]] = 0.0
    text = lines(write(table, tmp_path).data)[1][7]
    assert float(text) > 0
    assert 10 ** -float(text) == 1.0


def test_sidecar(tmp_path: Path) -> None:
    study = {"sample_ancestry_category": "European", "imputation_panel": "HRC"}
    paths = write(scan(), tmp_path, study=study)
    meta = yaml.safe_load(paths.metadata.read_text())
    assert paths.metadata.name == "out.bmd.tsv.gz-meta.yaml"
    assert meta["data_file_name"] == "out.bmd.tsv.gz"
    assert meta["data_file_md5sum"] == hashlib.md5(paths.data.read_bytes()).hexdigest()
    assert meta["genome_assembly"] == "GRCh38"
    assert meta["coordinate_system"] == "1-based"
    assert meta["file_type"] == "GWAS-SSF v1.0"
    assert meta["trait_description"] == ["bmd"]
    assert meta["is_sorted"] is True
    assert meta["is_harmonised"] is False
    assert meta["adjusted_covariates"] == ["age", "sex"]
    assert meta["imputation_panel"] == "HRC"
    assert meta["samples"] == [
        {
            "sample_ancestry_category": ["European"],
            "sample_size": 4000,
            "case_control_study": False,
        }
    ]
    assert "linear, t, blocks" in meta["analysis_software"]


def test_sidecar_of_a_binary_trait(tmp_path: Path) -> None:
    about = {"bmd": {"n_cases": 30, "n_controls": 70, "description": "low bone density"}}
    logistic = {**PROVENANCE, "method": "logistic", "traits": about}
    paths = write(scan(46), tmp_path, provenance=logistic)
    meta = yaml.safe_load(paths.metadata.read_text())
    assert meta["samples"][0]["case_count"] == 30
    assert meta["samples"][0]["control_count"] == 70
    assert meta["samples"][0]["case_control_study"] is True
    assert meta["trait_description"] == ["low bone density"]
    assert "log odds" in meta["author_notes"]


def test_unknown_sidecar_field_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown field imputation_pannel"):
        write(scan(46), tmp_path, study={"imputation_pannel": "HRC"})
    assert list(tmp_path.iterdir()) == []


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = (write(scan(), tmp_path / name) for name in ("a", "b"))
    assert first.data.read_bytes() == second.data.read_bytes()
    assert first.untested.read_bytes() == second.untested.read_bytes()
    # Bytes 4 to 7 of a gzip file are its time stamp: two writes in one second would hide it.
    assert first.data.read_bytes()[4:8] == bytes(4)


def test_tables_longer_than_a_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = write(scan(), tmp_path).data.read_bytes()
    monkeypatch.setattr("gwasbone.sumstats.ssf_write._ROWS_PER_PIECE", 1000)
    assert gzip.decompress(write(scan(), tmp_path).data.read_bytes()) == gzip.decompress(whole)


def test_everything_untested_leaves_a_header(tmp_path: Path) -> None:
    table = scan(46).assign(status="monomorphic")
    paths = write(table, tmp_path)
    assert len(lines(paths.data)) == 1
    assert len(lines(paths.untested)) == 47


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        read_scan(tmp_path / "absent.tsv.gz")
    short = tmp_path / "short.tsv"
    short.write_text("chromosome\tbeta\n1\t2\n")
    with pytest.raises(InputError, match="those of no known format"):
        read_scan(short)
    cut = tmp_path / "cut.tsv.gz"
    cut.write_bytes(write(scan(), tmp_path).data.read_bytes()[:-2000])
    with pytest.raises(InputError, match="cut"):
        read_scan(cut)


@pytest.mark.peer
def test_the_catalogs_validator_accepts_the_pair(tmp_path: Path) -> None:
    validator = os.environ.get("GWAS_SSF") or shutil.which("gwas-ssf")
    if not validator:
        pytest.skip("no gwas-ssf: in a venv, pip install gwas-sumstats-tools 'numpy<2' 'click<8.2'")
    table = with_untested(scan())
    table.loc[0, ["beta", "neg_log_10_p_value"]] = 0.0
    table.loc[1, "neg_log_10_p_value"] = 4000.0
    table.loc[2, ["beta", "neg_log_10_p_value"]] = [1e-9, 3e-8]
    table.loc[5, "call_rate"] = np.nan
    about = {"bmd": {"n_cases": 30, "n_controls": 70}}
    data = write(table, tmp_path, provenance={**PROVENANCE, "traits": about}).data
    command = [validator, "validate", "-m", "1000", "-i", str(data)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Data table is valid" in done.stdout
    assert "not updated" not in done.stdout + done.stderr, "the sidecar was refused"
    # The validator is no rubber stamp: a data file with a missing p-value does not pass.
    broken = gzip.decompress(data.read_bytes()).decode().splitlines()
    broken[9] = "\t".join([*broken[9].split("\t")[:7], "#NA", *broken[9].split("\t")[8:]])
    data.write_bytes(gzip.compress("\n".join(broken).encode()))
    assert subprocess.run(command, capture_output=True).returncode != 0
