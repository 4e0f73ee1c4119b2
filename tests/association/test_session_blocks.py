"""A MatrixTable is exported once in a session where its scan repays it, and scanned in blocks."""

import gc
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gwasbone as gb
from gwasbone.association import session_blocks
from gwasbone.association.design import build_design
from gwasbone.association.options import AssociationRequest
from gwasbone.cohort.sources import block_files

N, M = 60, 40


def design_of(n_linear, n_binary):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({f"y{i}": rng.standard_normal(200) for i in range(n_linear)})
    for i in range(n_binary):
        table[f"b{i}"] = rng.integers(0, 2, 200)
    table.index = [f"i{i}" for i in range(200)]
    traits = tuple(table.columns)
    return build_design(table.index.tolist(), table, AssociationRequest(traits=traits))


def test_cost_grows_with_traits_and_most_with_binary_ones():
    cost = {k: session_blocks.scan_cost(design_of(*k)) for k in ((1, 0), (3, 0), (0, 1), (1, 1))}
    one = session_blocks.LINEAR_PASS
    assert cost[1, 0] == one
    assert cost[3, 0] == pytest.approx(one + 2 * session_blocks.LINEAR_TRAIT)
    assert cost[0, 1] == session_blocks.LOGISTIC_TRAIT
    assert cost[1, 1] == pytest.approx(cost[1, 0] + cost[0, 1])


@pytest.fixture(scope="module")
def mt(hail_session):
    """Autosome and X, with haploid men and a few errors."""
    hl = hail_session
    rng = np.random.default_rng(8)
    G = rng.binomial(2, rng.uniform(0.1, 0.9, M)[:, None], (M, N))
    G[rng.random((M, N)) < 0.05] = -1
    haploid = (np.arange(N) % 2 == 0) & (np.arange(M) >= M // 2)[:, None]
    haploid ^= rng.random((M, N)) < 0.02
    mt = hl.utils.range_matrix_table(M, N, n_partitions=2)
    i, j = hl.int32(mt.row_idx), hl.int32(mt.col_idx)
    g, one = hl.literal(G.tolist())[i][j], hl.literal(haploid.tolist())[i][j]
    call = hl.if_else(one, hl.call(hl.int32(g > 0)), hl.unphased_diploid_gt_index_call(g))
    mt = mt.annotate_entries(GT=hl.or_missing(g >= 0, call))
    y, age = (hl.literal(rng.standard_normal(N).tolist()) for _ in range(2))
    ill = hl.literal((rng.random(N) < 0.4).tolist())
    mt = mt.annotate_cols(
        sex=1 + mt.col_idx % 2, y=y[hl.int32(mt.col_idx)], age=age[hl.int32(mt.col_idx)],
        ill=ill[hl.int32(mt.col_idx)],
    )  # fmt: skip
    mt = mt.annotate_rows(rsid="rs" + hl.str(mt.row_idx))
    mt = mt.key_cols_by(s="q" + hl.str(mt.col_idx))
    contig = hl.if_else(mt.row_idx < M // 2, "2", "X")
    locus = hl.locus(contig, 5_000_000 + 100 * hl.int32(mt.row_idx), "GRCh37")
    return mt.key_rows_by(locus=locus, alleles=["C", "T"]).checkpoint(
        hl.utils.new_temp_file("made", "mt")
    )


def scan(mt, engine="auto"):
    return gb.associate(mt, y=[mt.y, mt.ill], covariates=[1, mt.age], engine=engine)


@pytest.mark.hail
@pytest.mark.filterwarnings("ignore::gwasbone.association.design.FewCasesWarning")
def test_a_large_scan_is_exported_once_and_equals_hails(mt, monkeypatch, caplog):
    assert scan(mt).provenance["engine"] == "hail"  # too small to repay an export
    monkeypatch.setattr(session_blocks, "LEAST_CALLS", 100)
    with caplog.at_level(logging.INFO):
        first = scan(mt)
    assert first.provenance["engine"] == "blocks"
    assert first.provenance["genotypes"] == "MatrixTable"
    assert "is exported to block files, which later scans of this session use" in caplog.text
    theirs = scan(mt, engine="hail")
    for trait in ("y", "ill"):
        a, b = first.table(trait), theirs.table(trait)
        same = ["chromosome", "base_pair_location", "effect_allele", "source_id", "n", "status"]
        pd.testing.assert_frame_equal(a[same], b[same])
        in_se = np.abs(a["beta"] - b["beta"]) / b["standard_error"]
        assert np.nanmax(in_se) < 1e-5
        np.testing.assert_allclose(a["call_rate"], b["call_rate"], rtol=1e-12)
    with caplog.at_level(logging.INFO):
        caplog.clear()
        again = scan(mt)
    assert "are used again" in caplog.text
    assert "is exported" not in caplog.text
    pd.testing.assert_frame_equal(first.table("y"), again.table("y"))


@pytest.mark.hail
def test_other_objects_and_other_sexes_are_exported_anew_and_files_go_with_them(mt, monkeypatch):
    monkeypatch.setattr(session_blocks, "LEAST_CALLS", 100)
    some = mt.head(30)
    cohort = gb.Cohort.from_mt(some)
    assert not block_files.has_session_blocks(cohort)
    exported = block_files.session_blocks(cohort)
    assert block_files.has_session_blocks(gb.Cohort.from_mt(some))
    assert not block_files.has_session_blocks(gb.Cohort.from_mt(mt.head(30)))
    other_sex = cohort.annotate_people(
        pd.DataFrame({"sex": 2}, index=cohort.people.table.index).astype("int8")
    )
    assert not block_files.has_session_blocks(other_sex)
    files = [Path(name) for name in exported.source.files]
    assert all(file.exists() for file in files)
    del some, cohort, other_sex
    gc.collect()
    assert not any(file.exists() for file in files)


@pytest.mark.hail
def test_dosages_stay_with_hail(mt, monkeypatch, hail_session, caplog):
    monkeypatch.setattr(session_blocks, "LEAST_CALLS", 100)
    of_dosages = mt.select_entries(DS=hail_session.float64(mt.GT.n_alt_alleles()))
    with caplog.at_level(logging.INFO):
        results = gb.associate(of_dosages, y=of_dosages.y)
    assert results.provenance["engine"] == "hail"
    assert "block files would round the dosages" in caplog.text
