"""Block files of a MatrixTable: the same genotypes, people and decisions, and the same scans."""

import logging

import numpy as np
import pandas as pd
import pytest

import gwasbone as gb
from gwasbone.cohort.sources.bed import BedSource, read_fam
from gwasbone.errors import InputError, UsageError

pytestmark = pytest.mark.hail

N, M = 60, 40


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"y": rng.standard_normal(N), "age": rng.uniform(40, 70, N)})
    return table.set_index(pd.Index([f"q{N - i}" for i in range(N)], name="IID"))


def matrix(hl, contigs, entry):
    """A MatrixTable on GRCh38; ``entry`` makes the fields of row i and column j."""
    mt = hl.utils.range_matrix_table(M, N, n_partitions=2)
    mt = mt.annotate_entries(**entry(hl.int32(mt.row_idx), hl.int32(mt.col_idx)))
    mt = mt.annotate_cols(sex=1 + mt.col_idx % 2)
    contig = hl.literal(contigs)[hl.int32(mt.row_idx)]
    mt = mt.annotate_rows(rsid="rs" + hl.str(mt.row_idx), contig=contig)
    mt = mt.key_cols_by(s="q" + hl.str(N - mt.col_idx))
    locus = hl.locus(mt.contig, 5_000_000 + 100 * hl.int32(mt.row_idx), "GRCh38")
    mt = mt.key_rows_by(locus=locus, alleles=["C", "T"])
    return mt.checkpoint(hl.utils.new_temp_file("made", "mt"))


@pytest.fixture(scope="module")
def calls(hail_session):
    """Autosome and X; men are mostly haploid on X, the calls of some people there are errors."""
    hl = hail_session
    rng = np.random.default_rng(8)
    G = rng.binomial(2, rng.uniform(0.1, 0.9, M)[:, None], (M, N))
    G[rng.random((M, N)) < 0.05] = -1
    G[3] = np.where(G[3] < 0, -1, 2)
    wrong = rng.random((M, N)) < 0.1  # het men and haploid women
    haploid = ((np.arange(N) % 2 == 0) != wrong) & (np.arange(M) >= M // 2)[:, None]

    def entry(i, j):
        g, one = hl.literal(G.tolist())[i][j], hl.literal(haploid.tolist())[i][j]
        call = hl.if_else(one, hl.call(hl.int32(g > 0)), hl.unphased_diploid_gt_index_call(g))
        return {"GT": hl.or_missing(g >= 0, call)}

    return matrix(hl, ["chr2"] * (M // 2) + ["chrX"] * (M // 2), entry)


def scanned(cohort, people, engine):
    return gb.associate(gb.annotate_phenotypes(cohort, people), ["y"], ["age"], engine=engine)


def assert_same(ours, theirs, se=2e-5):
    x, y = ours.table("y"), theirs.table("y")
    same = ["chromosome", "base_pair_location", "other_allele", "effect_allele", "source_id", "n"]
    pd.testing.assert_frame_equal(x[[*same, "status"]], y[[*same, "status"]])
    assert (x["status"] == "").any()
    np.testing.assert_allclose(x["call_rate"], y["call_rate"], rtol=1e-12)
    assert np.nanmax(np.abs(x["beta"] - y["beta"]) / y["standard_error"]) < se


def test_calls_become_a_bed_with_the_same_scan(calls, people, tmp_path):
    cohort = gb.Cohort.from_mt(calls)
    cohort = cohort.annotate_people(pd.DataFrame({"site": 1.5}, index=cohort.people.table.index))
    cohort = cohort.exclude_people("t", "some", np.arange(N) % 7 == 0, description="")
    cohort = cohort.exclude_variants("t", "some", np.arange(M) % 11 == 0, description="")
    exported = cohort.export(tmp_path / "chr")
    assert isinstance(exported.source, BedSource)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["chr.bed", "chr.bim", "chr.fam"]
    pd.testing.assert_frame_equal(exported.people.table, cohort.people.table)
    pd.testing.assert_frame_equal(exported.people.funnel(), cohort.people.funnel())
    pd.testing.assert_frame_equal(exported.variants.funnel(), cohort.variants.funnel())
    fam = read_fam(tmp_path / "chr.fam")
    assert fam["iid"].tolist() == people.index.tolist()
    assert fam["sex"].tolist() == [1, 2] * (N // 2)
    assert_same(scanned(exported, people, "blocks"), scanned(cohort, people, "hail"))


def test_from_mt_writes_block_files_and_the_files_stand_alone(calls, people, tmp_path):
    exported = gb.Cohort.from_mt(calls, export=tmp_path / "a")
    again = gb.read_genotypes(bfile=str(tmp_path / "a"), build="GRCh38")
    assert_same(scanned(exported, people, "blocks"), scanned(again, people, "blocks"), 1e-12)
    with pytest.raises(InputError, match=r"a\.bed: exists already.*overwrite=True"):
        gb.Cohort.from_mt(calls).export(tmp_path / "a.bed")
    second = gb.Cohort.from_mt(calls.filter_rows(calls.locus.contig == "chr2"))
    second.export(tmp_path / "a", overwrite=True)
    assert len(gb.read_genotypes(bfile=str(tmp_path / "a"), build="GRCh38").variants) == M // 2
    with pytest.raises(UsageError, match="in block files already"):
        exported.export(tmp_path / "b")


def test_an_export_that_fails_leaves_nothing(calls, tmp_path, hail_session):
    broken = hail_session.case().when(calls.GT.is_hom_ref(), calls.GT).or_error("broken here")
    with pytest.raises(Exception, match="broken here"):
        gb.Cohort.from_mt(calls.annotate_entries(GT=broken)).export(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
    spaced = calls.key_cols_by(s="a b " + calls.s)
    with pytest.raises(InputError, match=r"IDs without blanks, got 'a b q60'"):
        gb.Cohort.from_mt(spaced, export=tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def dosages(hl, field):
    P = np.random.default_rng(12).dirichlet([1, 1, 1], (M, N))

    def entry(i, j):
        GP = hl.or_missing((i + j) % 17 != 0, hl.literal(P.tolist())[i][j])
        return {field: GP if field == "GP" else GP[1] + 2 * GP[2]}

    return matrix(hl, ["chr2"] * M, entry)


@pytest.mark.parametrize("field", ["GP", "DS"])
@pytest.mark.slow
def test_dosages_become_a_bgen(hail_session, people, tmp_path, caplog, field):
    mt = dosages(hail_session, field)
    with caplog.at_level(logging.WARNING):
        exported = gb.Cohort.from_mt(mt).export(tmp_path / "imputed")
    assert ("made from dosages" in caplog.text) == (field == "DS")
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["imputed.bgen", "imputed.sample"]
    assert exported.people.table["sex"].tolist() == [1, 2] * (N // 2)
    cohort = gb.Cohort.from_mt(mt)
    ours, theirs = (c.mt.key_cols_by().localize_entries("e", "c").e.dosage.collect()
                    for c in (exported, cohort))  # fmt: skip
    ours, theirs = np.array(ours, float), np.array(theirs, float)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    assert np.isnan(ours).any()
    assert 0 < np.nanmax(np.abs(ours - theirs)) <= 1.01 / 255
    if field == "GP":
        assert_same(scanned(exported, people, "auto"), scanned(cohort, people, "hail"), 0.02)
