"""Pruning, components, kinship and LD of BGEN files, without Hail: as of a .bed of the calls."""

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed
from made_bgen import MadeVariant, random_probabilities, write_bgen

import gwasbone as gb
from gwasbone import session
from gwasbone.cohort.ld import ld_table
from gwasbone.cohort.pca import principal_components
from gwasbone.cohort.prune import prune
from gwasbone.cohort.relatedness import relatedness
from gwasbone.cohort.sources.calls import packed_rows

N, M_AUTOSOME, M_X = 77, 120, 30
M = M_AUTOSOME + M_X


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    """The same people and variants as BGEN, of which a part is missing, and as .bed."""
    folder = tmp_path_factory.mktemp("packed")
    rng = np.random.default_rng(17)
    sex = rng.integers(1, 3, N)
    P = random_probabilities(rng, M, N)
    for i in range(1, M):  # neighbours are alike, so that there is something to prune
        alike = rng.random(N) < 0.6 * (i % 4 > 0)
        P[i, alike] = P[i - 1, alike]
    P[7], P[8] = [100, 100], [0, 127]  # two equally probable; the greatest by a unit
    gone = rng.random((M, N)) < 0.04
    chromosome = ["2"] * M_AUTOSOME + ["X"] * M_X
    position = 3_000_000 + 5_000 * np.arange(M)
    variants = [
        MadeVariant(P[i], chromosome[i], int(position[i]), missing=gone[i], source_id=f"v{i}")
        for i in range(M)
    ]
    path = write_bgen(folder / "a.bgen", variants, sex=sex)
    three = np.concatenate([P, 255 - P.sum(axis=2, keepdims=True)], axis=2)
    calls = three.argmax(axis=2).astype(np.float32)
    tied = (three == three.max(axis=2, keepdims=True)).sum(axis=2) > 1
    calls[gone | tied] = np.nan
    told = {
        "fid": ["f"] * N, "iid": [f"i{i}" for i in range(N)], "sex": sex, "sid": [
            f"v{i}" for i in range(M)
        ], "chromosome": chromosome, "bp_position": position, "allele_1": ["G"] * M,
        "allele_2": ["A"] * M,
    }  # fmt: skip
    to_bed(folder / "b.bed", calls.T, properties=told)
    made = (
        gb.read_genotypes(bgen=str(path), sample=path.with_suffix(".sample"), build="GRCh37"),
        gb.read_genotypes(bfile=str(folder / "b"), build="GRCh37"),
    )
    left_out = np.arange(N) % 10 == 3
    return [
        cohort.exclude_people("t", "some", left_out, description="").exclude_variants(
            "t", "some", np.arange(M) % 23 == 0, description=""
        )
        for cohort in made
    ]


@pytest.fixture(autouse=True)
def without_hail(monkeypatch):
    monkeypatch.setattr(session, "hail", lambda: pytest.fail("Hail was asked for"))


def test_the_calls_themselves(cohorts):
    chosen = np.flatnonzero(cohorts[0].variants.kept)[::-1]  # in any order
    ours, theirs = (packed_rows(cohort, chosen) for cohort in cohorts)
    assert ours.columns.n_words == -(-cohorts[0].people.n_kept // 32)
    everyone = slice(None)

    def pairs(rows):
        bits = np.unpackbits(rows[everyone].view(np.uint8), axis=1, bitorder="little")
        return bits.reshape(len(rows), -1, 2)[:, rows.columns.slots]

    np.testing.assert_array_equal(pairs(ours), pairs(theirs))


@pytest.mark.parametrize(
    "rule", [{"window": "200kb", "r2": 0.2}, {"window": "20", "step": 5, "r2": 0.1, "maf": 0.1}]
)
def test_pruning(cohorts, rule):
    ours, theirs = (prune(cohort, **rule) for cohort in cohorts)
    assert ours["source_id"].tolist() == theirs["source_id"].tolist()
    assert 0 < len(ours) < M
    assert (ours["chromosome"] == 23).any()


def test_components_and_projections(cohorts):
    ours, theirs = (principal_components(c, c.variants.kept, k=3, seed=2) for c in cohorts)
    np.testing.assert_allclose(ours.eigenvalues, theirs.eigenvalues, rtol=1e-6)
    pd.testing.assert_frame_equal(ours.scores, theirs.scores, rtol=1e-4, atol=1e-6)
    projected, theirs_projected = (gb.project(c, theirs) for c in cohorts)
    pd.testing.assert_frame_equal(projected, theirs_projected, rtol=1e-6, atol=1e-9)


def test_kinship_and_pairs_in_ld(cohorts):
    ours, theirs = (relatedness(cohort, min_kinship=-1.0) for cohort in cohorts)
    pd.testing.assert_frame_equal(ours, theirs)
    assert len(ours) > 100
    pairs, other_pairs = (ld_table(cohort, window="50kb", r2_min=0.05) for cohort in cohorts)
    shared = ["position_1_bp", "position_2_bp", "r2"]
    pd.testing.assert_frame_equal(pairs[shared], other_pairs[shared])
    assert len(pairs) > 20
