"""Hits of scans out of files read a piece at a time: equal to reading all of it."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_scans import made_scan, write_scan

from gwasbone import text_table as scan_text
from gwasbone.association.hail_scan import scans_of_hail_table
from gwasbone.association.results import AssociationResults
from gwasbone.errors import InputError, UsageError
from gwasbone.sumstats.hits import map_hits
from gwasbone.sumstats.scans import open_scans, read_scan


def hits(scans, p=1e-2, **options):
    return map_hits(scans, lambda scan: scan, p_threshold=p, **options)


def expected(table, p=1e-2):
    found = table[table["neg_log_10_p_value"] > -np.log10(p)].reset_index(drop=True)
    return found.assign(n=found["n"].astype(float))


@pytest.fixture
def file(tmp_path):
    return write_scan(made_scan(seed=3), tmp_path / "scan.bmd_total")


@pytest.mark.parametrize("piece", [50, 997, 1 << 24])
def test_pieces_of_any_size_give_what_the_whole_file_gives(file, monkeypatch, piece):
    monkeypatch.setattr(scan_text, "_PIECE_BYTES", piece)
    found = hits({"a": file})["a"]
    whole = read_scan(file)
    assert found.n_variants == len(whole)
    assert 0 < len(found.table) < len(whole)
    pd.testing.assert_frame_equal(found.table, expected(whole))


def test_plain_text_windows_line_ends_and_no_last_line_end(file, tmp_path):
    text = gzip.decompress(file.read_bytes())
    plain = tmp_path / "plain.tsv"
    lines = text.split(b"\n")
    blank = b"\n".join([*lines[:9], b"", *lines[9:]])
    for changed in (text, text.replace(b"\n", b"\r\n"), text.rstrip(b"\n"), blank):
        plain.write_bytes(changed)
        pd.testing.assert_frame_equal(hits({"a": plain})["a"].table, expected(read_scan(file)))


def test_no_hit_gives_an_empty_table_with_the_columns(file):
    found = hits({"a": file}, p=1e-300)["a"]
    assert found.table.empty
    assert list(found.table.columns) == list(read_scan(file).columns)


def test_p_values_that_underflow_are_hits(tmp_path):
    table = made_scan(seed=1)
    table.loc[5, ["beta", "neg_log_10_p_value"]] = 4.28, 400.0
    file = write_scan(table, tmp_path / "s.a")
    assert hits({"a": file}, p=1e-300)["a"].table["neg_log_10_p_value"].tolist() == [400.0]


def test_results_parquet_and_tables_give_the_same(tmp_path):
    tables = {"a": made_scan(seed=1), "b": made_scan(seed=2)}
    results = AssociationResults.from_tables(
        tables, build="GRCh37", provenance={"method": "linear"}, folder=tmp_path / "kept"
    )
    results.write(tmp_path / "wide", formats=("parquet",))
    wide = tmp_path / "wide.parquet"
    assert list(open_scans([wide])) == ["a", "b"]
    single = results.parquet_path("b").rename(tmp_path / "scan.b.parquet")
    assert list(open_scans([single])) == ["b"]
    sources = (tables, dict.fromkeys("ab", wide), {"a": tables["a"], "b": single})
    for source in sources:
        found = hits(source)
        assert list(found) == ["a", "b"]
        for trait, table in tables.items():
            pd.testing.assert_frame_equal(found[trait].table, expected(table))
            assert found[trait].n_variants == len(table)


def test_results_of_a_run_are_read_from_their_own_files(tmp_path):
    tables = {"a": made_scan(seed=1), "b": made_scan(seed=2)}
    halves = [
        {t: table.iloc[part] for t, table in tables.items()}
        for part in (slice(0, 700), slice(700, None))
    ]
    results = AssociationResults.from_chunks(
        halves, build="GRCh37", provenance={"method": "linear"}, folder=tmp_path / "kept"
    )
    found = hits(results)
    for trait, table in tables.items():
        pd.testing.assert_frame_equal(found[trait].table, expected(table), check_dtype=True)


def test_columns_that_a_parquet_file_lacks_are_missing(tmp_path):
    table = made_scan(seed=1)
    names = ["chromosome", "base_pair_location", "other_allele", "effect_allele"]
    few = table[names].assign(
        **{"x.neg_log_10_p_value": table["neg_log_10_p_value"].astype("float32")}
    )
    pq.write_table(pa.Table.from_pandas(few), tmp_path / "few.parquet", row_group_size=300)
    found = hits({"x": tmp_path / "few.parquet"})["x"].table
    assert len(found) == (few["x.neg_log_10_p_value"] > 2).sum()
    assert found["beta"].isna().all()
    assert found["n"].isna().all()


def test_progress_counts_all_bytes(file):
    seen = []
    hits({"a": file}, progress=lambda step, done, total: seen.append((step, done, total)))
    assert seen[-1] == ("reading scans", file.stat().st_size, file.stat().st_size)


def test_what_is_no_scan_is_refused_in_a_line(file, tmp_path):
    cut = tmp_path / "cut.tsv.gz"
    cut.write_bytes(file.read_bytes()[:-2000])
    other = tmp_path / "other.tsv"
    other.write_text("SNP\tP\nrs1\t0.1\n")
    text = gzip.decompress(file.read_bytes()).decode().split("\n")
    word = tmp_path / "word.tsv"
    word.write_text(text[0] + "\n" + text[1].replace("\t", "\tx", 8))
    binary = tmp_path / "binary.tsv"
    binary.write_bytes(bytes(range(128, 256)) * 20)
    fake = tmp_path / "fake.parquet"
    fake.write_bytes(b"nothing")
    pq.write_table(pa.table({"z": [1.0]}), tmp_path / "z.parquet")
    faults = {
        cut: "complete table", other: "of no known format", word: "line 2: expected a number",
        binary: "expected a", fake: "Parquet", tmp_path / "none.tsv.gz": "no such file",
        tmp_path / "z.parquet": "TRAIT.neg_log_10_p_value",
    }  # fmt: skip
    for path, said in faults.items():
        with pytest.raises(InputError, match=said) as caught:
            pytest.fail(f"{path}: {hits({'x': path})['x'].table}")
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_senseless_arguments():
    with pytest.raises(UsageError, match="at least one scan"):
        hits({})
    with pytest.raises(UsageError, match="p_threshold"):
        hits({"a": made_scan()}, p=5)
    with pytest.raises(UsageError, match="expected a table, a scan or a file"):
        hits({"a": 3})
    with pytest.raises(InputError, match="neg_log_10_p_value"):
        hits({"a": pd.DataFrame({"x": [1]})})


@pytest.mark.hail
def test_hail_tables_flat_and_of_many_traits(tmp_path, hail_session):
    tables = {"a": made_scan(seed=1), "b": made_scan(seed=2)}
    results = AssociationResults.from_tables(
        tables, build="GRCh37", provenance={"method": "linear"}, folder=tmp_path / "kept"
    )
    both, flat = results.to_hail(), results.to_hail("b")
    found = hits({"a": scans_of_hail_table(both)["a"], "b": scans_of_hail_table(flat, "b")["b"]})
    for trait, table in tables.items():
        pd.testing.assert_frame_equal(found[trait].table, expected(table), rtol=1e-14)
    with_p = flat.select("beta", "standard_error", p_value=10.0**-flat.neg_log_10_p_value)
    as_hail = hits(scans_of_hail_table(with_p, "x"))["x"].table
    np.testing.assert_allclose(
        as_hail["neg_log_10_p_value"], expected(tables["b"])["neg_log_10_p_value"]
    )
    np.testing.assert_allclose(as_hail["standard_error"], expected(tables["b"])["standard_error"])
    with pytest.raises(InputError, match="infinite"):
        hits(scans_of_hail_table(with_p.annotate(p_value=0.0), "x"))
    with pytest.raises(InputError, match="keyed by locus and alleles"):
        scans_of_hail_table(flat.key_by("locus"), "x")
    with pytest.raises(InputError, match="neg_log_10_p_value or p_value"):
        scans_of_hail_table(flat.select("beta"), "x")
    whole = scans_of_hail_table(both)["a"].table()
    pd.testing.assert_frame_equal(
        whole, tables["a"].assign(n=tables["a"]["n"].astype(float)), rtol=1e-14
    )
