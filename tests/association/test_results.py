from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gwasbone.association.result_files import output_paths, trait_stem
from gwasbone.association.results import AssociationResults
from gwasbone.errors import InputError, UsageError
from gwasbone.stats.genomic_control import lambda_gc_from_chi2
from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.scans import read_scan
from gwasbone.sumstats.table import COLUMNS, canonical_table

PROVENANCE = {"method": "linear", "engine": "hail", "covariates": ["age"]}


def scan(m: int = 500, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=m) * 1.5
    table = pd.DataFrame(
        {
            "chromosome": np.sort(np.arange(m) % 23 + 1),
            "base_pair_location": np.arange(m) * 1000 + 70_000,
            "other_allele": "A",
            "effect_allele": "C",
            "source_id": [f"rs{i}" for i in range(m)],
            "n": 1000 + seed,
            "effect_allele_frequency": rng.uniform(size=m),
            "call_rate": 1.0,
            "beta": z * 0.1,
            "standard_error": 0.1,
            "statistic": z,
            "dof": np.inf,
            "neg_log_10_p_value": neg_log10_p_normal(z),
            "test": "score",
            "status": "",
        }
    )
    table.loc[7, ["beta", "standard_error", "statistic", "dof", "neg_log_10_p_value"]] = np.nan
    table.loc[7, "status"] = "monomorphic"
    return canonical_table(table)


@pytest.fixture
def results(tmp_path: Path) -> AssociationResults:
    tables = {"bmd": scan(seed=1), "height": scan(seed=2)}
    return AssociationResults.from_tables(
        tables, build="GRCh37", provenance=PROVENANCE, folder=tmp_path / "kept"
    )


def test_tables_come_back_as_they_were(results: AssociationResults) -> None:
    assert results.traits == ("bmd", "height")
    pd.testing.assert_frame_equal(results.table("height"), scan(seed=2), check_exact=True)


def test_reopened_results_are_the_same(results: AssociationResults) -> None:
    again = AssociationResults.open(results.folder)
    assert again.traits == results.traits
    assert again.build == "GRCh37"
    assert dict(again.provenance) == PROVENANCE
    pd.testing.assert_frame_equal(again.table("bmd"), results.table("bmd"))


def test_temporary_folder_lives_as_long_as_the_results() -> None:
    results = AssociationResults.from_tables(iter([("bmd", scan())]), build="GRCh38", provenance={})
    folder = results.folder
    assert len(results.table("bmd")) == 500
    del results
    assert not folder.exists()


def test_tested_and_untested_make_the_whole(results: AssociationResults) -> None:
    assert len(results.tested("bmd")) == 499
    assert results.untested("bmd")["status"].tolist() == ["monomorphic"]


def test_lambda_gc(results: AssociationResults) -> None:
    expected = lambda_gc_from_chi2(results.table("bmd")["statistic"] ** 2)
    assert results.lambda_gc("bmd") == pytest.approx(expected)
    assert expected > 1.5


def test_leads_of_one_and_of_all_traits(results: AssociationResults) -> None:
    one = results.leads("height", p_threshold=0.01, max_blocks=2)
    assert one["trait"].tolist() == ["height"] * 2
    everything = results.leads(p_threshold=0.01, max_blocks=2)
    assert everything["trait"].tolist() == ["bmd"] * 2 + ["height"] * 2
    pd.testing.assert_frame_equal(everything.iloc[2:].reset_index(drop=True), one)
    assert len(results.leads(p_threshold=1e-99)) == 0


def test_unsorted_tables_are_sorted_by_locus_not_by_string() -> None:
    table = scan().sample(frac=1, random_state=1)
    result = AssociationResults.from_tables({"t": table}, build="GRCh37", provenance={}).table("t")
    assert result["chromosome"].is_monotonic_increasing
    pd.testing.assert_frame_equal(result, scan())


def test_variants_at_one_locus_are_sorted_by_alleles() -> None:
    table = (
        scan(9).iloc[:3].assign(chromosome=1, base_pair_location=5, effect_allele=["T", "C", "G"])
    )
    assert canonical_table(table)["effect_allele"].tolist() == ["C", "G", "T"]


def test_all_faults_of_a_table_at_once() -> None:
    table = scan().drop(columns=["beta"]).astype({"n": "float64", "base_pair_location": "float64"})
    table.loc[3, "n"] = np.nan
    table.loc[4, "base_pair_location"] = 0.5
    with pytest.raises(InputError) as caught:
        AssociationResults.from_tables({"t": table}, build="GRCh37", provenance={})
    message = str(caught.value)
    for fault in ("no column beta", "n has 1 missing", "base_pair_location holds values"):
        assert fault in message


def test_wrong_arguments_are_named(results: AssociationResults, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'weight' is not in these results: bmd, height"):
        results.table("weight")
    with pytest.raises(UsageError, match="GRCh37, GRCh38, got 'hg19'"):
        AssociationResults.from_tables({"t": scan()}, build="hg19", provenance={})
    with pytest.raises(UsageError, match="at least one trait"):
        AssociationResults.from_tables({}, build="GRCh37", provenance={})
    with pytest.raises(UsageError, match="twice"):
        AssociationResults.from_tables(
            [("t", scan()), ("t", scan())], build="GRCh37", provenance={}
        )
    with pytest.raises(UsageError, match="got 'vcf'"):
        results.write(tmp_path / "x", ["vcf"])
    with pytest.raises(InputError, match=r"results\.json"):
        AssociationResults.open(tmp_path / "nowhere")


def test_write_ssf_and_wide_parquet(results: AssociationResults, tmp_path: Path) -> None:
    written = results.write(tmp_path / "out", ("ssf", "parquet"))
    assert set(written) == set(tmp_path.glob("out.*"))
    assert sorted(path.name for path in written) == [
        "out.bmd.tsv.gz",
        "out.bmd.tsv.gz-meta.yaml",
        "out.bmd.untested.tsv.gz",
        "out.height.tsv.gz",
        "out.height.tsv.gz-meta.yaml",
        "out.height.untested.tsv.gz",
        "out.parquet",
    ]
    assert len(read_scan(tmp_path / "out.height.tsv.gz")) == 499
    wide = pd.read_parquet(tmp_path / "out.parquet")
    assert len(wide) == 500
    for trait in results.traits:
        expected = results.table(trait)
        for column in ("beta", "n", "status", "neg_log_10_p_value"):
            pd.testing.assert_series_equal(
                wide[f"{trait}.{column}"], expected[column], check_names=False
            )


def test_wide_parquet_over_several_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gwasbone.association.result_files._ROWS_PER_GROUP", 64)
    tables = {"a": scan(seed=1), "b": scan(seed=2)}
    results = AssociationResults.from_tables(tables, build="GRCh37", provenance={})
    results.write(tmp_path / "out", ("parquet",))
    wide = pd.read_parquet(tmp_path / "out.parquet")
    np.testing.assert_array_equal(wide["b.beta"], tables["b"]["beta"])


def chunked(
    tables: dict[str, pd.DataFrame], *, rows: int = 200, build: str = "GRCh37"
) -> AssociationResults:
    """Results that came in chunks, as a scan's do."""
    n_rows = len(next(iter(tables.values())))
    chunks = (
        {trait: table.iloc[start : start + rows] for trait, table in tables.items()}
        for start in range(0, n_rows, rows)
    )
    return AssociationResults.from_chunks(chunks, build=build, provenance=PROVENANCE)


def test_chunks_come_back_as_they_were(tmp_path: Path) -> None:
    tables = {"bmd": scan(seed=1), "bmd.beta": scan(seed=2)}
    results = chunked(tables)
    for trait, table in tables.items():
        pd.testing.assert_frame_equal(results.table(trait), table, check_exact=True)
        kept = pd.read_parquet(results.parquet_path(trait))
        pd.testing.assert_frame_equal(kept, table, check_exact=True)
    results.write(tmp_path / "out", ("parquet",))
    wide = pd.read_parquet(tmp_path / "out.parquet")
    np.testing.assert_array_equal(wide["bmd.beta.beta"], tables["bmd.beta"]["beta"])
    assert wide["bmd.status"].tolist() == tables["bmd"]["status"].tolist()


def test_chunks_and_tables_give_the_same_files(tmp_path: Path) -> None:
    tables = {"a": scan(seed=1), "b": scan(seed=2)}
    # what one trait's people share among variants must not be taken for another's
    tables["b"]["call_rate"] = 0.5
    tables["c"] = tables["b"].assign(status="monomorphic")
    whole = AssociationResults.from_tables(tables, build="GRCh37", provenance=PROVENANCE)
    for results, name in ((whole, "whole"), (chunked(tables), "chunked")):
        results.write(tmp_path / name, ("ssf",))
    for trait in tables:
        pd.testing.assert_frame_equal(
            *(read_scan(tmp_path / f"{name}.{trait}.tsv.gz") for name in ("whole", "chunked"))
        )
        untested = [
            pd.read_csv(tmp_path / f"{name}.{trait}.untested.tsv.gz", sep="\t")
            for name in ("whole", "chunked")
        ]
        pd.testing.assert_frame_equal(*untested)
        assert len(untested[0]) == (500 if trait == "c" else 1)
    assert set(read_scan(tmp_path / "chunked.b.tsv.gz")["call_rate"]) == {0.5}


def test_summaries(results: AssociationResults) -> None:
    for made in (results, chunked({t: results.table(t) for t in results.traits}, rows=77)):
        summary = made.summaries["height"]
        table = results.tested("height")
        top = table.loc[table["neg_log_10_p_value"].idxmax()]
        assert summary.n == 1002
        assert summary.n_tested == 499
        assert dict(summary.untested) == {"monomorphic": 1}
        assert summary.lambda_gc == results.lambda_gc("height")
        assert (summary.top_source_id, summary.top_neg_log10_p) == (
            top["source_id"],
            top["neg_log_10_p_value"],
        )


def test_summary_without_tested_variants() -> None:
    summary = chunked({"bmd": scan().assign(status="all_missing")}).summaries["bmd"]
    assert (summary.n, summary.n_tested, summary.top_source_id) == (0, 0, "")
    assert dict(summary.untested) == {"all_missing": 500}
    assert np.isnan(summary.lambda_gc)


def test_chunks_of_traits_that_differ_are_refused() -> None:
    a, b = (
        scan(seed=1),
        scan(seed=2).assign(base_pair_location=lambda t: t["base_pair_location"] + 1),
    )
    with pytest.raises(InputError, match="b has other base_pair_location"):
        chunked({"a": a, "b": b})
    with pytest.raises(InputError, match="expected traits a in every chunk, got a, b"):
        AssociationResults.from_chunks(
            [{"a": a.iloc[:9]}, {"a": a.iloc[9:], "b": a.iloc[9:]}], build="GRCh37", provenance={}
        )
    with pytest.raises(InputError, match=r"a\.test has missing values"):
        chunked({"a": a.assign(test=None)})


def test_wide_parquet_of_traits_with_different_variants(tmp_path: Path) -> None:
    a, b = scan(seed=1).iloc[:300], scan(seed=2).iloc[200:]
    results = AssociationResults.from_tables({"a": a, "b": b}, build="GRCh37", provenance={})
    results.write(tmp_path / "out", ("parquet",))
    wide = pd.read_parquet(tmp_path / "out.parquet")
    assert len(wide) == 500
    assert (wide["chromosome"].diff().dropna() >= 0).all()
    assert (wide.loc[:199, "b.status"] == "not_in_scan").all()
    assert wide.loc[:199, "b.beta"].isna().all()
    np.testing.assert_array_equal(wide.loc[200:, "b.beta"], b["beta"])
    np.testing.assert_array_equal(wide.loc[:299, "a.n"], a["n"])
    assert wide["a.n"].dtype == np.int32
    assert (wide.loc[:199, "b.n"] == 0).all()


def test_a_failure_on_the_second_trait_leaves_nothing(
    results: AssociationResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gwasbone.sumstats import ssf_write

    def fail_on_height(*, trait: str, **options: Any) -> Any:
        if trait == "height":
            raise OSError(28, "No space left on device")
        return real(trait=trait, **options)

    real = ssf_write.ssf_metadata
    monkeypatch.setattr(ssf_write, "ssf_metadata", fail_on_height)
    folder = tmp_path / "out"
    with pytest.raises(OSError, match="No space"):
        results.write(folder / "x", ("ssf", "parquet"))
    assert list(folder.iterdir()) == []


def test_file_names() -> None:
    assert trait_stem("o", "f.3148.0.0") == "o.f.3148.0.0"
    assert trait_stem("o", "a/b c") == "o.a_b_c"
    with pytest.raises(UsageError, match="rename one"):
        output_paths("o", ["a/b", "a b"])


@pytest.mark.hail
@pytest.mark.slow
def test_hail_table_of_one_trait(results: AssociationResults, hail_session: Any) -> None:
    hl = hail_session
    ht = results.to_hail("bmd")
    assert list(ht.key) == ["locus", "alleles"]
    assert ht.locus.dtype == hl.tlocus("GRCh37")
    rows = ht.to_pandas()
    expected = results.table("bmd")
    assert rows["alleles"].map(list).tolist() == [["A", "C"]] * 500
    np.testing.assert_array_equal(rows["beta"], expected["beta"])
    np.testing.assert_array_equal(rows["dof"], expected["dof"])
    assert rows["status"].tolist() == expected["status"].tolist()
    locus = [
        f"{'X' if c == 23 else c}:{p}"
        for c, p in expected[["chromosome", "base_pair_location"]].to_numpy()
    ]
    assert rows["locus"].map(str).tolist() == locus
    assert json.loads(hl.eval(ht.provenance)) == PROVENANCE
    assert set(ht.row_value) == set(COLUMNS) - {"chromosome", "base_pair_location"}


@pytest.mark.hail
def test_hail_table_of_all_traits_outlives_the_results(hail_session: Any) -> None:
    tables = {"bmd spine": scan(seed=1), "height": scan(seed=2)}
    results = chunked(tables, build="GRCh38")
    ht = results.to_hail()
    del results
    assert ht.locus.dtype.reference_genome.name == "GRCh38"
    assert ht["bmd spine"].beta.collect()[:5] == tables["bmd spine"]["beta"].tolist()[:5]
    assert ht.aggregate(hail_session.agg.max(ht.height.neg_log_10_p_value)) == pytest.approx(
        tables["height"]["neg_log_10_p_value"].max()
    )
